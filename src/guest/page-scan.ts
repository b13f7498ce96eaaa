/**
 * Scans of one list of pages (Linux 6.1, mm/vmscan.c: shrink_inactive_list, shrink_active_list): what becomes of each page that
 * reclaim comes to.
 */
import { Evicted, type GuestPages, PageUse } from "./guest-pages.ts";
import type { PageDescriptors } from "./page-descriptors.ts";
import type { PageList } from "./page-list.ts";
import { PageFlag, type PagePool, type SplitLru } from "./split-lru.ts";

const NONE = -1;

/** What a page is worth that the scan has come to. */
const Fate = { Keep: 0, Activate: 1, Reclaim: 2 } as const;

export class PageScan {
  /** Pages looked at on inactive lists, and pages freed. */
  scanned = 0;
  stolen = 0;
  /** Of those looked at, pages of zones that reclaim was not for: they do not count as progress (sc->nr_scanned). */
  passedOver = 0;
  /** Pages of some zones are passed over. */
  isPartial = false;
  readonly #pages: GuestPages;
  readonly #descriptors: PageDescriptors;
  readonly #lru: SplitLru;
  readonly #writing: Set<number>;

  /** `writing`: pages on their way to the swap device. */
  constructor(pages: GuestPages, lru: SplitLru, writing: Set<number>) {
    this.#writing = writing;
    this.#pages = pages;
    this.#descriptors = pages.descriptors;
    this.#lru = lru;
  }

  /** Pages of a list in those zones that reclaim is for (lruvec_lru_size). */
  eligible(list: PageList): number {
    const { zones } = this.#pages;
    if (zones === undefined || !this.isPartial) return list.length;
    const { next } = this.#descriptors;
    let count = 0;
    for (let page = list.head; page !== NONE; page = next[page]) if (zones.reaches(page)) count++;
    return count;
  }

  /** Look at the oldest pages of an inactive list. Those of zones that reclaim is not for are passed over, and counted (isolate_lru_folios). */
  shrinkInactive(pool: PagePool, inactive: PageList, wanted: number): void {
    const writing = this.#writing.size;
    let left = wanted;
    for (let seen = inactive.length; left > 0 && seen > 0; seen--) {
      const page = inactive.head;
      this.scanned++;
      if (this.isPartial && this.#pages.zones?.reaches(page) === false) {
        this.passedOver++;
        this.#lru.passOver(page, pool);
        continue;
      }
      left--;
      const fate = this.#fate(page, pool);
      if (fate === Fate.Reclaim) this.#give(page, pool);
      else if (fate === Fate.Activate) this.#lru.activate(page, pool);
      else this.#lru.rotate(page, pool);
    }
    const written = this.#writing.size - writing;
    if (written > 0) this.#lru.noteCost(pool, written);
  }

  /** A page found used stays; if it is found so twice or by several processes, or is program text, it becomes active (folio_check_references). */
  #fate(page: number, pool: PagePool): number {
    if (this.#writing.has(page)) return Fate.Activate;
    const flags = this.#descriptors.flags[page];
    this.#pages.unsettle(page);
    this.#descriptors.flags[page] = flags & ~(PageFlag.Accessed | PageFlag.Referenced);
    if ((flags & PageFlag.Accessed) === 0) return Fate.Reclaim;
    this.#descriptors.flags[page] |= PageFlag.Referenced;
    const isText = pool === this.#lru.files && (flags & PageFlag.Executable) !== 0;
    const isUsedAgain = (flags & PageFlag.Referenced) !== 0 || this.#pages.isUsedBySeveral(page);
    return isText || isUsedAgain ? Fate.Activate : Fate.Keep;
  }

  #give(page: number, pool: PagePool): void {
    const item = this.#pages.item(page);
    const evicted = this.#pages.evict(page);
    if (evicted === Evicted.Safe) {
      this.#lru.evict(page, pool, item);
      this.#pages.release(page);
      this.stolen++;
    } else if (evicted === Evicted.Kept) this.#lru.activate(page, pool);
    else {
      this.#lru.rotate(page, pool);
      this.#writing.add(page);
    }
  }

  /** All but program text in use goes to the inactive list (shrink_active_list). */
  shrinkActive(pool: PagePool, active: PageList, wanted: number): void {
    let left = wanted;
    for (let seen = active.length; left > 0 && seen > 0; seen--) {
      const page = active.head;
      if (this.isPartial && this.#pages.zones?.reaches(page) === false) {
        this.#lru.passOver(page, pool);
        continue;
      }
      left--;
      const flags = this.#descriptors.flags[page];
      this.#pages.unsettle(page);
      this.#descriptors.flags[page] = flags & ~PageFlag.Accessed;
      const isText = pool === this.#lru.files && (flags & PageFlag.Executable) !== 0;
      if (isText && (flags & PageFlag.Accessed) !== 0) this.#lru.rotate(page, pool);
      else this.#lru.deactivate(page, pool);
    }
  }

  /** What has been written is the next to be freed. */
  finishWrites(): void {
    for (const page of this.#writing) {
      if (this.#pages.use(page) === PageUse.Anonymous) this.#lru.putFirst(page, this.#lru.anonymous);
    }
    this.#writing.clear();
  }
}
