/** The memory of one VM as the VMM manages it: where each guest page is, and what the VM is entitled to. */

import type { CostVector } from "../../core/pending-charges.ts";
import type { MemorySettings } from "../../workload/vm-settings.ts";
import type { DiscardablePages } from "./discardable-pages.ts";
import { type Mark, PageMarks } from "./page-marks.ts";

/**
 * Entries of {@link VmMemory.backing} that are not machine page numbers; below them are places in the VM's compression cache,
 * below those patches to similar pages, and below those slots of the host's swap space.
 */
export const UNBACKED = -1;
export const BALLOONED = -2;
const FIRST_CACHE_CODE = -3;
const FIRST_PATCH_CODE = -(2 ** 29);
const FIRST_SLOT_CODE = -(2 ** 30);

/** The entry of a page that is in a slot of the host's swap space, and back. The mapping is its own inverse. */
export function slotCode(slotOrCode: number): number {
  return FIRST_SLOT_CODE - slotOrCode;
}

/** The entry of a page that is in a place of the compression cache, and back. */
export function cacheCode(placeOrCode: number): number {
  return FIRST_CACHE_CODE - placeOrCode;
}

/** The entry of a page that is kept as a patch, and back. */
export function patchCode(patchOrCode: number): number {
  return FIRST_PATCH_CODE - patchOrCode;
}

export function isSwapped(entry: number): boolean {
  return entry <= FIRST_SLOT_CODE;
}

export function isCompressed(entry: number): boolean {
  return entry <= FIRST_CACHE_CODE && entry > FIRST_PATCH_CODE;
}

export function isPatched(entry: number): boolean {
  return entry <= FIRST_PATCH_CODE && entry > FIRST_SLOT_CODE;
}

/** Small pages in a large one of 2 MiB. */
export const LARGE_PAGE = 512;
/** How a region of that size is backed. A candidate has a page whose content was found elsewhere, too. */
export const Region = { Small: 0, Large: 1, LargeCandidate: 2 } as const;

/** How a balloon driver takes a step. */
export interface BalloonStep {
  /** The guest reclaims memory if it has too little free. Default: it does. */
  readonly reclaims?: boolean;
  /** Default: nothing. */
  readonly price?: BalloonPrice;
}

/** What moving pages costs the guest beyond what the VMM is charged for each of them. */
export interface BalloonPrice {
  readonly batch: CostVector;
  /** Of each page, and on top of that of each that is given up. */
  readonly page: CostVector;
  readonly releasedPage: CostVector;
}

/** The balloon driver in the guest, as the VMM reaches it. */
export interface BalloonPort {
  /** Give the guest up to so many pages that it has never had; returns how many it has taken. */
  hotAdd?(pages: number): number;
  /** It has not yet run what its last step takes, or waits for the disk. */
  readonly busy?: boolean;
  /** Ask for a balloon of `target` pages; at most `most` pages move at once. */
  poll(target: number, most: number, step?: BalloonStep): void;
  /** The driver calls the VMM so many times, which takes the guest's time. Absent: it takes none. */
  calls?(count: number): void;
}

/** The kernel of a guest of whose swap device the VMM keeps pages. */
export interface FrontswapPort {
  /** Have the guest bring pages back until the VMM keeps no more than so many. Returns how many it has. */
  shrinkTo(pages: number): number;
}

/** How long a VM has been ready to run and did not, because others did or the VMM was reading its memory back. */
export interface HeldBackTime {
  readonly us: number;
}

/** What a guest has said of its memory, pages. */
export interface GuestFigures {
  /** When that was so. */
  readonly atUs: number;
  /** Free. */
  readonly unused: number;
  /** Free, and what the guest could free at once: its page cache. */
  readonly available: number;
  /** Memory of its processes, in memory or on its swap device. */
  readonly committed: number;
  /** What its kernel keeps free for itself: high watermarks and lower zones' reserves (Linux, totalreserve_pages). */
  readonly reserved: number;
  /** Of its swap device, what the VMM keeps; absent: it keeps none of any guest's. */
  readonly frontswap?: number;
}

/** A guest that says how its memory is used when it is asked. */
export interface GuestStatistics {
  /** Undefined: it has nothing to say. */
  report(nowUs: number): GuestFigures | undefined;
}

/** Time in which at least one of a VM's threads waited for memory to be read back, by the guest or by the host. */
export interface MemoryPressure {
  readonly stallUs: number;
}

/** The guest's free list, as far as it shows it. */
export interface FreeList {
  readonly freePages: number;
  /** Pages free below which the guest begins to reclaim. */
  readonly lowWatermark: number;
  isFree(ppn: number): boolean;
}

/** What is known of a guest's pages of which another read would change nothing. */
export interface ReadsOfPages {
  /** A read of the page would change something again. */
  unsettle(ppn: number): void;
}

/** What a guest is going to do, which only a model of it can tell. */
export interface Foresight {
  /** When the content of a page is needed next, cycles; below 0: it is in use now; Infinity: never again. */
  nextUse(ppn: number): number;
  /** The page is being overwritten as a whole. */
  overwrites(ppn: number): boolean;
}

export class VmMemory {
  /** Its place among the VMs that have been built. */
  readonly index: number;
  /** Its number among those asked for, not all of which may run: what it is called wherever it is told of. */
  readonly number: number;
  /** Configured memory, pages. */
  readonly pages: number;
  /** Where its pages begin when those of all VMs are numbered through. */
  readonly firstPage: number;
  readonly settings: MemorySettings;
  /** PPN -> MPN, UNBACKED, BALLOONED, or the code of a place in the cache, a patch or a swap slot. */
  readonly backing: Int32Array;
  /** What was to be remembered of pages until they are touched. */
  readonly marks: PageMarks;
  /** By region: a value of {@link Region}. */
  readonly regions: Uint8Array;
  /** Regions that are backed with large pages. */
  largePages = 0;
  /** Absent: no driver in the guest, which then cannot be ballooned. */
  balloon: BalloonPort | undefined;
  /** Absent: the VMM keeps nothing of its swap device. */
  frontswap: FrontswapPort | undefined;
  /** Absent: it always runs when it has something to do. */
  heldBack: HeldBackTime | undefined;
  /** Absent: the guest reports nothing. */
  statistics: GuestStatistics | undefined;
  /** Absent: nobody looks. */
  pressure: MemoryPressure | undefined;
  /** Absent: the guest does not show it. */
  freeList: FreeList | undefined;
  /** Absent: every read is seen. */
  reads: ReadsOfPages | undefined;
  /** Absent: the guest has no such code. */
  discardable: DiscardablePages | undefined;
  /** Absent: nobody knows. */
  foresight: Foresight | undefined;
  /** Largest balloon, pages. */
  balloonLimit = Infinity;
  /** The allocation policy lets the balloon grow. It may always shrink. */
  balloonMayGrow = true;
  mapped = 0;
  /** Frames that it has ever been given. */
  framesGiven = 0;
  ballooned = 0;
  /** Of these, pages that the guest has never had: they may be added to it. */
  absent = 0;
  swapped = 0;
  /** Pages in its compression cache. */
  compressed = 0;
  /** Frames of that cache. */
  cacheFrames = 0;
  /** Pages that are kept as patches. */
  patched = 0;
  /** Frames with pages of its guest's swap device, over and above what the VM has; see memory/frontswap.ts. */
  frontswapFrames = 0;
  /** Frames that hold its patches. */
  patchFrames = 0;
  /** Pages that a deflating balloon gave back and that have not been touched since: promised, not yet in use. */
  returned = 0;
  /** Writes to shared frames, each of which took a copy or the frame for itself. */
  sharingBroken = 0;
  /** Sampled pages that were touched. */
  sampleTouched = 0;
  /** Pages below which the allocation policy makes no VM like this. */
  least = 0;
  /** What it has beyond its target is being taken from it. */
  heldToTarget = true;
  /** Pages that the allocation policy takes to be active, if it estimates that. */
  active = 0;
  /** Machine memory the allocation policy grants, pages. */
  target: number;
  /** Pages it may have mapped: {@link MemoryRoles.capKeeper} frees one for each beyond. */
  cap: number;
  /** Pages the VM is to have outside its balloon, whether in use or not; undefined: the balloon follows {@link target}. */
  size: number | undefined;
  /** Pages that were in its balloon when it was built. */
  builtWithout = 0;
  /** The VMM does not let it run. */
  blocked = false;
  /** It was moved away from this host. */
  evicted = false;
  /** It has its memory and is not up yet. */
  building = false;

  constructor(index: number, pages: number, settings: MemorySettings, number: number, firstPage = 0) {
    this.index = index;
    this.firstPage = firstPage;
    this.number = number;
    this.pages = pages;
    this.settings = settings;
    this.target = pages;
    this.cap = pages;
    this.backing = new Int32Array(pages).fill(UNBACKED);
    this.marks = new PageMarks(pages);
    this.regions = new Uint8Array(Math.ceil(pages / LARGE_PAGE));
  }

  /** The page is part of a large one. */
  isLarge(ppn: number): boolean {
    return this.regions[Math.floor(ppn / LARGE_PAGE)] !== Region.Small;
  }

  /** A read of the page changes nothing, until {@link reads} are told. */
  isSettled(ppn: number): boolean {
    return this.reads !== undefined && this.backing[ppn] >= 0 && !this.marks.any(ppn);
  }

  /** The next touch of the page is to be seen. */
  mark(ppn: number, mark: Mark): void {
    this.marks.add(ppn, mark);
    this.reads?.unsettle(ppn);
  }

  /** There is a driver, and its balloon is not as large as it gets. */
  get canBalloon(): boolean {
    return this.balloon !== undefined && this.ballooned < this.balloonLimit;
  }

  /** Frames that it may still be given, by its balloon or for its swap device. */
  get belowMaximum(): number {
    const most = Math.min(this.pages, this.settings.limitPages ?? Infinity);
    return Math.max(0, most - (this.pages - this.ballooned) - this.frontswapFrames);
  }

  /** Machine memory it has, its compressed pages and its patches included; a shared page counts for each VM that has it. */
  get machine(): number {
    return this.mapped + this.cacheFrames + this.patchFrames;
  }

  /** What nobody has taken from it, whether in use or not. */
  get left(): number {
    return this.pages - this.ballooned - this.compressed - this.patched - this.swapped;
  }

  /** Pages by which its balloon is not what its size or target makes it, as far as it is held to that. */
  get offTarget(): number {
    const wanted = this.size === undefined ? this.ballooned + this.claimed - this.target : this.pages - this.size;
    const missing = Math.max(0, wanted) - this.ballooned;
    return missing > 0 && !this.heldToTarget ? 0 : Math.abs(missing);
  }

  /** Machine memory it has or may have at any moment without asking. */
  get claimed(): number {
    return this.machine + this.returned;
  }
}

/** The VM that a page belongs to, of all that have been built, by the page's number among those of all VMs. */
export function vmOfPage(vms: readonly VmMemory[], page: number): VmMemory {
  let low = 0;
  for (let high = vms.length; high - low > 1; ) {
    const middle = (low + high) >>> 1;
    if (vms[middle].firstPage <= page) low = middle;
    else high = middle;
  }
  return vms[low];
}
