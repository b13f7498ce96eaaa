/**
 * A memory reference trace as the sequence of pages it touches. A reference that straddles a page boundary touches both
 * pages, low page first. Pages are numbered in order of first touch, so that whatever is kept per page is an array.
 */

/** Kinds of reference. */
export const Reference = { Instruction: 0, Load: 1, Store: 2, Modify: 3 } as const;

/** Set in the kind of a touch that is the second page of a straddling reference: not a reference of its own. */
export const SECOND_PAGE = 4;

export interface ReferenceTrace {
  /** Number of touches: references plus straddling references. */
  readonly length: number;
  /** Kind of reference, with {@link SECOND_PAGE} or without, by touch. */
  readonly kind: Uint8Array;
  /** Page by touch: an index into {@link pageNumbers}. */
  readonly page: Uint32Array;
  /** Address >> 12, by page; below 2^52, so exact. */
  readonly pageNumbers: Float64Array;
}

/** References of a trace; one across a page boundary has two touches. */
export function referenceCount({ kind, length }: ReferenceTrace): number {
  let second = 0;
  for (let i = 0; i < length; i++) second += kind[i] & SECOND_PAGE;
  return length - second / SECOND_PAGE;
}

/** Collects touches; the arrays double when full. */
export class ReferenceTraceBuilder {
  #length = 0;
  #kind = new Uint8Array(1 << 16);
  #page = new Uint32Array(1 << 16);
  readonly #pages = new PageIndex();

  /** A reference to one page, or to that page and the next. */
  add(kind: number, pageNumber: number, straddles: boolean): void {
    this.#touch(kind, pageNumber);
    if (straddles) this.#touch(kind | SECOND_PAGE, pageNumber + 1);
  }

  finish(): ReferenceTrace {
    return {
      length: this.#length,
      kind: this.#kind.slice(0, this.#length),
      page: this.#page.slice(0, this.#length),
      pageNumbers: this.#pages.numbers(),
    };
  }

  #touch(kind: number, pageNumber: number): void {
    if (this.#length === this.#kind.length) this.#grow();
    const i = this.#length++;
    this.#kind[i] = kind;
    this.#page[i] = this.#pages.indexOf(pageNumber);
  }

  #grow(): void {
    const kind = new Uint8Array(this.#length * 2);
    kind.set(this.#kind);
    this.#kind = kind;
    const page = new Uint32Array(this.#length * 2);
    page.set(this.#page);
    this.#page = page;
  }
}

/** Page number -> index in order of first appearance: an open-addressing hash table, at most half full. */
class PageIndex {
  #count = 0;
  #numbers = new Float64Array(1024);
  /** Index + 1 by hash slot; 0 = free. */
  #slots = new Uint32Array(2048);

  indexOf(pageNumber: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash(pageNumber) & mask;
    for (let entry = this.#slots[slot]; entry !== 0; entry = this.#slots[slot]) {
      if (this.#numbers[entry - 1] === pageNumber) return entry - 1;
      slot = (slot + 1) & mask;
    }
    return this.#insert(pageNumber, slot);
  }

  numbers(): Float64Array {
    return this.#numbers.slice(0, this.#count);
  }

  #insert(pageNumber: number, slot: number): number {
    if (this.#count === this.#numbers.length) {
      this.#grow();
      return this.indexOf(pageNumber);
    }
    this.#numbers[this.#count] = pageNumber;
    this.#slots[slot] = ++this.#count;
    return this.#count - 1;
  }

  #grow(): void {
    const numbers = new Float64Array(this.#count * 2);
    numbers.set(this.#numbers);
    this.#numbers = numbers;
    const mask = this.#slots.length * 2 - 1;
    this.#slots = new Uint32Array(mask + 1);
    for (let index = 0; index < this.#count; index++) {
      let slot = hash(numbers[index]) & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = index + 1;
    }
  }
}

/** Multiplicative hashing (Knuth, TAOCP vol. 3, section 6.4) of both halves; the lowest bits of the product mix least. */
function hash(pageNumber: number): number {
  const high = Math.imul(pageNumber * 2 ** -32, 0x85ebca6b);
  return Math.imul((pageNumber | 0) + high, 0x9e3779b1) >>> 8;
}
