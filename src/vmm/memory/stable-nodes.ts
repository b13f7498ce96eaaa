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
import { NO_ENTRY } from "./content-tree.ts";
import { NO_NODE, StableContents } from "./stable-contents.ts";

/** In place of the frame: it has been freed, and nobody has noticed. */
const FREED = -1;
/** The same, and the node no longer counts. */
const PRUNED = -2;
/** In place of a node: the content had none any more, and has been removed. */
const GONE = -2;
const FIRST_CAPACITY = 1024;

export class StableNodes {
  /** Nodes, and the pages merged into them beyond the first: what is saved. */
  shared = 0;
  sharing = 0;
  /** The time, for chains to be looked through now and then. */
  timeMs = 0;
  readonly #frames: MachineFrames;
  readonly #maxPages: number;
  readonly #pruneMs: number;
  readonly #contents = new StableContents();
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

  constructor(frames: MachineFrames, maxPageSharing: number, pruneMs: number) {
    this.#frames = frames;
    this.#maxPages = maxPageSharing;
    this.#pruneMs = pruneMs;
  }

  /** A node of that content with room for a page; NO_NODE: there is none. */
  find(content: number): number {
    if (this.#unnoticed > 0) return this.#search(content, true);
    const entry = this.#contents.find(content);
    return entry === NO_ENTRY ? NO_NODE : this.#choose(entry, this.#mustPrune(entry));
  }

  frameOf(node: number): number {
    return this.#frame[node];
  }

  /** A shared frame that two pages have just been merged into. */
  add(mpn: number): number {
    const content = this.#frames.content[mpn];
    if (this.#unnoticed > 0) this.#search(content, false);
    const contents = this.#contents;
    const known = contents.find(content);
    const entry = known === NO_ENTRY ? contents.add(content) : known;
    if (known !== NO_ENTRY && contents.isChain[entry] === 0) {
      contents.isChain[entry] = 1;
      contents.prunedAt[entry] = this.timeMs;
    }
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

  /** Nodes of a chain are looked at until one has room, from time to time all of them. */
  #mustPrune(entry: number): boolean {
    const { isChain, prunedAt } = this.#contents;
    return isChain[entry] === 1 && this.timeMs >= prunedAt[entry] + this.#pruneMs;
  }

  /** The first node with room, of all of them the fullest, which then is the first (Linux, mm/ksm.c, stable_node_dup). */
  #choose(entry: number, all: boolean): number {
    const { first, withRoom, isChain, prunedAt } = this.#contents;
    if (all) prunedAt[entry] = this.timeMs;
    else if (withRoom[entry] === 0 && this.#unnoticed === 0) return NO_NODE;
    let [found, count] = [NO_NODE, 0];
    for (let node = first[entry]; node !== NO_NODE; ) {
      const next = this.#next[node];
      if (this.#frame[node] === FREED) this.#prune(node);
      else count++;
      if (this.#hasRoom(node) && (found === NO_NODE || this.#pages[node] > this.#pages[found])) found = node;
      node = all || found === NO_NODE ? next : NO_NODE;
    }
    if (found === NO_NODE) return NO_NODE;
    if (all && count === 1) isChain[entry] = 0;
    // Not if it is full with this page.
    else if (found !== first[entry] && this.#pages[found] + 1 < this.#maxPages) {
      this.#takeOut(found);
      this.#putFirst(found);
    }
    return found;
  }

  /**
   * A search through the tree, which notices what is gone on its way and begins anew where the tree has changed for that.
   * Returns as {@link find}; `prunes`: chains may be looked through.
   */
  #search(content: number, prunes: boolean): number {
    const contents = this.#contents;
    const { tree } = contents;
    let chosen = NO_NODE;
    for (let entry = tree.root; entry !== NO_ENTRY; ) {
      const node = this.#comeBy(entry, prunes);
      if (contents.content[entry] === content) chosen = node;
      entry = node === GONE ? tree.root : tree.next(entry, content);
    }
    return chosen === GONE ? NO_NODE : chosen;
  }

  /** A node of the entry's with room; NO_NODE: there is none with room; GONE: there is none, nor the entry. */
  #comeBy(entry: number, prunes: boolean): number {
    const contents = this.#contents;
    const node = contents.first[entry];
    if (contents.isChain[entry] === 0) {
      if (this.#frame[node] !== FREED) return this.#hasRoom(node) ? node : NO_NODE;
      this.#prune(node);
      return GONE;
    }
    const chosen = node === NO_NODE ? NO_NODE : this.#choose(entry, prunes && this.#mustPrune(entry));
    if (contents.first[entry] !== NO_NODE) return chosen;
    this.#unnoticed--;
    contents.remove(entry);
    return GONE;
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
