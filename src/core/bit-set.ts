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
    this.#fillRange(from, to, ALL);
  }

  /** Delete all numbers from `from` to below `to`. */
  deleteRange(from: number, to: number): void {
    this.#fillRange(from, to, 0);
  }

  #fillRange(from: number, to: number, bits: number): void {
    if (from >= to) return;
    const first = from >>> 5;
    const last = (to - 1) >>> 5;
    const begin = ALL << (from & 31);
    const end = ALL >>> (31 - ((to - 1) & 31));
    if (first === last) return this.#fillWord(first, begin & end, bits);
    this.#fillWord(first, begin, bits);
    this.#words.fill(bits, first + 1, last);
    this.#fillWord(last, end, bits);
  }

  #fillWord(word: number, mask: number, bits: number): void {
    this.#words[word] = (this.#words[word] & ~mask) | (bits & mask);
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
