/** Pages by when they are needed next: a binary heap with the furthest on top, on typed arrays, in which keys can change. */
import { copyInto } from "../../core/copy-into.ts";

const ABSENT = -1;

export class FurthestUse {
  #length = 0;
  #heap = new Int32Array(0);
  /** By page: its next use, and where in the heap it is. */
  #key = new Float64Array(0);
  #place = new Int32Array(0);

  /** There are pages with numbers below `pages`. */
  grow(pages: number): void {
    const before = this.#place.length;
    this.#heap = copyInto(this.#heap, new Int32Array(pages));
    this.#key = copyInto(this.#key, new Float64Array(pages));
    this.#place = copyInto(this.#place, new Int32Array(pages).fill(ABSENT, before));
  }

  /** From now on a page counts, with this next use. */
  set(page: number, nextUse: number): void {
    if (this.#place[page] === ABSENT) {
      this.#place[page] = this.#length;
      this.#heap[this.#length++] = page;
    }
    this.#key[page] = nextUse;
    this.#rise(page);
    this.#sink(page);
  }

  keyOf(page: number): number {
    return this.#key[page];
  }

  /** The page needed last; of several, the one with the highest number. -1: there is none. */
  take(): number {
    if (this.#length === 0) return ABSENT;
    const top = this.#heap[0];
    const last = this.#heap[--this.#length];
    this.#place[top] = ABSENT;
    if (last !== top) {
      this.#put(last, 0);
      this.#sink(last);
    }
    return top;
  }

  #rise(page: number): void {
    let at = this.#place[page];
    for (; at > 0; at = (at - 1) >> 1) {
      const parent = this.#heap[(at - 1) >> 1];
      if (!this.#isFurther(page, parent)) break;
      this.#put(parent, at);
    }
    this.#put(page, at);
  }

  #sink(page: number): void {
    let at = this.#place[page];
    for (let child = 2 * at + 1; child < this.#length; child = 2 * at + 1) {
      if (child + 1 < this.#length && this.#isFurther(this.#heap[child + 1], this.#heap[child])) child++;
      if (!this.#isFurther(this.#heap[child], page)) break;
      this.#put(this.#heap[child], at);
      at = child;
    }
    this.#put(page, at);
  }

  #put(page: number, at: number): void {
    this.#heap[at] = page;
    this.#place[page] = at;
  }

  #isFurther(one: number, other: number): boolean {
    const [a, b] = [this.#key[one], this.#key[other]];
    return a > b || (a === b && one > other);
  }
}
