/**
 * Anonymous memory of a guest's processes at host resolution, without page tables: zero on first use, to the guest's swap device
 * and back under pressure. At monitor resolution: page-faults.ts and reverse-mapping.ts.
 */
import { ZERO_CONTENT } from "../machine/content-ids.ts";
import type { DiskRequests } from "./disk-requests.ts";
import { Evicted, type GuestPages, type PageOwner, PageUse } from "./guest-pages.ts";
import type { PhysicalMemory } from "./physical-memory.ts";
import type { SettledPages } from "./settled-pages.ts";
import { SwapDevice } from "./swap-device.ts";
import { ClusterReadahead, SwapReadahead } from "./swap-readahead.ts";

const NONE = -1;
const FIRST_SLOT = 1; // the first page of a swap device is its header
/** Mappings lie in areas of their own, of 16 MiB at most here; and none is read ahead beyond its page table. */
const AREA_BITS = 12;
const TABLE_PAGES = 512;

/** What the page-table entry of a page that is in memory allows: the low bits of its place. */
const Entry = {
  Writable: 0,
  /** A copy of the page is on the swap device, and a write must fault, after which they differ. */
  ReadOnly: 1,
  /** In the swap cache: being written, or read ahead. */
  Absent: 2,
  ReadAhead: 3,
} as const;
const ENTRY_BITS = 2;
const ENTRY_MASK = 3;

/** Logical pages are those of all processes together; with a swap cache the kernel reads ahead, as suits the swap device. */
export interface AnonymousMemorySettings {
  readonly logicalPages: number;
  readonly swapPages: number;
  readonly swapCache: boolean;
  readonly swapRotates: boolean;
}

export class AnonymousMemory implements PageOwner {
  readonly swap: SwapDevice;
  /** First uses of a page: each is a page fault that maps a page of zeros. */
  demandZeroFaults = 0;
  /** Faults on pages that were on the swap device, and not in the swap cache. */
  majorFaults = 0;
  /** Faults on pages that were in the swap cache, or had a copy on the swap device. */
  swapCacheFaults = 0;
  readonly #pages: GuestPages;
  readonly #physical: PhysicalMemory;
  readonly #settled: SettledPages;
  /** Logical page -> PPN and, in the low bits, {@link Entry}; -1: never used; below: in swap slot -(place + 2). */
  readonly #place: Int32Array;
  /** By area. None: the kernel keeps no swap cache, but frees a page as soon as it is written and a slot as soon as it is read. */
  readonly #readahead: readonly SwapReadahead[];
  /** In place of that, where the swap device is said to rotate. */
  readonly #cluster: ClusterReadahead | undefined;

  constructor(
    pages: GuestPages,
    physical: PhysicalMemory,
    requests: DiskRequests,
    settled: SettledPages,
    { logicalPages, swapPages, swapCache, swapRotates }: AnonymousMemorySettings,
  ) {
    this.#pages = pages;
    this.#physical = physical;
    this.#settled = settled;
    this.#place = new Int32Array(logicalPages).fill(NONE);
    this.swap = new SwapDevice(physical, requests, swapPages, logicalPages);
    const areas = swapCache ? (logicalPages >>> AREA_BITS) + 1 : 0;
    this.#readahead = Array.from({ length: areas }, () => new SwapReadahead());
    if (swapCache && swapRotates) this.#cluster = new ClusterReadahead(false);
  }

  /** Faults on pages that are or were on the swap device. */
  get swapFaults(): number {
    return this.majorFaults + this.swapCacheFaults;
  }

  get swapIns(): number {
    return this.swap.ins;
  }

  get swapOuts(): number {
    return this.swap.outs;
  }

  /** A logical page is in memory or on the swap device. */
  isUsed(page: number): boolean {
    return this.#place[page] !== NONE;
  }

  /** Content of a logical page, as a process reads it; zeros when the guest is out of memory. */
  read(page: number): number {
    const ppn = this.#present(page, false);
    return ppn === NONE ? ZERO_CONTENT : this.#physical.read(ppn);
  }

  /** PPN of a logical page; below 0: it is not in memory, or there is no such page. That is no use of it. */
  ppnOf(page: number): number {
    return page < this.#place.length ? this.#place[page] >> ENTRY_BITS : NONE;
  }

  /** A process reads a logical page, whatever it holds. */
  touch(page: number): void {
    if (this.#settled.has(page)) return;
    const ppn = this.#present(page, false);
    if (ppn === NONE) return;
    // Before the VMM is asked: it may unsettle the page again.
    this.#settled.add(page);
    this.#physical.touch(ppn);
    if (!this.#physical.isSettled(ppn)) this.#settled.delete(page);
  }

  /** Find out of all pages that are in memory whether a {@link touch} would change nothing. */
  settle(): void {
    const { replacement } = this.#pages;
    for (let page = 0; page < this.#place.length; page++) {
      const place = this.#place[page];
      if (place < 0 || (place & ENTRY_MASK) !== Entry.Writable) continue;
      const ppn = place >> ENTRY_BITS;
      if (replacement.isKnownUsed(ppn) && this.#physical.isSettled(ppn)) this.#settled.add(page);
    }
  }

  /** False: the guest is out of memory and swap, and the write is lost with the process. */
  write(page: number, content: number): boolean {
    const place = this.#place[page];
    if (this.#settled.has(page) && (place & ENTRY_MASK) === Entry.Writable) {
      this.#physical.writeSettled(place >> ENTRY_BITS, content);
      return true;
    }
    const ppn = this.#present(page, true);
    if (ppn === NONE) return false;
    this.#physical.write(ppn, content);
    return true;
  }

  /** Forget a logical page: it reads as zeros from now on. */
  discard(page: number): void {
    const place = this.#place[page];
    if (place >= 0) {
      this.#pages.release(place >> ENTRY_BITS);
      this.swap.dropCopy(page);
    } else if (place !== NONE) {
      this.swap.release(-(place + 2));
      this.#pages.replacement.forget(page);
    }
    this.#place[page] = NONE;
  }

  /** Forget so many logical pages from `first` on. */
  discardRange(first: number, pages: number): void {
    for (let page = first; page < first + pages; page++) this.discard(page);
  }

  /** The page is in memory already, at `ppn`: how a guest looks when it is ready. */
  adopt(page: number, ppn: number): void {
    this.#pages.take(ppn, PageUse.Anonymous, page);
    this.#settle(page, ppn);
  }

  isDirty(): boolean {
    return true;
  }

  evict(ppn: number, page: number): Evicted {
    if (this.#pages.kept === ppn) return Evicted.Kept;
    const known = this.swap.pages.copyOf(page);
    const slot = known === NONE ? this.swap.take() : known;
    if (slot === NONE) return Evicted.Kept;
    this.#settled.delete(page);
    const differs = known === NONE || (this.#place[page] & ENTRY_MASK) === Entry.Writable;
    const writing = differs && this.swap.write(slot, page, ppn);
    if (writing && this.#keepsCache) {
      this.swap.pages.setCopy(page, slot);
      this.#setEntry(page, Entry.Absent);
      return Evicted.Writing;
    }
    if (known !== NONE) this.swap.pages.setCopy(page, NONE);
    this.#place[page] = -(slot + 2);
    return Evicted.Safe;
  }

  /** Bring up to so many pages back that the hypervisor keeps, in the order of the slots that they give up (frontswap_shrink); how many. */
  unuse(most: number): number {
    const { frontswap, pages } = this.swap;
    let unused = 0;
    for (let slot = frontswap?.next(0) ?? NONE; slot !== NONE && unused < most; unused++) {
      const page = pages.page(slot);
      if (this.#place[page] < NONE && this.#readSlot(page, slot) === NONE) break;
      this.#map(page, true);
      this.#pages.replacement.use(this.ppnOf(page));
      slot = frontswap?.next(slot + 1) ?? NONE;
    }
    return unused;
  }

  #present(page: number, write: boolean): number {
    const place = this.#place[page];
    if (place === NONE) return this.#demandZero(page);
    if (place < NONE) return this.#swapIn(page, -(place + 2), write);
    if ((place & ENTRY_MASK) !== Entry.Writable) this.#resolve(page, place & ENTRY_MASK, write);
    const ppn = place >> ENTRY_BITS;
    this.#pages.replacement.use(ppn);
    return ppn;
  }

  #demandZero(page: number): number {
    const ppn = this.#pages.allocate(PageUse.Anonymous, page);
    if (ppn === NONE) return NONE;
    this.#settle(page, ppn);
    this.demandZeroFaults++;
    this.#physical.write(ppn, ZERO_CONTENT);
    return ppn;
  }

  #settle(page: number, ppn: number): void {
    this.#place[page] = (ppn << ENTRY_BITS) | Entry.Writable;
    this.#pages.replacement.use(ppn);
  }

  /** A minor fault on a page that is in memory and on the swap device. One that is mapped already keeps its slot (do_wp_page). */
  #resolve(page: number, entry: number, write: boolean): void {
    if (entry === Entry.ReadOnly && !write) return;
    this.swapCacheFaults++;
    if (entry !== Entry.ReadOnly) this.#noteFound(page, entry === Entry.ReadAhead);
    else if (this.#keepsCache) return this.#setEntry(page, Entry.Writable);
    this.#map(page, write);
  }

  #noteFound(page: number, ahead: boolean): void {
    if (this.#cluster === undefined) this.#readahead[page >>> AREA_BITS].found(page, ahead);
    else if (ahead) this.#cluster.hit();
  }

  /** The copy on the device is kept unless the page is to be written at once (do_swap_page, should_try_to_free_swap). */
  #map(page: number, write: boolean): void {
    this.#setEntry(page, Entry.ReadOnly);
    if (!write && !this.swap.isFull && this.#keepsCache) return;
    this.swap.dropCopy(page);
    this.#setEntry(page, Entry.Writable);
  }

  #swapIn(page: number, slot: number, write: boolean): number {
    const ppn = this.#readSlot(page, slot);
    if (ppn === NONE) return NONE;
    this.majorFaults++;
    this.#pages.kept = ppn; // the page itself is to stay where it is while others are read
    if (this.#cluster !== undefined) this.#readCluster(slot, this.#cluster);
    else if (this.#keepsCache) this.#readAround(page, this.#readahead[page >>> AREA_BITS]);
    this.#pages.kept = NONE;
    this.#map(page, write);
    this.#pages.replacement.use(ppn);
    return ppn;
  }

  #readSlot(page: number, slot: number): number {
    const ppn = this.#pages.allocate(PageUse.Anonymous, page);
    if (ppn === NONE) return NONE;
    this.#place[page] = (ppn << ENTRY_BITS) | Entry.ReadOnly;
    this.swap.read(slot, page, ppn);
    return ppn;
  }

  #readCluster(slot: number, cluster: ClusterReadahead): void {
    cluster.fault(slot + FIRST_SLOT);
    const { pages } = this.swap;
    const to = Math.min(cluster.to - FIRST_SLOT, pages.end);
    for (let next = Math.max(0, cluster.from - FIRST_SLOT); next < to; next++) {
      const page = pages.page(next);
      if (this.#place[page] === -(next + 2) && !this.#readAhead(page, next)) return;
    }
  }

  #readAround(page: number, readahead: SwapReadahead): void {
    readahead.fault(page);
    const table = page - (page % TABLE_PAGES);
    const from = Math.max(readahead.from, table);
    const to = Math.min(readahead.to, table + TABLE_PAGES, this.#place.length);
    for (let next = from; next < to; next++) {
      const place = this.#place[next];
      if (place < NONE && !this.#readAhead(next, -(place + 2))) return;
    }
  }

  /** False: there is no memory for it. */
  #readAhead(page: number, slot: number): boolean {
    if (this.#readSlot(page, slot) === NONE) return false;
    this.#setEntry(page, Entry.ReadAhead);
    return true;
  }

  #setEntry(page: number, entry: number): void {
    this.#place[page] = (this.#place[page] & ~ENTRY_MASK) | entry;
  }

  get #keepsCache(): boolean {
    return this.#readahead.length > 0;
  }
}
