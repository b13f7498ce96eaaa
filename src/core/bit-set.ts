/** A set of whole numbers from 0 to below `size`: one bit each. */
export class BitSet {
  readonly #words: Uint32Array;

  constructor(size: number) {
    this.#words = new Uint32Array(Math.ceil(size / 32));
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
}
