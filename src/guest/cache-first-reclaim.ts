/**
 * Reclaim of Linux 2.4: page cache goes first, anonymous memory to the guest's swap device when there is hardly any cache
 * left.
 */
import { Evicted, type GuestPages, type Replacement } from "./guest-pages.ts";
import { REFERENCED, TwoListReplacement } from "./two-list-replacement.ts";

/** Page cache that reclaim leaves alone while anonymous memory can be swapped out: vm.pagecache min_percent, Linux 2.4. */
const CACHE_FLOOR_FRACTION = 0.02;
const NONE = -1;

export class CacheFirstReclaim implements Replacement {
  readonly cached: TwoListReplacement;
  readonly anonymous: TwoListReplacement;
  readonly #pages: GuestPages;
  readonly #cacheFloor: number;

  constructor(pages: GuestPages) {
    this.#pages = pages;
    this.cached = new TwoListReplacement(pages.descriptors);
    this.anonymous = new TwoListReplacement(pages.descriptors);
    for (const list of [this.cached, this.anonymous]) list.forgets = (page) => pages.unsettle(page);
    this.#cacheFloor = Math.ceil(pages.total * CACHE_FLOOR_FRACTION);
  }

  get filePages(): number {
    return this.cached.length;
  }

  get anonymousPages(): number {
    return this.anonymous.length;
  }

  get activePages(): number {
    return this.cached.active.length + this.anonymous.active.length;
  }

  get inactivePages(): number {
    return this.cached.inactive.length + this.anonymous.inactive.length;
  }

  get inactiveTarget(): number {
    return 0;
  }

  add(ppn: number, isFile: boolean): void {
    (isFile ? this.cached : this.anonymous).add(ppn);
  }

  remove(ppn: number, isFile: boolean): void {
    (isFile ? this.cached : this.anonymous).remove(ppn);
  }

  use(ppn: number): void {
    this.#pages.descriptors.flags[ppn] |= REFERENCED;
  }

  useText(ppn: number): void {
    this.#pages.descriptors.flags[ppn] |= REFERENCED;
  }

  /** It does not matter here how a page has been used, how often it has been mapped, or when it left. */
  passBy(): void {}

  unmap(): void {}

  forget(): void {}

  useByCall(ppn: number): void {
    this.#pages.descriptors.flags[ppn] |= REFERENCED;
  }

  secondPassed(): void {}

  isKnownUsed(ppn: number): boolean {
    return (this.#pages.descriptors.flags[ppn] & REFERENCED) !== 0;
  }

  isKnownToCalls(ppn: number): boolean {
    return this.isKnownUsed(ppn);
  }

  balance(): void {
    const { free, marks } = this.#pages;
    const wanted = marks.high - free.length;
    for (let freed = 0; freed < wanted; freed++) {
      const done =
        this.cached.length > this.#cacheFloor
          ? this.#evictFrom(this.cached) || this.#evictFrom(this.anonymous)
          : this.#evictFrom(this.anonymous) || this.#evictFrom(this.cached);
      if (!done) return;
    }
  }

  #evictFrom(list: TwoListReplacement): boolean {
    const ppn = list.victim();
    if (ppn === NONE || this.#pages.evict(ppn) !== Evicted.Safe) return false;
    this.#pages.release(ppn);
    return true;
  }
}

export function cacheFirstReclaim(pages: GuestPages): CacheFirstReclaim {
  return new CacheFirstReclaim(pages);
}
