import { copyInto } from "./copy-into.ts";

/** A set of whole numbers from 0 to below `size`: one bit each. */
const ALL = 0xffff_ffff;

export class BitSet {
  #words: Uint32Array;

  constructor(size: number) {
    this.#words = new Uint32Array(Math.ceil(size / 32));
  }

  /** Have room for numbers to below `size`, too. */
  grow(size: number): void {
    if (size > 32 * this.#words.length) this.#words = copyInto(this.#words, new Uint32Array(Math.ceil(size / 32)));
  }

  has(number: number): boolean {
    return ((this.#words[number >>> 5] >>> (number & 31)) & 1) !== 0;
  }

  add(number: number): void {
    this.#words[number >>> 5] |= 1 << (number & 31);
  }

  delete(number: number): void {
    this.#words[number >>> 5] &= ~(1 << (number & 31));
  }

  clear(): void {
    this.#words.fill(0);
  }

  /** Add all numbers from `from` to below `to`. */
  addRange(from: number, to: number): void {
    if (from >= to) return;
    const words = this.#words;
    const first = from >>> 5;
    const last = (to - 1) >>> 5;
    const begin = ALL << (from & 31);
    const end = ALL >>> (31 - ((to - 1) & 31));
    if (first === last) words[first] |= begin & end;
    else {
      words[first] |= begin;
      words.fill(ALL, first + 1, last);
      words[last] |= end;
    }
  }

  /** Delete all numbers from `from` to below `to`. */
  deleteRange(from: number, to: number): void {
    if (from >= to) return;
    const words = this.#words;
    const first = from >>> 5;
    const last = (to - 1) >>> 5;
    const begin = ALL << (from & 31);
    const end = ALL >>> (31 - ((to - 1) & 31));
    if (first === last) words[first] &= ~(begin & end);
    else {
      words[first] &= ~begin;
      words.fill(0, first + 1, last);
      words[last] &= ~end;
    }
  }

  /** The least number in the set from `from` on, or -1. */
  next(from: number): number {
    const words = this.#words;
    let at = from >>> 5;
    if (at >= words.length) return -1;
    let word = words[at] & (ALL << (from & 31));
    while (word === 0) {
      if (++at === words.length) return -1;
      word = words[at];
    }
    return 32 * at + 31 - Math.clz32(word & -word);
  }
}
