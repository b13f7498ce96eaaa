/**
 * Marks of a VM's pages, which the next touch of a page takes away. One bit for each page says whether it has any mark, which is
 * all that a touch looks at. Each kind of mark has a bit set of its own, made when the first page is marked so.
 */
import { BitSet } from "../../core/bit-set.ts";

export const Mark = {
  /** It is in the current sample of the activity estimate. */
  Sampled: 0,
  /** Patching: it was not touched in a whole pass. */
  Untouched: 1,
  /** Patching: there is no page similar to it. */
  WithoutSimilar: 2,
  /** Patching: nor does it compress well enough; it stays as it is. */
  Kept: 3,
  /** The accessed bit of the entry that maps it has been cleared, and not set since. */
  NotAccessed: 4,
  /** The host's swap space still has a copy of it, which is worthless once the page is written. */
  SwapCopy: 5,
  /** The host has read it ahead of its use. */
  ReadAhead: 6,
  /** It stands for its region: see allocation/cold-pages.ts. */
  AccessSample: 7,
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
