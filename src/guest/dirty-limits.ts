/**
 * How many pages of files may wait to be written to the disk before a guest kernel does something about it: it begins to
 * write them in the background, and at last lets whoever makes more of them wait.
 */
import type { GuestPages } from "./guest-pages.ts";

/** Dirty pages, in percent of the memory that may be dirty. */
export interface DirtyShares {
  /** Above it they are written in the background, until no more than `stop` are left. */
  readonly background: number;
  readonly stop: number;
  /** Above it whoever makes more of them waits. */
  readonly throttle: number;
  /** Pages that are written at a time. */
  readonly batch: number;
  /** They are shares of all memory, of what is free or holds pages of files, or of what is free or inactive. */
  readonly of: "memory" | "files" | "inactive";
}

export class DirtyLimits {
  readonly #pages: GuestPages;
  readonly #shares: DirtyShares;

  constructor(pages: GuestPages, shares: DirtyShares) {
    this.#pages = pages;
    this.#shares = shares;
  }

  /** So many dirty pages have writing begin in the background. */
  exceedsBackground(dirty: number): boolean {
    return 100 * dirty > this.#shares.background * this.#dirtyable;
  }

  /** Writing in the background, once it has begun, goes on. */
  exceedsStop(dirty: number): boolean {
    return 100 * dirty > this.#shares.stop * this.#dirtyable;
  }

  /** Whoever makes more of them waits. */
  exceedsThrottle(dirty: number): boolean {
    return 100 * dirty > this.#shares.throttle * this.#dirtyable;
  }

  /** Pages of which the limits are shares. */
  get #dirtyable(): number {
    const { free, freePages, replacement, marks } = this.#pages;
    if (this.#shares.of === "inactive") {
      // What is wanted, where that is more than there is: nr_free_buffer_pages, mm/page_alloc.c.
      const there = Math.max(freePages + replacement.inactivePages, marks.high + replacement.inactiveTarget);
      return there + (replacement.activePages >> 4);
    }
    const pages = this.#shares.of === "memory" ? free.present : freePages + replacement.filePages;
    return Math.max(0, pages - marks.high);
  }
}
