/**
 * Reclaim of Linux 2.4.0 to 2.4.9 (mm/vmscan.c and mm/swap.c of 2.4.7): pages of files have ages. A page that is not used becomes
 * younger by half with each look at it and leaves the active list at age 0; one that has been written up to its end, or read past,
 * leaves it at once. Inactive pages that need not be written are taken first.
 */
import { Evicted, type GuestPages, type Replacement } from "./guest-pages.ts";
import { PageList } from "./page-list.ts";
import { ACTIVE, REFERENCED, TwoListReplacement } from "./two-list-replacement.ts";

/** Of an inactive page's flags: it need not be written. Besides {@link ACTIVE} and {@link REFERENCED}. */
const CLEAN = 0x40;
/** include/linux/swap.h: PAGE_AGE_START, PAGE_AGE_ADV, PAGE_AGE_MAX. */
const FIRST_AGE = 2;
const AGE_STEP = 3;
const GREATEST_AGE = 64;
/** INACTIVE_SHIFT: requests for pages are averaged over 64 s, so that a 64th of them is what one second takes. */
const PRESSURE_SHIFT = 6;
/** DEF_PRIORITY: a scan looks at a 64th of the active pages; when nothing is missing, once a second, at a 16th. */
const SCAN_SHIFT = 6;
const IDLE_SCAN_SHIFT = 4;
const MOST_SCANS = 1 << SCAN_SHIFT;
/** MAX_LAUNDER: four swap clusters of 16 pages are written in the order of the inactive list; bdflush does the rest. */
const MOST_WRITTEN = 64;
/** Page cache that is left alone while anonymous memory can be swapped out: vm.pagecache min_percent. */
const CACHE_FLOOR_FRACTION = 0.02;
const NONE = -1;

export class AgedReclaim implements Replacement {
  readonly active: PageList;
  /** Inactive pages that may have to be written, and those that need not. */
  readonly inactive: PageList;
  readonly clean: PageList;
  /** They are on no list until they are swapped out, which a walk through page tables decides: two lists stand for that. */
  readonly anonymous: TwoListReplacement;
  readonly #pages: GuestPages;
  readonly #age: Uint8Array;
  readonly #cacheFloor: number;
  /** Pages asked for, and taken from files, less those freed (memory_pressure). */
  #pressure = 0;

  constructor(pages: GuestPages) {
    this.#pages = pages;
    this.active = new PageList(pages.descriptors);
    this.inactive = new PageList(pages.descriptors);
    this.clean = new PageList(pages.descriptors);
    this.anonymous = new TwoListReplacement(pages.descriptors);
    this.anonymous.forgets = (page) => pages.unsettle(page);
    this.#age = new Uint8Array(pages.total);
    this.#cacheFloor = Math.ceil(pages.total * CACHE_FLOOR_FRACTION);
  }

  get filePages(): number {
    return this.active.length + this.inactive.length + this.clean.length;
  }

  get anonymousPages(): number {
    return this.anonymous.length;
  }

  get activePages(): number {
    return this.active.length + this.anonymous.active.length;
  }

  get inactivePages(): number {
    return this.inactive.length + this.clean.length + this.anonymous.inactive.length;
  }

  get inactiveTarget(): number {
    return Math.min(this.#pressure >> PRESSURE_SHIFT, this.#pages.total >> 2);
  }

  add(ppn: number, isFile: boolean): void {
    this.#pressure++;
    if (!isFile) return this.anonymous.add(ppn);
    const { flags } = this.#pages.descriptors;
    flags[ppn] = (flags[ppn] & ~(REFERENCED | CLEAN)) | ACTIVE;
    this.#age[ppn] = FIRST_AGE;
    this.active.append(ppn);
  }

  remove(ppn: number, isFile: boolean): void {
    if (this.#pressure > 0) this.#pressure--;
    if (!isFile) return this.anonymous.remove(ppn);
    this.#listOf(ppn).remove(ppn);
    this.#pages.descriptors.flags[ppn] &= ~(REFERENCED | ACTIVE | CLEAN);
  }

  use(ppn: number): void {
    this.#pages.descriptors.flags[ppn] |= REFERENCED;
  }

  useText(ppn: number): void {
    this.use(ppn);
  }

  useByCall(ppn: number): void {
    this.use(ppn);
  }

  isKnownUsed(ppn: number): boolean {
    return (this.#pages.descriptors.flags[ppn] & REFERENCED) !== 0;
  }

  isKnownToCalls(ppn: number): boolean {
    return this.isKnownUsed(ppn);
  }

  /** generic_file_write and drop_behind, mm/filemap.c: deactivate_page. */
  passBy(ppn: number): void {
    const { flags } = this.#pages.descriptors;
    this.#age[ppn] = 0;
    flags[ppn] &= ~REFERENCED;
    this.#pages.unsettle(ppn);
    if ((flags[ppn] & ACTIVE) !== 0) this.#move(ppn, this.inactive, 0);
  }

  /** It does not matter here how often a page has been mapped, or when it left. */
  unmap(): void {}

  forget(): void {}

  /** Free pages and clean inactive ones serve alike; kswapd is called when there are too few of both. */
  balance(): void {
    const { free, marks } = this.#pages;
    if (free.length + this.clean.length < marks.low) this.#daemon();
    while (free.length <= marks.low) {
      const fromFiles = this.filePages > this.#cacheFloor;
      const done = fromFiles ? this.#takeFile() || this.#swapOut() : this.#swapOut() || this.#takeFile();
      if (!done) return;
    }
  }

  secondPassed(): void {
    if (this.#freeShortage > 0 || this.#inactiveShortage > 0) this.#daemon();
    this.#pressure -= this.#pressure >> PRESSURE_SHIFT;
    this.#scan(this.active.length >> IDLE_SCAN_SHIFT, Infinity);
  }

  get #freeShortage(): number {
    const { free, marks } = this.#pages;
    return marks.high - free.length - this.clean.length;
  }

  get #inactiveShortage(): number {
    return this.#freeShortage + this.inactiveTarget - this.inactive.length;
  }

  /** kswapd: until one of the two is there. */
  #daemon(): void {
    for (let tries = 0; tries < MOST_SCANS; tries++) {
      const before = this.#freeShortage + this.#inactiveShortage;
      if (this.#freeShortage > 0) this.#launder();
      if (this.#inactiveShortage > 0) this.#refill();
      if (this.#freeShortage <= 0 || this.#inactiveShortage <= 0) return;
      if (this.#freeShortage + this.#inactiveShortage === before) return;
    }
  }

  /** page_launder: sort out what need not be written, and if that is not enough, write. */
  #launder(): void {
    this.#sortInactive(0);
    if (this.#freeShortage > 0) this.#sortInactive(MOST_WRITTEN);
  }

  /** Once round the inactive list. `mayWrite`: pages that may be written; they are free then. */
  #sortInactive(mayWrite: number): void {
    const { flags } = this.#pages.descriptors;
    for (let left = this.inactive.length; left > 0; left--) {
      const ppn = this.inactive.head;
      if (ppn === NONE) return;
      if ((flags[ppn] & REFERENCED) !== 0 || this.#age[ppn] > 0) this.#move(ppn, this.active, ACTIVE);
      else if (!this.#pages.isDirtyFile(ppn)) this.#move(ppn, this.clean, CLEAN);
      else if (mayWrite > 0 && this.#give(ppn)) mayWrite--;
      else this.#move(ppn, this.inactive, 0);
    }
  }

  /** refill_inactive */
  #refill(): void {
    let wanted = this.#inactiveShortage;
    for (let scans = 0; scans < MOST_SCANS && wanted > 0 && this.#inactiveShortage > 0; scans++) {
      wanted -= this.#scan(Math.max(1, this.active.length >> SCAN_SHIFT), wanted);
    }
  }

  /** refill_inactive_scan: look at so many active pages, until so many are no longer active. Returns how many. */
  #scan(pages: number, wanted: number): number {
    const { flags } = this.#pages.descriptors;
    let deactivated = 0;
    for (let left = Math.min(pages, this.active.length); left > 0 && deactivated < wanted; left--) {
      const ppn = this.active.head;
      if ((flags[ppn] & REFERENCED) !== 0) {
        flags[ppn] &= ~REFERENCED;
        this.#pages.unsettle(ppn);
        this.#age[ppn] = Math.min(GREATEST_AGE, (this.#age[ppn] || FIRST_AGE) + AGE_STEP);
      } else this.#age[ppn] >>= 1;
      const stays = this.#age[ppn] > 0;
      this.#move(ppn, stays ? this.active : this.inactive, stays ? ACTIVE : 0);
      if (!stays) deactivated++;
    }
    return deactivated;
  }

  /** reclaim_page: a clean page that has not been used since; if there is none, the inactive or the active page of longest standing. */
  #takeFile(): boolean {
    const { flags } = this.#pages.descriptors;
    for (let ppn = this.clean.head; ppn !== NONE; ppn = this.clean.head) {
      if ((flags[ppn] & REFERENCED) !== 0) this.#move(ppn, this.active, ACTIVE);
      else if (this.#pages.isDirtyFile(ppn)) this.#move(ppn, this.inactive, 0);
      else if (this.#give(ppn)) return true;
      else this.#move(ppn, this.active, ACTIVE);
    }
    return this.#giveHead(this.inactive) || this.#giveHead(this.active);
  }

  #giveHead({ head }: PageList): boolean {
    return head !== NONE && this.#give(head);
  }

  #give(ppn: number): boolean {
    if (this.#pages.evict(ppn) !== Evicted.Safe) return false;
    // It counts as asked for where it is taken, and its being freed does not count.
    this.#pressure += 2;
    this.#pages.release(ppn);
    return true;
  }

  #swapOut(): boolean {
    const ppn = this.anonymous.victim();
    if (ppn === NONE || this.#pages.evict(ppn) !== Evicted.Safe) return false;
    this.#pages.release(ppn);
    return true;
  }

  #listOf(ppn: number): PageList {
    const flags = this.#pages.descriptors.flags[ppn];
    if ((flags & ACTIVE) !== 0) return this.active;
    return (flags & CLEAN) !== 0 ? this.clean : this.inactive;
  }

  #move(ppn: number, list: PageList, state: number): void {
    const { flags } = this.#pages.descriptors;
    this.#listOf(ppn).remove(ppn);
    flags[ppn] = (flags[ppn] & ~(ACTIVE | CLEAN)) | state;
    list.append(ppn);
  }
}
