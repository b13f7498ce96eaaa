/** The guest kernel's page-fault handler. */
import { event } from "../core/ledger.ts";
import { entryOf, frameOf, Pte } from "../machine/page-tables.ts";
import type { AddressSpace } from "./address-space.ts";
import type { KernelContext } from "./kernel-context.ts";
import { PageUse } from "./guest-pages.ts";
import { LargePagePool } from "./large-page-pool.ts";
import { PROGRAM_TEXT_PAGES } from "./program-image.ts";
import { findRegion, isPrivate } from "./regions.ts";
import type { Region } from "./regions.ts";
import type { FileIo } from "./file-io.ts";
import { deliverSignal, returnFromSignal } from "./signals.ts";
import type { SwapSpace } from "./swap-space.ts";

const NONE = -1;
const USER_FAULT = event("page_fault_user");
const KERNEL_FAULT = event("page_fault_kernel");
const MINOR_FAULT = event("minor_faults");
const READABLE = Pte.Present | Pte.User | Pte.Accessed;
/** The kernel sets accessed and dirty itself in an entry it makes for a write, as Linux 2.4 does (mk_pte, pte_mkdirty). */
const WRITTEN = READABLE | Pte.Writable | Pte.Dirty;

export class PageFaults {
  readonly #context: KernelContext;
  readonly #files: FileIo;
  readonly #swap: SwapSpace;
  readonly #largePages: LargePagePool | undefined;
  /** Taken when it is first needed. */
  #zeroFrame = NONE;

  constructor(context: KernelContext, files: FileIo, swap: SwapSpace) {
    this.#context = context;
    this.#files = files;
    this.#swap = swap;
    const { machine, shape } = context;
    const { memoryPages, largePages } = shape;
    if (largePages !== undefined) {
      this.#largePages = new LargePagePool(memoryPages, largePages, machine.pageTableFormat);
    }
  }

  /**
   * A visit of `touched` has faulted: handle that. False: the access is not allowed, and the process got a signal instead.
   * `byKernel`: the kernel itself reached for the page, on behalf of the process.
   */
  handle(space: AddressSpace, touched: number, write: boolean, byKernel: boolean): boolean {
    const { machine, version, paths } = this.#context;
    const { cpu, mmu, meter } = machine;
    meter.count(byKernel ? KERNEL_FAULT : USER_FAULT);
    const isPermitted = !write || isWritable(findRegion(space.regions, touched));
    mmu.raiseFault(isPermitted);
    cpu.enterKernel("page-fault");
    // Before anything that may fault itself (do_page_fault, arch/i386/mm/fault.c).
    const page = cpu.readFaultAddress();
    const allowed = isPermitted && this.#resolve(space, page, write);
    if (!allowed) deliverSignal(machine, version, paths["protection-fault"]);
    mmu.commit();
    cpu.leaveKernel("page-fault");
    if (!allowed) returnFromSignal(machine);
    return allowed;
  }

  #resolve(space: AddressSpace, page: number, write: boolean): boolean {
    const region = findRegion(space.regions, page);
    if (this.#largePages && isPrivate(space.regions, page)) return this.#mapLargePage(this.#largePages, space, page);
    const entry = space.entry(page);
    if ((entry & Pte.Present) !== 0) return this.#resolvePresent(space, page, entry);
    if ((entry & Pte.Swapped) === 0 && (region?.kind !== "file" || this.#isInMemory(region, page))) {
      countMinorFault(this.#context);
    }
    const flags = isWritable(region) ? WRITTEN : READABLE;
    if ((entry & Pte.Swapped) !== 0) this.#swapIn(space, page, frameOf(entry), flags);
    else if (region !== undefined && (region.kind !== "anonymous" || (region.ofFile && !write))) {
      this.#mapFilePages(space, page, region, write);
    } else if (region?.ofFile) this.#copyFilePage(space, page, region);
    else if (!write && this.#context.version.mapsZeroPage) this.#mapZeroPage(space, page);
    else this.#demandZero(space, page, flags);
    return true;
  }

  #mapLargePage(pool: LargePagePool, space: AddressSpace, page: number): boolean {
    const { machine, paths, pages } = this.#context;
    countMinorFault(this.#context);
    machine.cpu.runKernel(paths["page-fault"], 1);
    pool.map(space, page, WRITTEN, pages);
    return true;
  }

  /** A write to data that nobody has read: the page is copied from the file's at once (do_cow_fault, mm/memory.c). */
  #copyFilePage(space: AddressSpace, page: number, region: Region): void {
    const { machine, paths, pages } = this.#context;
    machine.cpu.runKernel(paths["page-fault"], 1);
    const frame = this.#context.takeFrame(PageUse.Anonymous, page);
    pages.copy(frameOfProgram(region, page), frame);
    space.setEntry(page, entryOf(frame, WRITTEN));
  }

  #mapZeroPage(space: AddressSpace, page: number): void {
    const { machine, paths, frames, pages } = this.#context;
    machine.cpu.runKernel(paths["file-fault"], 1);
    if (this.#zeroFrame === NONE) {
      this.#zeroFrame = this.#context.takeFrame(PageUse.Kernel, page);
      pages.zero(this.#zeroFrame);
    }
    frames.share(this.#zeroFrame);
    space.setEntry(page, entryOf(this.#zeroFrame, READABLE | Pte.CopyOnWrite));
  }

  #resolvePresent(space: AddressSpace, page: number, entry: number): boolean {
    const isSpurious = (entry & Pte.Writable) !== 0;
    if (!isSpurious && (entry & Pte.CopyOnWrite) === 0) return false;
    countMinorFault(this.#context);
    if (isSpurious) {
      // Somebody has repaired the entry already (a spurious fault); the TLB just has to forget what it holds.
      this.#context.flushes.page(page);
      return true;
    }
    this.#copyOnWrite(space, page, frameOf(entry));
    return true;
  }

  #demandZero(space: AddressSpace, page: number, flags: number): void {
    const { machine, paths, pages } = this.#context;
    machine.cpu.runKernel(paths["page-fault"], 1);
    const frame = this.#context.takeFrame(PageUse.Anonymous, page);
    pages.zero(frame);
    space.setEntry(page, entryOf(frame, flags));
  }

  /**
   * A read also maps what is in memory of the pages around it: from the border of a window on, or from where the region begins,
   * as many pages as a window has, as far as one table maps them (do_fault_around, mm/memory.c).
   */
  #mapFilePages(space: AddressSpace, page: number, region: Region, write: boolean): void {
    const { machine, paths, version } = this.#context;
    machine.cpu.runKernel(paths["file-fault"], 1);
    this.#mapFilePage(space, page, region, write);
    const window = version.faultAroundPages;
    if (write || window === 1) return;
    const entries = 2 ** machine.pageTableFormat.bitsPerLevel;
    const first = Math.max(page - (page % window), region.start);
    const end = Math.min(first + window, region.end, page - (page % entries) + entries);
    for (let next = first; next < end; next++) {
      if (next === page || !this.#isInMemory(region, next) || space.entry(next) !== 0) continue;
      machine.cpu.runKernel(paths["map-around"], 1);
      this.#mapFilePage(space, next, region, false);
    }
  }

  #isInMemory(region: Region, page: number): boolean {
    return isProgram(region) || this.#files.cache.frameOf(this.#files.filePage(page - region.start)) !== -1;
  }

  #mapFilePage(space: AddressSpace, page: number, region: Region, write: boolean): void {
    const { frames } = this.#context;
    if (isProgram(region)) {
      const frame = frameOfProgram(region, page);
      frames.share(frame);
      space.setEntry(page, entryOf(frame, region.ofFile ? READABLE | Pte.CopyOnWrite : READABLE));
      return;
    }
    const filePage = this.#files.filePage(page - region.start);
    const frame = this.#files.cachedFrame(filePage, 1);
    if (write) this.#files.cache.markDirty(filePage);
    frames.share(frame);
    space.setEntry(page, entryOf(frame, write ? WRITTEN : region.writable ? READABLE | Pte.Writable : READABLE));
  }

  #copyOnWrite(space: AddressSpace, page: number, shared: number): void {
    const { machine, paths, pages, frames, version, flushes } = this.#context;
    machine.cpu.runKernel(paths["copy-on-write"], 1);
    let frame = shared;
    if (frames.references(shared) !== 1) {
      frame = this.#context.takeFrame(PageUse.Anonymous, page);
      if ((space.entry(page) & Pte.Present) === 0) {
        // The page itself has been swapped out to make room: the access faults again and brings it back.
        frames.release(frame);
        return;
      }
      if (shared === this.#zeroFrame) pages.zero(frame);
      else pages.copy(shared, frame);
      frames.release(shared);
    }
    if (!version.clearsBeforeCopy) {
      space.setEntry(page, entryOf(frame, WRITTEN));
      flushes.page(page);
      return;
    }
    if (frame !== shared) {
      space.setEntry(page, 0, "modify");
      flushes.page(page);
    }
    space.setEntry(page, entryOf(frame, WRITTEN));
  }

  #swapIn(space: AddressSpace, page: number, slot: number, flags: number): void {
    const { machine, paths, pages } = this.#context;
    machine.cpu.runKernel(paths["page-fault"], 1);
    const frame = this.#context.takeFrame(PageUse.Anonymous, page, true);
    this.#files.blocks.transferAndWait(this.#files.cache.size + slot, 1, false);
    pages.swapIn(slot, frame);
    this.#swap.release(slot);
    space.setEntry(page, entryOf(frame, flags));
  }
}

/** A page is found or made without the disk, by a fault or because the kernel itself needs it (mm_account_fault, mm/memory.c). */
export function countMinorFault({ machine, version }: KernelContext): void {
  if (version.countsFlushesAndMinorFaults) machine.meter.count(MINOR_FAULT);
}

/** Memory that no region describes may be written. */
function isWritable(region: Region | undefined): boolean {
  return region === undefined || region.writable;
}

/** Text, or data that has not been written. */
function isProgram(region: Region): boolean {
  return region.kind === "text" || region.ofFile === true;
}

function frameOfProgram(region: Region, page: number): number {
  return (page - region.start) % PROGRAM_TEXT_PAGES;
}
