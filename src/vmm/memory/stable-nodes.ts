/**
 * KSM's stable tree: frames that guest pages share read-only, by content (Linux, `Documentation/admin-guide/mm/ksm.rst`).
 *
 * A node is a shared frame and the pages that were merged into it. At most `maxPageSharing` pages may be; further pages of
 * that content need another node, and only nodes with room are found. A page that is written to leaves its frame at once,
 * but is counted with the node until the scan next comes by.
 */
import { copyInto } from "../../core/copy-into.ts";
import type { MachineFrames } from "../../machine/frames.ts";

export const NO_NODE = -1;
/** In place of the frame: it has been freed, but no page has been found to have left it. */
const FREED = -1;
/** The same, and the node no longer counts. */
const PRUNED = -2;
const FIRST_CAPACITY = 1024;

export class StableNodes {
  /** Nodes, and the pages merged into them beyond the first: what is saved. */
  shared = 0;
  sharing = 0;
  readonly #frames: MachineFrames;
  readonly #maxPages: number;
  /** MPN, or what is said above. */
  #frame = new Int32Array(FIRST_CAPACITY);
  /** Pages that are counted with the node. */
  #pages = new Int32Array(FIRST_CAPACITY);
  /** Of a node with room, the next one in its bucket; of an unused entry, the next unused one. */
  #next = new Int32Array(FIRST_CAPACITY);
  /** Nodes with room, by content; as many buckets as entries. */
  #buckets = new Int32Array(FIRST_CAPACITY).fill(NO_NODE);
  #entries = 0;
  #unused = NO_NODE;

  constructor(frames: MachineFrames, maxPageSharing: number) {
    this.#frames = frames;
    this.#maxPages = maxPageSharing;
  }

  /** A node of that content with room for a page; the one that got room last. */
  find(content: number): number {
    const contents = this.#frames.content;
    let node = this.#buckets[this.#bucketOf(content)];
    while (node !== NO_NODE && contents[this.#frame[node]] !== content) node = this.#next[node];
    return node;
  }

  frameOf(node: number): number {
    return this.#frame[node];
  }

  /** A shared frame that two pages have just been merged into. */
  add(mpn: number): number {
    const node = this.#newEntry();
    this.#frame[node] = mpn;
    this.#pages[node] = 2;
    this.shared++;
    this.sharing++;
    if (this.#maxPages > 2) this.#link(node);
    return node;
  }

  join(node: number): void {
    this.sharing++;
    if (++this.#pages[node] === this.#maxPages) this.#unlink(node);
  }

  /** The scan finds that a page of the node is not mapped to its frame any more. */
  leave(node: number): void {
    const place = this.#frame[node];
    const before = this.#pages[node]--;
    if (place === FREED) this.#prune(node, before);
    else if (place !== PRUNED) {
      this.sharing--;
      if (before === this.#maxPages) this.#link(node);
    }
    if (this.#pages[node] === 0) this.#release(node);
  }

  /** Nobody maps the node's frame any more; the frame still has its content. */
  loseFrame(node: number): void {
    if (this.#pages[node] < this.#maxPages) this.#unlink(node);
    this.#frame[node] = FREED;
  }

  #prune(node: number, pages: number): void {
    this.shared--;
    this.sharing -= pages - 1;
    this.#frame[node] = PRUNED;
  }

  #link(node: number): void {
    const bucket = this.#bucketOf(this.#frames.content[this.#frame[node]]);
    this.#next[node] = this.#buckets[bucket];
    this.#buckets[bucket] = node;
  }

  #unlink(node: number): void {
    const bucket = this.#bucketOf(this.#frames.content[this.#frame[node]]);
    let at = this.#buckets[bucket];
    if (at === node) {
      this.#buckets[bucket] = this.#next[node];
      return;
    }
    while (this.#next[at] !== node) at = this.#next[at];
    this.#next[at] = this.#next[node];
  }

  #release(node: number): void {
    this.#next[node] = this.#unused;
    this.#unused = node;
  }

  #newEntry(): number {
    if (this.#unused === NO_NODE) {
      if (this.#entries === this.#frame.length) this.#grow();
      return this.#entries++;
    }
    const node = this.#unused;
    this.#unused = this.#next[node];
    return node;
  }

  /** There is no unused entry: every one is a node. */
  #grow(): void {
    const capacity = 2 * this.#entries;
    this.#frame = copyInto(this.#frame, new Int32Array(capacity));
    this.#pages = copyInto(this.#pages, new Int32Array(capacity));
    this.#next = copyInto(this.#next, new Int32Array(capacity));
    this.#buckets = new Int32Array(capacity).fill(NO_NODE);
    for (let node = this.#entries - 1; node >= 0; node--) {
      if (this.#frame[node] >= 0 && this.#pages[node] < this.#maxPages) this.#link(node);
    }
  }

  /** Ids of contents are handed out in order: unmixed they spread evenly, and pages visited in a row share cache lines. */
  #bucketOf(content: number): number {
    return content & (this.#buckets.length - 1);
  }
}
