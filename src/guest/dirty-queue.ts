/** Pages in the order in which they became dirty, each at most once, with the time: a ring that grows with what is in it. */
import { BitSet } from "../core/bit-set.ts";

const FIRST_LENGTH = 64;

export class DirtyQueue {
  length = 0;
  #head = 0;
  #page = new Int32Array(FIRST_LENGTH);
  #since = new Float64Array(FIRST_LENGTH);
  readonly #within: BitSet;

  /** `pages`: how many there may be. */
  constructor(pages: number) {
    this.#within = new BitSet(pages);
  }

  /** One that is here already keeps its place. */
  add(page: number, since: number): void {
    if (this.#within.has(page)) return;
    this.#within.add(page);
    if (this.length === this.#page.length) this.#grow();
    const end = (this.#head + this.length++) % this.#page.length;
    this.#page[end] = page;
    this.#since[end] = since;
  }

  /** When the page became dirty that has been here longest; Infinity: there is none. */
  get oldest(): number {
    return this.length > 0 ? this.#since[this.#head] : Infinity;
  }

  /** Take out the page that has been here longest; there must be one. */
  take(): number {
    const page = this.#page[this.#head];
    this.#within.delete(page);
    this.#head = (this.#head + 1) % this.#page.length;
    this.length--;
    return page;
  }

  /** Twice as long, with the page that has been here longest first. */
  #grow(): void {
    const [pages, since, head] = [this.#page, this.#since, this.#head];
    this.#page = new Int32Array(2 * pages.length);
    this.#since = new Float64Array(2 * since.length);
    this.#page.set(pages.subarray(head));
    this.#page.set(pages.subarray(0, head), pages.length - head);
    this.#since.set(since.subarray(head));
    this.#since.set(since.subarray(0, head), since.length - head);
    this.#head = 0;
  }
}
