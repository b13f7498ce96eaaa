/**
 * The balloon driver inside a guest (Waldspurger 2002, section 3.2): it allocates pages of the guest, so that the guest
 * itself decides what to give up, and hands them to the VMM.
 */
import { type GuestPages, PageUse } from "./guest-pages.ts";
import { PageList } from "./page-list.ts";
import type { PhysicalMemory } from "./physical-memory.ts";

const NONE = -1;

export class BalloonDriver {
  readonly #pages: GuestPages;
  readonly #physical: PhysicalMemory;
  /** Pages in the balloon, the youngest first: deflating gives it back. */
  readonly #balloon: PageList;

  constructor(pages: GuestPages, physical: PhysicalMemory) {
    this.#pages = pages;
    this.#physical = physical;
    this.#balloon = new PageList(pages.descriptors);
  }

  get size(): number {
    return this.#pages.ballooned;
  }

  /**
   * Move towards `target` pages by at most `most` pages; `reclaims`: also by pages that the guest has to reclaim for it first.
   * Returns how many pages moved.
   */
  poll(target: number, most: number, reclaims = true): number {
    let moved = 0;
    while (moved < most && this.size < target && this.#inflateByOne(reclaims)) moved++;
    while (moved < most && this.size > target) {
      this.#deflateByOne();
      moved++;
    }
    return moved;
  }

  #inflateByOne(reclaims: boolean): boolean {
    const pages = this.#pages;
    const ppn = reclaims ? pages.allocate(PageUse.Balloon, NONE) : pages.allocateFree(PageUse.Balloon, NONE);
    if (ppn === NONE) return false;
    this.#balloon.prepend(ppn);
    this.#physical.release(ppn);
    return true;
  }

  #deflateByOne(): void {
    const ppn = this.#balloon.head;
    this.#balloon.remove(ppn);
    this.#physical.reclaim(ppn);
    this.#pages.release(ppn);
  }
}
