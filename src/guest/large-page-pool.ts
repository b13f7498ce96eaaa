/**
 * Large pages that the kernel sets aside when it boots, as hugetlbfs does: behind the rest of its memory, each on a border of
 * its size. A fault maps a whole one, so that there is neither a lowest page table nor another fault in it.
 */
import { InputError } from "../core/input-error.ts";
import { entryOf } from "../machine/page-tables.ts";
import type { PageTableFormat } from "../machine/page-tables.ts";
import type { AddressSpace } from "./address-space.ts";
import type { PageWork } from "./page-work.ts";

/** Small pages in a large one: 2 MiB, or 4 MiB on IA-32 without PAE. */
export function pagesInLarge({ bitsPerLevel }: PageTableFormat): number {
  return 1 << bitsPerLevel;
}

/** Frames of a guest with `memoryPages` besides its large pages. */
export function framesWith(memoryPages: number, largePages: number, format: PageTableFormat): number {
  const size = pagesInLarge(format);
  return (Math.ceil(memoryPages / size) + largePages) * size;
}

export class LargePagePool {
  readonly #size: number;
  readonly #end: number;
  #next: number;

  constructor(memoryPages: number, largePages: number, format: PageTableFormat) {
    this.#size = pagesInLarge(format);
    this.#end = framesWith(memoryPages, largePages, format);
    this.#next = this.#end - largePages * this.#size;
  }

  /** Clear a large page, and map it around a page (clear_huge_page, mm/memory.c). Throws an InputError when none is left. */
  map(space: AddressSpace, page: number, flags: number, work: PageWork): void {
    if (this.#next === this.#end) throw new InputError("the guest has used up the large pages that it set aside");
    for (let frame = this.#next; frame < this.#next + this.#size; frame++) work.zero(frame);
    space.setLargeEntry(page, entryOf(this.#next, flags));
    this.#next += this.#size;
  }
}
