/**
 * Pages of files and anonymous memory on lists of their own, each with an active and an inactive one (Linux 6.1, mm/swap.c),
 * and what tells that the active ones are not those in use any more: the refault distance of pages that come back
 * (mm/workingset.c).
 */
import { type PageLinks, PageList } from "./page-list.ts";

/** Bits of a page's flags that replacement owns. */
export const PageFlag = {
  /** Mapped as program text. */
  Executable: 0x08,
  Referenced: 0x10,
  Active: 0x20,
  /** The accessed bit of the page-table entry that maps it. */
  Accessed: 0x40,
  /** Has been on the active list. */
  WorkingSet: 0x80,
} as const;

const OWN_BITS = PageFlag.Executable | PageFlag.Referenced | PageFlag.Active | PageFlag.Accessed | PageFlag.WorkingSet;
/** Ages wrap around, as the kernel's do. */
const AGE_BITS = 0x7fff_fffe;
const NEVER = 0;

/** Anonymous memory, or files: one pair of lists. */
export class PagePool {
  readonly active: PageList;
  readonly inactive: PageList;
  /** What reclaim has cost lately: pages written out, and pages of the working set that had to be read again. */
  cost = 0;
  /** Pages that came back, and of those the ones that were put on the active list at once. */
  refaults = 0;
  activations = 0;
  /** {@link activations} when reclaim last ended. */
  seenActivations = 0;
  /** When each item was evicted, and in bit 0 whether from the working set; 0: it is not out. */
  readonly shadows: Uint32Array;

  constructor(links: PageLinks, items: number) {
    this.active = new PageList(links);
    this.inactive = new PageList(links);
    this.shadows = new Uint32Array(items);
  }

  get length(): number {
    return this.active.length + this.inactive.length;
  }

  /** With less than 1 GiB of pages the inactive list is to be as long as the active one (inactive_is_low, mm/vmscan.c). */
  get inactiveIsLow(): boolean {
    return this.inactive.length < this.active.length;
  }
}

export class SplitLru {
  readonly anonymous: PagePool;
  readonly files: PagePool;
  readonly #flags: Uint8Array;
  /** Evictions and activations so far (nonresident_age), times two: how far pages that are out have aged. */
  #age = 2;

  constructor(links: PageLinks, flags: Uint8Array, anonymousItems: number, fileItems: number) {
    this.anonymous = new PagePool(links, anonymousItems);
    this.files = new PagePool(links, fileItems);
    this.#flags = flags;
  }

  /** A page comes into memory with the content of an item. */
  add(page: number, pool: PagePool, item: number): void {
    this.#flags[page] &= ~OWN_BITS;
    const shadow = pool.shadows[item];
    pool.shadows[item] = NEVER;
    if (shadow !== NEVER && this.#refault(page, pool, shadow)) pool.active.append(page);
    else pool.inactive.append(page);
  }

  remove(page: number, pool: PagePool): void {
    if ((this.#flags[page] & PageFlag.Active) !== 0) pool.active.remove(page);
    else pool.inactive.remove(page);
    this.#flags[page] &= ~OWN_BITS;
  }

  /** Reclaim is about to free a page: remember when. */
  evict(page: number, pool: PagePool, item: number): void {
    const workingSet = (this.#flags[page] & PageFlag.WorkingSet) !== 0 ? 1 : 0;
    pool.shadows[item] = this.#age | workingSet;
    this.grow();
  }

  /** Nothing of what an item held will come back. */
  forget(pool: PagePool, item: number): void {
    pool.shadows[item] = NEVER;
  }

  /** A system call reads a page: the second time it becomes active (folio_mark_accessed). */
  markAccessed(page: number, pool: PagePool): void {
    const flags = this.#flags[page];
    if ((flags & PageFlag.Referenced) === 0) this.#flags[page] |= PageFlag.Referenced;
    else if ((flags & PageFlag.Active) === 0) {
      pool.inactive.remove(page);
      pool.active.append(page);
      this.#flags[page] = (flags & ~PageFlag.Referenced) | PageFlag.Active;
      this.grow();
    }
  }

  /** A page has been evicted or activated: those that are out have become older by one. */
  grow(): void {
    this.#age = (this.#age + 2) & AGE_BITS;
    if (this.#age === 0) this.#age = 2;
  }

  /** Old cost counts for half when the new one is a fourth of all pages (lru_note_cost). */
  noteCost(pool: PagePool, pages: number): void {
    const { anonymous, files } = this;
    pool.cost += pages;
    if (anonymous.cost + files.cost <= (anonymous.length + files.length) >> 2) return;
    anonymous.cost >>= 1;
    files.cost >>= 1;
  }

  /**
   * A page is back. True: it becomes active, since it would still be here if the active pages had made room (workingset_refault;
   * the distance is compared with all pages but those of its own inactive list).
   */
  #refault(page: number, pool: PagePool, shadow: number): boolean {
    const distance = ((this.#age - (shadow & AGE_BITS)) & AGE_BITS) >>> 1;
    pool.refaults++;
    if (distance > this.anonymous.length + this.files.length - pool.inactive.length) return false;
    pool.activations++;
    this.#flags[page] |= PageFlag.Active;
    this.grow();
    if ((shadow & 1) !== 0) {
      this.#flags[page] |= PageFlag.WorkingSet;
      this.noteCost(pool, 1);
    }
    return true;
  }
}
