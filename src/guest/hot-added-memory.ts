/**
 * Memory that is added to a guest while it runs (Linux, mm/memory_hotplug.c; drivers/hv/hv_balloon.c). It comes in blocks of
 * 128 MiB, of which the host may give a part at first. The descriptors of a whole block are the first thing that it costs, and
 * they are taken from memory that is there already: a guest that has none left for them cannot be helped. What has been added
 * is never removed.
 */
import { PAGE_BYTES, PAGES_PER_MIB } from "../machine/page.ts";
import { type GuestPages, PageUse } from "./guest-pages.ts";
import type { PhysicalMemory } from "./physical-memory.ts";
import type { Watermarks } from "./watermarks.ts";

/** HA_CHUNK; a section of the kernel's memory map is as large. */
export const BLOCK_PAGES = 128 * PAGES_PER_MIB;
/** Bytes of a page descriptor (struct page on x86-64). */
const DESCRIPTOR_BYTES = 64;
export const DESCRIPTOR_PAGES = (BLOCK_PAGES * DESCRIPTOR_BYTES) / PAGE_BYTES;
const NONE = -1;

export class HotAddedMemory {
  readonly #pages: GuestPages;
  readonly #physical: PhysicalMemory;
  readonly #marksOf: (pages: number) => Watermarks;
  /** Pages that have a descriptor: whole blocks. */
  #described: number;

  /** `marksOf`: watermarks of a guest with so many pages. */
  constructor(pages: GuestPages, physical: PhysicalMemory, marksOf: (pages: number) => Watermarks) {
    this.#pages = pages;
    this.#physical = physical;
    this.#marksOf = marksOf;
    this.#described = Math.ceil(pages.free.present / BLOCK_PAGES) * BLOCK_PAGES;
  }

  /** Pages that may still be added. */
  get absent(): number {
    return this.#pages.total - this.#pages.free.present;
  }

  /** Add up to `pages` pages; returns how many it was. The kernel frees memory for descriptors if it must. */
  add(pages: number): number {
    const { free, total } = this.#pages;
    const before = free.present;
    const end = Math.min(total, before + pages);
    while (free.present < end && (free.present < this.#described || this.#describeBlock())) {
      const next = Math.min(end, this.#described);
      for (let ppn = free.present; ppn < next; ppn++) this.#physical.reclaim(ppn);
      free.present = next;
    }
    if (free.present > before) this.#pages.marks = this.#marksOf(free.present);
    return free.present - before;
  }

  #describeBlock(): boolean {
    const taken: number[] = [];
    while (taken.length < DESCRIPTOR_PAGES) {
      const ppn = this.#pages.allocate(PageUse.Kernel, NONE);
      if (ppn === NONE) {
        for (const page of taken) this.#pages.release(page);
        return false;
      }
      this.#physical.write(ppn, 0);
      taken.push(ppn);
    }
    this.#described += BLOCK_PAGES;
    return true;
  }
}
