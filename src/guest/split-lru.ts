/**
 * Pages of files and of anonymous memory on lists of their own, each with an active and an inactive one for every control
 * group (Linux 6.1, mm/swap.c), and what tells that the active ones are not those in use any more: the refault distance of
 * pages that come back (mm/workingset.c).
 */
import { copyInto } from "../core/copy-into.ts";
import type { PageDescriptors } from "./page-descriptors.ts";
import { PageList } from "./page-list.ts";

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
/** Ages wrap around, as the kernel's do; bit 0 of a shadow is for something else. */
const AGE_BITS = 0x7fff_fffe;
const AGE_STEP = 2;
const NEVER = 0;

/** A control group's pages of one kind. */
export interface GroupLists {
  readonly active: PageList;
  readonly inactive: PageList;
}

/** Anonymous memory, or files. */
export class PagePool {
  readonly groups: readonly GroupLists[];
  /** Pages on all active lists, and on all inactive ones. */
  active = 0;
  inactive = 0;
  /** What reclaim has cost lately: pages written out, and pages of the working set that had to be read again. */
  cost = 0;
  /** Pages that came back, and of those the ones that were put on the active list at once. */
  refaults = 0;
  activations = 0;
  /** {@link activations} when reclaim last ended. */
  seenActivations = 0;
  /** See {@link shadowOf}; empty until the first item is evicted. */
  #shadows = new Uint32Array(0);
  readonly #items: number;

  constructor(descriptors: PageDescriptors, groups: number, items: number) {
    this.groups = Array.from({ length: groups }, () => ({
      active: new PageList(descriptors),
      inactive: new PageList(descriptors),
    }));
    this.#items = items;
  }

  get length(): number {
    return this.active + this.inactive;
  }

  /** When an item was evicted, and in bit 0 whether from the working set; 0: it is not out. */
  shadowOf(item: number): number {
    return this.#shadows.length === 0 ? NEVER : this.#shadows[item];
  }

  setShadow(item: number, shadow: number): void {
    if (this.#shadows.length === 0) {
      if (shadow === NEVER) return;
      this.#shadows = new Uint32Array(this.#items);
    }
    this.#shadows[item] = shadow;
  }

  /** With less than 1 GiB of pages the inactive lists are to be as long as the active ones (inactive_is_low). */
  get inactiveIsLow(): boolean {
    return this.inactive < this.active;
  }
}

export class SplitLru {
  readonly anonymous: PagePool;
  readonly files: PagePool;
  readonly #descriptors: PageDescriptors;
  readonly #hasGroups: boolean;
  /** By page; as long as the descriptors, and empty where there is one group only. */
  #groupOf = new Uint16Array(0);
  /** Evictions and activations so far (nonresident_age), in steps: how far pages that are out have aged. */
  #age = AGE_STEP;

  constructor(descriptors: PageDescriptors, groups: number, anonymousItems: number, fileItems: number) {
    this.anonymous = new PagePool(descriptors, groups, anonymousItems);
    this.files = new PagePool(descriptors, groups, fileItems);
    this.#descriptors = descriptors;
    this.#hasGroups = groups > 1;
  }

  /** A page comes into memory with the content of an item, charged to a control group. */
  add(page: number, pool: PagePool, item: number, group: number): void {
    this.#descriptors.flags[page] &= ~OWN_BITS;
    if (this.#hasGroups) this.#setGroup(page, group);
    const shadow = pool.shadowOf(item);
    pool.setShadow(item, NEVER);
    if (shadow !== NEVER && this.#refault(page, pool, shadow)) this.#appendActive(page, pool);
    else this.#appendInactive(page, pool);
  }

  remove(page: number, pool: PagePool): void {
    this.#takeOff(page, pool);
    this.#descriptors.flags[page] &= ~OWN_BITS;
  }

  /** Reclaim is about to free a page: remember when. */
  evict(page: number, pool: PagePool, item: number): void {
    const workingSet = (this.#descriptors.flags[page] & PageFlag.WorkingSet) !== 0 ? 1 : 0;
    pool.setShadow(item, this.#age | workingSet);
    this.#grow();
  }

  /** A system call uses a page: the second time it becomes active (folio_mark_accessed). */
  markAccessed(page: number, pool: PagePool): void {
    const flags = this.#descriptors.flags[page];
    if ((flags & PageFlag.Referenced) === 0) this.#descriptors.flags[page] |= PageFlag.Referenced;
    else if ((flags & PageFlag.Active) === 0) {
      this.#descriptors.flags[page] &= ~PageFlag.Referenced;
      this.activate(page, pool);
    }
  }

  activate(page: number, pool: PagePool): void {
    this.#takeOff(page, pool);
    this.#appendActive(page, pool);
    this.#grow();
  }

  deactivate(page: number, pool: PagePool): void {
    this.#takeOff(page, pool);
    this.#descriptors.flags[page] |= PageFlag.WorkingSet;
    this.#appendInactive(page, pool);
  }

  /** To the young end of the list that it is on. */
  rotate(page: number, pool: PagePool): void {
    const active = (this.#descriptors.flags[page] & PageFlag.Active) !== 0;
    this.#takeOff(page, pool);
    if (!active) return this.#appendInactive(page, pool);
    this.#appendActive(page, pool);
    this.#grow();
  }

  /** To the young end of its list, without having been looked at. */
  passOver(page: number, pool: PagePool): void {
    const { active, inactive } = this.#listsOf(page, pool);
    const list = (this.#descriptors.flags[page] & PageFlag.Active) !== 0 ? active : inactive;
    list.remove(page);
    list.append(page);
  }

  /** The next that reclaim looks at (folio_rotate_reclaimable). */
  putFirst(page: number, pool: PagePool): void {
    this.#takeOff(page, pool);
    this.#descriptors.flags[page] &= ~PageFlag.Active;
    this.#listsOf(page, pool).inactive.prepend(page);
    pool.inactive++;
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
   * the distance is compared with all pages but those of its own inactive lists).
   */
  #refault(page: number, pool: PagePool, shadow: number): boolean {
    const distance = ((this.#age - (shadow & AGE_BITS)) & AGE_BITS) / AGE_STEP;
    pool.refaults++;
    if (distance > this.anonymous.length + this.files.length - pool.inactive) return false;
    pool.activations++;
    this.#grow();
    if ((shadow & 1) !== 0) {
      this.#descriptors.flags[page] |= PageFlag.WorkingSet;
      this.noteCost(pool, 1);
    }
    return true;
  }

  #appendActive(page: number, pool: PagePool): void {
    this.#descriptors.flags[page] |= PageFlag.Active;
    this.#listsOf(page, pool).active.append(page);
    pool.active++;
  }

  #appendInactive(page: number, pool: PagePool): void {
    this.#descriptors.flags[page] &= ~PageFlag.Active;
    this.#listsOf(page, pool).inactive.append(page);
    pool.inactive++;
  }

  #takeOff(page: number, pool: PagePool): void {
    const lists = this.#listsOf(page, pool);
    if ((this.#descriptors.flags[page] & PageFlag.Active) !== 0) {
      lists.active.remove(page);
      pool.active--;
    } else {
      lists.inactive.remove(page);
      pool.inactive--;
    }
  }

  #listsOf(page: number, pool: PagePool): GroupLists {
    return pool.groups[this.#hasGroups ? this.#groupOf[page] : 0];
  }

  #setGroup(page: number, group: number): void {
    const { room } = this.#descriptors;
    if (page >= this.#groupOf.length) this.#groupOf = copyInto(this.#groupOf, new Uint16Array(room));
    this.#groupOf[page] = group;
  }

  /** A page has been evicted or activated: those that are out have become older by one. */
  #grow(): void {
    this.#age = (this.#age + AGE_STEP) & AGE_BITS;
    if (this.#age === NEVER) this.#age = AGE_STEP;
  }
}
