/**
 * KSM's stable tree: frames that guest pages share read-only, by content (Linux, `Documentation/admin-guide/mm/ksm.rst`).
 *
 * A node is a shared frame and the pages that were merged into it. At most `maxPageSharing` pages may be; further pages of
 * that content need another node, and only nodes with room are found. A page that is written to leaves its frame at once,
 * but is counted with the node until the scan next comes by. A frame that all have left is freed, and its node is counted until
 * the scan comes by one of the pages, or a search through the tree by the node.
 */
import { copyInto } from "../../core/copy-into.ts";
import type { MachineFrames } from "../../machine/frames.ts";
import { ContentTree, NO_ENTRY } from "./content-tree.ts";

export const NO_NODE = -1;
/** In place of the frame: it has been freed, and nobody has noticed. */
const FREED = -1;
/** The same, and the node no longer counts. */
const PRUNED = -2;
const FIRST_CAPACITY = 1024;

/** Nodes of a content: one, or from the second on a chain, which stays when nodes go. */
class Contents {
  readonly tree = new ContentTree();
  content = new Uint32Array(FIRST_CAPACITY);
  /** Its nodes, in the order in which they are tried. */
  first = new Int32Array(FIRST_CAPACITY);
  /** How many of them have room. */
  withRoom = new Int32Array(FIRST_CAPACITY);
  isChain = new Uint8Array(FIRST_CAPACITY);
  /** The next one in its bucket; of an unused entry, the next unused one. */
  #next = new Int32Array(FIRST_CAPACITY);
  /** By content; as many buckets as entries. */
  #buckets = new Int32Array(FIRST_CAPACITY);
  #entries = 1;
  #unused = NO_ENTRY;

  constructor() {
    this.tree.grow(FIRST_CAPACITY);
  }

  find(content: number): number {
    let entry = this.#buckets[this.#bucketOf(content)];
    while (entry !== NO_ENTRY && this.content[entry] !== content) entry = this.#next[entry];
    return entry;
  }

  add(content: number): number {
    const entry = this.#newEntry();
    this.content[entry] = content;
    this.first[entry] = NO_NODE;
    this.withRoom[entry] = 0;
    this.isChain[entry] = 0;
    this.#link(entry);
    this.tree.insert(entry, content);
    return entry;
  }

  remove(entry: number): void {
    const bucket = this.#bucketOf(this.content[entry]);
    let at = this.#buckets[bucket];
    if (at === entry) this.#buckets[bucket] = this.#next[entry];
    else {
      while (this.#next[at] !== entry) at = this.#next[at];
      this.#next[at] = this.#next[entry];
    }
    this.tree.remove(entry);
    this.#next[entry] = this.#unused;
    this.#unused = entry;
  }

  #link(entry: number): void {
    const bucket = this.#bucketOf(this.content[entry]);
    this.#next[entry] = this.#buckets[bucket];
    this.#buckets[bucket] = entry;
  }

  #newEntry(): number {
    if (this.#unused === NO_ENTRY) {
      if (this.#entries === this.content.length) this.#grow();
      return this.#entries++;
    }
    const entry = this.#unused;
    this.#unused = this.#next[entry];
    return entry;
  }

  /** There is no unused entry. */
  #grow(): void {
    const capacity = 2 * this.#entries;
    this.content = copyInto(this.content, new Uint32Array(capacity));
    this.first = copyInto(this.first, new Int32Array(capacity));
    this.withRoom = copyInto(this.withRoom, new Int32Array(capacity));
    this.isChain = copyInto(this.isChain, new Uint8Array(capacity));
    this.#next = new Int32Array(capacity);
    this.#buckets = new Int32Array(capacity);
    this.tree.grow(capacity);
    for (let entry = this.#entries - 1; entry > 0; entry--) this.#link(entry);
  }

  /** Ids of contents are handed out in order: unmixed they spread evenly, and pages visited in a row share cache lines. */
  #bucketOf(content: number): number {
    return content & (this.#buckets.length - 1);
  }
}

export class StableNodes {
  /** Nodes, and the pages merged into them beyond the first: what is saved. */
  shared = 0;
  sharing = 0;
  readonly #frames: MachineFrames;
  readonly #maxPages: number;
  readonly #contents = new Contents();
  /** Nodes whose frames have been freed, and chains that have no nodes any more, which nobody has noticed. */
  #unnoticed = 0;
  /** MPN, or what is said above. */
  #frame = new Int32Array(FIRST_CAPACITY);
  /** Pages that are counted with the node. */
  #pages = new Int32Array(FIRST_CAPACITY);
  /** Entry of its content. */
  #entry = new Int32Array(FIRST_CAPACITY);
  /** Nodes of the same content; of an unused number, `#next` is the next unused one. */
  #next = new Int32Array(FIRST_CAPACITY);
  #before = new Int32Array(FIRST_CAPACITY);
  #nodes = 0;
  #unused = NO_NODE;

  constructor(frames: MachineFrames, maxPageSharing: number) {
    this.#frames = frames;
    this.#maxPages = maxPageSharing;
  }

  /** A node of that content with room for a page: the first one of a chain, where it then is. */
  find(content: number): number {
    if (this.#unnoticed > 0) this.#comeBy(content);
    const contents = this.#contents;
    const entry = contents.find(content);
    if (entry === NO_ENTRY || contents.withRoom[entry] === 0) return NO_NODE;
    let node = contents.first[entry];
    while (!this.#hasRoom(node)) node = this.#next[node];
    // Not if it is full with this page (Linux, mm/ksm.c, stable_node_dup).
    if (node !== contents.first[entry] && this.#pages[node] + 1 < this.#maxPages) {
      this.#takeOut(node);
      this.#putFirst(node);
    }
    return node;
  }

  frameOf(node: number): number {
    return this.#frame[node];
  }

  /** A shared frame that two pages have just been merged into. */
  add(mpn: number): number {
    const content = this.#frames.content[mpn];
    if (this.#unnoticed > 0) this.#comeBy(content);
    const contents = this.#contents;
    const known = contents.find(content);
    const entry = known === NO_ENTRY ? contents.add(content) : known;
    if (known !== NO_ENTRY) contents.isChain[entry] = 1;
    const node = this.#newNode();
    this.#frame[node] = mpn;
    this.#pages[node] = 2;
    this.#entry[node] = entry;
    this.#putFirst(node);
    this.shared++;
    this.sharing++;
    if (this.#hasRoom(node)) contents.withRoom[entry]++;
    return node;
  }

  join(node: number): void {
    this.sharing++;
    if (++this.#pages[node] === this.#maxPages) this.#contents.withRoom[this.#entry[node]]--;
  }

  /** The scan finds that a page of the node is not mapped to its frame any more. */
  leave(node: number): void {
    if (this.#frame[node] === FREED) this.#prune(node);
    const before = this.#pages[node]--;
    if (this.#frame[node] !== PRUNED) {
      this.sharing--;
      if (before === this.#maxPages) this.#contents.withRoom[this.#entry[node]]++;
    }
    if (this.#pages[node] === 0) this.#release(node);
  }

  /** Nobody maps the node's frame any more. */
  loseFrame(node: number): void {
    if (this.#hasRoom(node)) this.#contents.withRoom[this.#entry[node]]--;
    this.#frame[node] = FREED;
    this.#unnoticed++;
  }

  #hasRoom(node: number): boolean {
    return this.#frame[node] >= 0 && this.#pages[node] < this.#maxPages;
  }

  /** What a search for a content notices on its way through the tree; it begins anew where the tree has changed for that. */
  #comeBy(content: number): void {
    const { tree } = this.#contents;
    let entry = tree.root;
    while (entry !== NO_ENTRY) entry = this.#lookThrough(entry) ? tree.next(entry, content) : tree.root;
  }

  /** Look at nodes until one has room (Linux, mm/ksm.c, stable_node_dup). Returns whether the content is still in the tree. */
  #lookThrough(entry: number): boolean {
    const contents = this.#contents;
    let node = contents.first[entry];
    if (node === NO_NODE) {
      this.#unnoticed--;
      contents.remove(entry);
      return false;
    }
    if (contents.isChain[entry] === 0) {
      if (this.#frame[node] !== FREED) return true;
      this.#prune(node);
      return false;
    }
    while (node !== NO_NODE && !this.#hasRoom(node)) {
      const next = this.#next[node];
      if (this.#frame[node] === FREED) this.#prune(node);
      node = next;
    }
    return contents.first[entry] !== NO_NODE || this.#lookThrough(entry);
  }

  /** A node without a frame goes, and with it what is counted there; its pages are found to have left one by one. */
  #prune(node: number): void {
    const contents = this.#contents;
    const entry = this.#entry[node];
    this.#unnoticed--;
    this.shared--;
    this.sharing -= this.#pages[node] - 1;
    this.#frame[node] = PRUNED;
    this.#takeOut(node);
    if (contents.first[entry] !== NO_NODE) return;
    if (contents.isChain[entry] === 1) this.#unnoticed++;
    else contents.remove(entry);
  }

  #putFirst(node: number): void {
    const { first } = this.#contents;
    const entry = this.#entry[node];
    const second = first[entry];
    this.#before[node] = NO_NODE;
    this.#next[node] = second;
    if (second !== NO_NODE) this.#before[second] = node;
    first[entry] = node;
  }

  #takeOut(node: number): void {
    const [before, next] = [this.#before[node], this.#next[node]];
    if (before === NO_NODE) this.#contents.first[this.#entry[node]] = next;
    else this.#next[before] = next;
    if (next !== NO_NODE) this.#before[next] = before;
  }

  #release(node: number): void {
    this.#next[node] = this.#unused;
    this.#unused = node;
  }

  #newNode(): number {
    if (this.#unused === NO_NODE) {
      if (this.#nodes === this.#frame.length) this.#grow();
      return this.#nodes++;
    }
    const node = this.#unused;
    this.#unused = this.#next[node];
    return node;
  }

  /** There is no unused number: every one is a node. */
  #grow(): void {
    const capacity = 2 * this.#nodes;
    this.#frame = copyInto(this.#frame, new Int32Array(capacity));
    this.#pages = copyInto(this.#pages, new Int32Array(capacity));
    this.#entry = copyInto(this.#entry, new Int32Array(capacity));
    this.#next = copyInto(this.#next, new Int32Array(capacity));
    this.#before = copyInto(this.#before, new Int32Array(capacity));
  }
}
