/**
 * Two-list page replacement (Linux 2.4 and 2.6; O'Neil et al. 1993 for the idea): a page starts on the inactive list, a
 * reference found there when its turn comes promotes it, and the active list is aged until it is at most twice the inactive.
 */
import type { PageDescriptors } from "./page-descriptors.ts";
import { PageList } from "./page-list.ts";

/** Bits of a page's flags that replacement owns. */
export const REFERENCED = 0x10;
export const ACTIVE = 0x20;

const NONE = -1;

/** Where uses of a page show that nobody reports by {@link REFERENCED}: the accessed bits of page tables. */
export interface AccessObserver {
  /** Whether the page has been used since this was last asked, or cannot be spared now. */
  wasAccessed(page: number): boolean;
}

export class TwoListReplacement {
  readonly active: PageList;
  readonly inactive: PageList;
  /** Absent where {@link REFERENCED} tells all. */
  observer: AccessObserver | undefined;
  /** Told of pages whose {@link REFERENCED} is taken away. Absent: nobody asks. */
  forgets: ((page: number) => void) | undefined;
  readonly #descriptors: PageDescriptors;

  /** The caller sets {@link REFERENCED} of a page's flags when the page is used. */
  constructor(descriptors: PageDescriptors) {
    this.active = new PageList(descriptors);
    this.inactive = new PageList(descriptors);
    this.#descriptors = descriptors;
  }

  get length(): number {
    return this.active.length + this.inactive.length;
  }

  add(page: number): void {
    this.#descriptors.flags[page] &= ~(ACTIVE | REFERENCED);
    this.inactive.append(page);
  }

  remove(page: number): void {
    if ((this.#descriptors.flags[page] & ACTIVE) !== 0) this.active.remove(page);
    else this.inactive.remove(page);
    this.#descriptors.flags[page] &= ~(ACTIVE | REFERENCED);
  }

  /** The page to evict next, still on its list; -1 if there is none. */
  victim(): number {
    // A page is promoted at most once before it ages, so that two rounds over all pages always find a victim
    // (or what is left cannot be spared, and its owner says so).
    for (let tries = 2 * this.length + 2; tries > 0; tries--) {
      this.#refillInactive();
      const page = this.inactive.head;
      if (page === NONE) return NONE;
      if (!this.#wasUsed(page)) return page;
      this.inactive.remove(page);
      this.#descriptors.flags[page] |= ACTIVE;
      this.active.append(page);
    }
    return this.inactive.head;
  }

  /** Whether a page has been used since this was last asked. */
  #wasUsed(page: number): boolean {
    const referenced = (this.#descriptors.flags[page] & REFERENCED) !== 0;
    this.#descriptors.flags[page] &= ~REFERENCED;
    this.forgets?.(page);
    return (this.observer !== undefined && this.observer.wasAccessed(page)) || referenced;
  }

  #refillInactive(): void {
    for (let tries = this.active.length; tries > 0 && this.active.length > 2 * this.inactive.length; tries--) {
      const page = this.active.head;
      this.active.remove(page);
      if (this.#wasUsed(page)) this.active.append(page);
      else {
        this.#descriptors.flags[page] &= ~ACTIVE;
        this.inactive.append(page);
      }
    }
    if (this.inactive.length === 0 && this.active.length > 0) {
      const page = this.active.head;
      this.active.remove(page);
      this.#descriptors.flags[page] &= ~ACTIVE;
      this.inactive.append(page);
    }
  }
}
