/** What single mechanisms do for the memory of a host, where a VMM has them. */
import type { DriverDomain } from "./driver-domain.ts";
import type { VmmText } from "../memory/vmm-text.ts";
import type { DecisionObserver } from "./memory-decision.ts";
import { PinnedPage } from "./pinned-page.ts";
import type { VmMemory } from "./vm-memory.ts";

/** How fast to scan, as somebody outside decides. */
export interface ScanSpeed {
  /** Off: nothing more is merged; what is merged stays so. */
  readonly run: boolean;
  /** Pages scanned each time the scanner wakes up. */
  readonly pagesToScan: number;
  readonly sleepMs: number;
}

/** Who shares pages, if anybody does. */
export interface PageSharer {
  /** The VMs' memory has been scanned already when the simulation starts. */
  readonly scannedBeforeStart: boolean;
  /** Pages are tried for sharing besides the scan: one that is to be swapped out, and those of a large page broken up. */
  readonly sharesOnDemand: boolean;
  /** Who writes to a shared frame that nobody else maps any more gets a copy all the same, and not the frame. */
  readonly copiesForLast: boolean;
  /** Try to back a page with a frame of equal content. Returns whether its own frame was given up. */
  share(vm: VmMemory, ppn: number): boolean;
  /** The last page that maps a shared frame is about to leave it; the frame still has its content. */
  forget(vm: VmMemory, ppn: number): void;
  /** Scan like that from now on. Absent: nobody outside can tell it. */
  tune?(speed: ScanSpeed): void;
  /** How it scans now; absent as {@link tune}. */
  readonly speed?: ScanSpeed;
}

/** Who wants to know which guest pages are read from a disk or written to one, if anybody does. */
export interface DiskWatcher {
  /** The guest's disk driver has put a page of its disk there. */
  readIn(vm: VmMemory, ppn: number): void;
  /** What the page holds has gone to the disk. */
  writtenOut(vm: VmMemory, ppn: number): void;
}

/** Who backs regions of 512 pages with one large page, if anybody does. */
export interface LargePageBacking {
  /** Back the region of an unbacked page as a whole. Returns whether that could be done. */
  back(vm: VmMemory, ppn: number): boolean;
  /** Back the region of the page with small pages from now on. */
  breakUp(vm: VmMemory, ppn: number): void;
}

/** Who keeps pages compressed, if anybody does. */
export interface PageCompressor {
  /** Try to keep a mapped page compressed instead of swapping it out. Returns whether its frame was given up. */
  compress(vm: VmMemory, ppn: number): boolean;
  /** Take a page out of the cache; its content. */
  take(vm: VmMemory, place: number): number;
  /** Swap out what has been compressed longest, until a frame is free or nothing is left. */
  shrink(vm: VmMemory): void;
}

/** Who knows what guests are going to do, and moves their pages at no cost: a bound for everybody else. */
export interface Clairvoyance {
  /** A page is used for the first time since its marks in VmMemory.marks were set. */
  touched(vm: VmMemory, ppn: number): void;
  /** The guest has freed a page: nobody needs its content. */
  freed(vm: VmMemory, ppn: number): void;
  /** Back a page with a frame that holds its content already. Returns whether there is one. */
  back(vm: VmMemory, ppn: number): boolean;
  /** As {@link SwapReader}. */
  readBack(vm: VmMemory, ppn: number, slot: number): void;
}

/** Who keeps pages as patches to similar ones, if anybody does. */
export interface PagePatcher {
  /** Drop a patch; the content of the page. */
  take(vm: VmMemory, patch: number): number;
  /** Frames that patches refer to, and the VMM therefore keeps; for checks. */
  heldFrames(): readonly number[];
}

/** Who keeps the pages that VMs have mapped in the order in which they may be taken, if anybody does. */
export interface PageAger {
  mapped(vm: VmMemory, ppn: number): void;
  unmapped(vm: VmMemory, ppn: number): void;
  /** The content of a page, wherever it was, is not needed any more. */
  forgotten(vm: VmMemory, ppn: number): void;
}

/** Who reads pages back from the host's swap space, if that does more than to read the one that is needed. */
export interface SwapReader {
  /** A page has been given a frame and its content, and must still be read from its slot, which may then be released. */
  readBack(vm: VmMemory, ppn: number, slot: number): void;
  /** A page of which there is a copy, or which was read ahead, is used for the first time since it was marked so. */
  used(vm: VmMemory, ppn: number, isAhead: boolean, write: boolean): void;
}

/** Processes of the host that serve guests, whose text may have to be read before they can. */
export interface ServingProcesses {
  readonly text: VmmText;
  /** The process of a VM serves a request: what it reads for that is in the text's requests. */
  serve(vm: VmMemory): void;
}

/** Says how much memory a VM boots with, where more is added while it runs. */
export interface HotAdding {
  startupPages(configured: number): number;
}

/** Frees frames when there are none left. */
export interface RoomMaker {
  /** Free at least one frame by force; returns the number freed, 0 if there is no way. */
  makeRoom(): number;
}

/** Who keeps VMs to what they may have, if anybody does. */
export interface CapKeeper {
  /** A VM that has all that it may have is about to get one page more. Returns whether it has less now. */
  keepToCap(vm: VmMemory): boolean;
}

/** Who frees frames before they are needed, and has what was in them written while others go on, if anybody does. */
export interface BackgroundReclaim {
  /** From now on; a host that is being put together does without. */
  start(): void;
  readonly isOn: boolean;
  /** An allocation is about to leave fewer than {@link MemoryRoles.wakeBelow} frames free. */
  wake(): void;
  /** Free as many as there should be. */
  balance(): void;
  /** A page is to be written; `frees`: its frame is free for others when it has been. */
  writes(frees: boolean): void;
  /** So many pages have been written. */
  written(pages: number): void;
  /** Frames that were given out although their old pages are being written, as a count of all so far; 0: none since the last call. */
  takeDebt(): number;
  /** The old pages of so many have been written. */
  isSettled(debt: number): boolean;
}

/** Who asks a guest whether it can do without a page that is to be swapped out, if anybody does. */
export interface PageDiscarder {
  /** Returns whether the page's frame was given up, its content for good. */
  discard(vm: VmMemory, ppn: number): boolean;
}

/** Who keeps copies of pages that guests would write to their swap devices, by slots of these, if anybody does. */
export interface SwapPageKeeper {
  readonly puts: number;
  readonly refusedPuts: number;
  readonly gets: number;
  /** Pages given up, one by one or with their VM: what was put is flushed or still held. */
  readonly flushes: number;
  /** Take a copy of a page for a slot that has none. Returns whether it was taken. */
  put(vm: VmMemory, slot: number, ppn: number): boolean;
  /** Copy what is kept for a slot into a page; it is kept all the same. */
  get(vm: VmMemory, slot: number, ppn: number): void;
  /** What is kept for a slot is not needed any more. */
  flush(vm: VmMemory, slot: number): void;
  /** The VM leaves. */
  flushAll(vm: VmMemory): void;
}

/** Who plays which of these roles on a host. Most hosts do without some. */
export class MemoryRoles {
  sharer: PageSharer | undefined;
  /** Somebody outside says how fast pages are scanned for sharing: until then none are. */
  sharingIsTuned = false;
  diskWatcher: DiskWatcher | undefined;
  largePages: LargePageBacking | undefined;
  frontswap: SwapPageKeeper | undefined;
  compressor: PageCompressor | undefined;
  patcher: PagePatcher | undefined;
  swapReader: SwapReader | undefined;
  vmmText: ServingProcesses | undefined;
  hotAdding: HotAdding | undefined;
  discarder: PageDiscarder | undefined;
  ager: PageAger | undefined;
  roomMaker: RoomMaker | undefined;
  capKeeper: CapKeeper | undefined;
  backgroundReclaim: BackgroundReclaim | undefined;
  /** Frames that are kept free if room can be made at all. */
  reserve = 0;
  /** So few free frames wake whoever reclaims in the background, who then has something to do. */
  wakeBelow = -1;
  woken = false;
  clairvoyance: Clairvoyance | undefined;
  /** The domain with the drivers, which is none of the VMs; absent: its memory is not held against the host's. */
  driverDomain: DriverDomain | undefined;
  /** Who wants to know what is decided about memory; usually nobody. */
  observer: DecisionObserver | undefined;
  readonly pinned = new PinnedPage();

  /** Frames made free for a page. */
  protected makeRoom(vm: VmMemory, ppn: number): number {
    return this.pinned.during(vm, ppn, () => this.roomMaker?.makeRoom() ?? 0);
  }

  /** {@link CapKeeper.keepToCap}, for a page. */
  protected keepToCap(vm: VmMemory, ppn: number): boolean {
    return this.pinned.during(vm, ppn, () => this.capKeeper?.keepToCap(vm) ?? true);
  }
}
