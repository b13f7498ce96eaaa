/**
 * The contents in KSM's stable tree. Each has one node, or from the second on a chain of them, which stays when nodes go until
 * somebody notices that it is empty or has one node only (Linux, mm/ksm.c).
 */
import { copyInto } from "../../core/copy-into.ts";
import { ContentTree, NO_ENTRY } from "./content-tree.ts";

export const NO_NODE = -1;
const FIRST_CAPACITY = 1024;

export class StableContents {
  readonly #tree = new ContentTree();
  content = new Uint32Array(FIRST_CAPACITY);
  /** Its nodes, in the order in which they are tried. */
  first = new Int32Array(FIRST_CAPACITY);
  /** How many of them have room. */
  withRoom = new Int32Array(FIRST_CAPACITY);
  isChain = new Uint8Array(FIRST_CAPACITY);
  /** When all nodes of the chain were looked at last, ms. */
  prunedAt = new Float64Array(FIRST_CAPACITY);
  /** The next one in its bucket; of an unused entry, the next unused one. */
  #next = new Int32Array(FIRST_CAPACITY);
  /** By content; as many buckets as entries. */
  #buckets = new Int32Array(FIRST_CAPACITY);
  /** Entries that are not in the tree yet, in the order in which they were added. */
  #waiting = new Int32Array(FIRST_CAPACITY);
  #waitingEntries = 0;
  #entries = 1;
  #unused = NO_ENTRY;

  constructor() {
    this.#tree.grow(FIRST_CAPACITY);
  }

  /** As long as nothing is to be noticed nobody asks for it, and what is added need not find its place. */
  get tree(): ContentTree {
    for (let i = 0; i < this.#waitingEntries; i++) {
      const entry = this.#waiting[i];
      this.#tree.insert(entry, this.content[entry]);
    }
    this.#waitingEntries = 0;
    return this.#tree;
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
    this.#waiting[this.#waitingEntries++] = entry;
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
    this.prunedAt = copyInto(this.prunedAt, new Float64Array(capacity));
    this.#waiting = copyInto(this.#waiting, new Int32Array(capacity));
    this.#next = new Int32Array(capacity);
    this.#buckets = new Int32Array(capacity);
    this.#tree.grow(capacity);
    for (let entry = this.#entries - 1; entry > 0; entry--) this.#link(entry);
  }

  /** Ids of contents are handed out in order: unmixed they spread evenly, and pages visited in a row share cache lines. */
  #bucketOf(content: number): number {
    return content & (this.#buckets.length - 1);
  }
}
