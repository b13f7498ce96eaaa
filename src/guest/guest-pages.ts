/**
 * The guest's own view of its physical pages, at either resolution: what each holds, the free list, and reclaim when free
 * pages run low. Page cache goes first, anonymous memory to the guest's swap device when there is hardly any cache left
 * (Linux 2.4).
 */
import { PageLinks, PageList } from "./page-list.ts";
import { REFERENCED, TwoListReplacement } from "./two-list-replacement.ts";

export const PageUse = { Free: 0, Kernel: 1, Anonymous: 2, File: 3, Balloon: 4 } as const;

const USE_MASK = 0x07;
const NONE = -1;
/** Page cache that reclaim leaves alone while anonymous memory can be swapped out: vm.pagecache min_percent, Linux 2.4. */
const CACHE_FLOOR_FRACTION = 0.02;
/** Linux 2.4 zone watermarks: pages_min = size / 128 within 20 and 255; low and high are 2 and 3 times that. */
const WATERMARK_RATIO = 128;
const WATERMARK_LEAST = 20;
const WATERMARK_MOST = 255;

/** Whoever owns the pages of one use, and can bring their content to safety. */
export interface PageOwner {
  /**
   * Give up a page, and all references to it but one, so that it can be freed. False: there is no place to put its
   * content, or it is in use.
   */
  evict(ppn: number, item: number): boolean;
}

export class GuestPages {
  readonly total: number;
  readonly cached: TwoListReplacement;
  readonly anonymous: TwoListReplacement;
  readonly free: PageList;
  /** How many page-table entries, or others, refer to a page that is not free. */
  readonly references: Uint16Array;
  /** Pages in the balloon. */
  ballooned = 0;
  kernel = 0;
  /** Times a page was asked for and none could be had. */
  outOfMemory = 0;
  readonly #flags: Uint8Array;
  /** Which file page or which logical anonymous page a page holds. */
  readonly #item: Int32Array;
  readonly #minimum: number;
  readonly #low: number;
  readonly #high: number;
  readonly #cacheFloor: number;
  #cacheOwner: PageOwner | undefined;
  #anonymousOwner: PageOwner | undefined;

  constructor(total: number) {
    this.total = total;
    this.#flags = new Uint8Array(total);
    this.#item = new Int32Array(total).fill(NONE);
    this.references = new Uint16Array(total);
    const links = new PageLinks(total);
    this.free = new PageList(links);
    this.cached = new TwoListReplacement(links, this.#flags);
    this.anonymous = new TwoListReplacement(links, this.#flags);
    const least = Math.floor(total / WATERMARK_RATIO);
    this.#minimum = Math.min(WATERMARK_MOST, Math.max(Math.min(WATERMARK_LEAST, total >> 3), least));
    this.#low = 2 * this.#minimum;
    this.#high = 3 * this.#minimum;
    this.#cacheFloor = Math.ceil(total * CACHE_FLOOR_FRACTION);
    for (let ppn = 0; ppn < total; ppn++) this.free.append(ppn);
  }

  /** Who evicts cache pages and anonymous pages; set once, when the guest is put together. */
  setOwners(cache: PageOwner, anonymous: PageOwner): void {
    this.#cacheOwner = cache;
    this.#anonymousOwner = anonymous;
  }

  get freePages(): number {
    return this.free.length;
  }

  get lowWatermark(): number {
    return this.#low;
  }

  isFree(ppn: number): boolean {
    return this.use(ppn) === PageUse.Free;
  }

  use(ppn: number): number {
    return this.#flags[ppn] & USE_MASK;
  }

  item(ppn: number): number {
    return this.#item[ppn];
  }

  reference(ppn: number): void {
    this.#flags[ppn] |= REFERENCED;
  }

  /**
   * A page with one reference for the given use, reclaiming if free pages are low; -1 when the guest is out of memory and swap. The balloon
   * may not have the last pages: it waits rather than drive the guest out of memory.
   */
  allocate(use: number, item: number): number {
    if (this.free.length <= this.#low) this.#reclaim(this.#high - this.free.length);
    const ppn = this.free.head;
    if (use === PageUse.Balloon && this.free.length <= this.#minimum) return NONE;
    if (ppn === NONE) {
      this.outOfMemory++;
      return NONE;
    }
    this.take(ppn, use, item);
    return ppn;
  }

  /** Put a particular free page to use; it has one reference. */
  take(ppn: number, use: number, item: number): void {
    this.free.remove(ppn);
    this.#flags[ppn] = use;
    this.#item[ppn] = item;
    this.references[ppn] = 1;
    if (use === PageUse.File) this.cached.add(ppn);
    else if (use === PageUse.Anonymous) this.anonymous.add(ppn);
    else if (use === PageUse.Balloon) this.ballooned++;
    else this.kernel++;
  }

  /** One more reference. */
  share(ppn: number): void {
    this.references[ppn] += 1;
  }

  /** One reference less; the last one frees the page. */
  release(ppn: number): void {
    this.references[ppn] -= 1;
    if (this.references[ppn] > 0) return;
    const use = this.use(ppn);
    if (use === PageUse.File) this.cached.remove(ppn);
    else if (use === PageUse.Anonymous) this.anonymous.remove(ppn);
    else if (use === PageUse.Balloon) this.ballooned--;
    else this.kernel--;
    this.#flags[ppn] = PageUse.Free;
    this.#item[ppn] = NONE;
    this.free.prepend(ppn);
  }

  #reclaim(wanted: number): void {
    for (let freed = 0; freed < wanted; freed++) {
      const spareCache = this.cached.length > this.#cacheFloor;
      const done = spareCache
        ? this.#evictFrom(this.cached, this.#cacheOwner) || this.#evictFrom(this.anonymous, this.#anonymousOwner)
        : this.#evictFrom(this.anonymous, this.#anonymousOwner) || this.#evictFrom(this.cached, this.#cacheOwner);
      if (!done) return;
    }
  }

  #evictFrom(list: TwoListReplacement, owner: PageOwner | undefined): boolean {
    const ppn = list.victim();
    if (ppn === NONE || owner === undefined || !owner.evict(ppn, this.#item[ppn])) return false;
    this.release(ppn);
    return true;
  }
}
