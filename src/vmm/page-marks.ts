/**
 * Marks of a VM's pages that the next touch of a page takes away. A bit a page tells those that have any, which is all that a
 * touch asks; the marks themselves take a bit a page each, once somebody has made one.
 */
import { BitSet } from "../core/bit-set.ts";

export const Mark = {
  /** It is in the current sample of the activity estimate. */
  Sampled: 0,
  /** Nobody has touched it for a pass of whoever patches pages; there is no similar one; it does not shrink either. */
  Untouched: 1,
  WithoutSimilar: 2,
  Kept: 3,
  /** The accessed bit of the entry that maps it has been cleared since. */
  NotAccessed: 4,
  /** The host's swap space has a copy of it, which a write makes worthless; the host has read it ahead of its use. */
  SwapCopy: 5,
  ReadAhead: 6,
} as const;
export type Mark = (typeof Mark)[keyof typeof Mark];

export class PageMarks {
  readonly #pages: number;
  readonly #any: BitSet;
  /** By {@link Mark}. */
  readonly #sets: (BitSet | undefined)[] = Object.values(Mark).map(() => undefined);

  constructor(pages: number) {
    this.#pages = pages;
    this.#any = new BitSet(pages);
  }

  /** The page has a mark. */
  any(ppn: number): boolean {
    return this.#any.has(ppn);
  }

  has(ppn: number, mark: Mark): boolean {
    return this.#sets[mark]?.has(ppn) === true;
  }

  add(ppn: number, mark: Mark): void {
    this.#any.add(ppn);
    this.#setOf(mark).add(ppn);
  }

  /** Mark all pages. */
  addAll(mark: Mark): void {
    this.#any.addRange(0, this.#pages);
    this.#setOf(mark).addRange(0, this.#pages);
  }

  delete(ppn: number, mark: Mark): void {
    this.#sets[mark]?.delete(ppn);
    if (!this.#sets.some((set) => set?.has(ppn))) this.#any.delete(ppn);
  }

  /** Take all marks of a page away. */
  clear(ppn: number): void {
    this.#any.delete(ppn);
    for (const set of this.#sets) set?.delete(ppn);
  }

  #setOf(mark: Mark): BitSet {
    return (this.#sets[mark] ??= new BitSet(this.#pages));
  }
}
