/** Processes: fork, exec and exit, and the switch from one to another. */
import { event } from "../core/ledger.ts";
import { entryOf, frameOf, Pte } from "../machine/page-tables.ts";
import { AddressSpace, type Piece } from "./address-space.ts";
import { PageUse } from "./guest-pages.ts";
import type { KernelContext } from "./kernel-context.ts";
import { countMinorFault } from "./page-faults.ts";
import { type ProgramImage, PROGRAM_TEXT_PAGES, serviceImage } from "./program-image.ts";
import { findRegion, isPrivate, type Region, withRegion } from "./regions.ts";
import type { SwapSpace } from "./swap-space.ts";

const SWITCH = event("sched_switch");
const MAPPED = Pte.Present | Pte.User | Pte.Accessed;
const WRITTEN = MAPPED | Pte.Writable | Pte.Dirty;

export class Processes {
  readonly #context: KernelContext;
  readonly #swap: SwapSpace;
  #nextId = 0;

  constructor(context: KernelContext, swap: SwapSpace) {
    this.#context = context;
    this.#swap = swap;
  }

  /** A service process as it is when the guest is ready: image and the first `anonymous` pages in memory. */
  boot(anonymous: number): AddressSpace {
    const { machine, version } = this.#context;
    const { anonymousStart } = version.layout;
    const space = this.#newSpace();
    const image = serviceImage(version.layout);
    space.regions = image.regions;
    const firstText = image.regions[0].start;
    const heap: Region = { start: anonymousStart, end: anonymousStart + anonymous, kind: "anonymous", writable: true };
    if (!version.copiesFileMappings && anonymous > 0) space.regions = withRegion(space.regions, heap);
    for (const { start, end, kind } of [...image.regions, heap]) {
      for (let page = start; page < end; page++) {
        if (kind === "text") this.#mapText(space, page, (page - firstText) % PROGRAM_TEXT_PAGES);
        else if (kind === "anonymous") {
          space.setEntry(page, entryOf(this.#context.takeFrame(PageUse.Anonymous, page), WRITTEN));
        }
      }
    }
    machine.mmu.commit();
    machine.mmu.activate(space.root);
    return space;
  }

  #mapText(space: AddressSpace, page: number, text: number): void {
    this.#context.frames.share(text);
    space.setEntry(page, entryOf(text, MAPPED));
  }

  /** Copy an address space: entry by entry, private pages write-protected in both (copy-on-write). */
  fork(parent: AddressSpace): AddressSpace {
    const { machine, paths, version, flushes } = this.#context;
    machine.cpu.enterKernel("system-call");
    machine.cpu.runKernel(paths.fork, 1);
    const child = this.#newSpace();
    child.regions = parent.regions;
    const privateRegions = parent.regions.filter(({ kind }) => kind === "anonymous").length;
    if (version.copiesRegions) machine.cpu.runKernel(paths["copy-region"], privateRegions);
    const copied = this.#copyEntries(parent, child);
    machine.cpu.runKernel(paths["copy-entry"], copied);
    machine.mmu.commit();
    machine.mmu.activate(child.root);
    flushes.all();
    machine.mmu.commit();
    machine.cpu.leaveKernel("system-call");
    return child;
  }

  /** A child that runs in the address space of its parent, which waits. */
  vfork(parent: AddressSpace): AddressSpace {
    const { machine, paths } = this.#context;
    machine.cpu.enterKernel("system-call");
    machine.cpu.runKernel(paths.vfork, 1);
    machine.cpu.leaveKernel("system-call");
    return parent;
  }

  /**
   * Give a process the image of a program; none of its pages is mapped yet. Returns its address space: emptied or new, as the
   * kernel does it. `isBorrowed`: the old one goes on belonging to the parent.
   */
  exec(space: AddressSpace, image: ProgramImage, isBorrowed: boolean): AddressSpace {
    const { machine, paths, version, flushes } = this.#context;
    machine.cpu.enterKernel("system-call");
    machine.cpu.runKernel(paths.exec, 1);
    const executed = version.execsIntoNewSpace || isBorrowed ? this.#newSpaceWithArguments() : space;
    // The parent of a vfork is woken by exec_mm_release, before the new address space is used: all three still share one.
    if (isBorrowed && version.vforkParentWakes) {
      this.switchWithin();
      this.switchWithin();
    }
    if (executed !== space) machine.mmu.activate(executed.root);
    if (executed !== space) flushes.switchRoot(executed.root);
    if (!isBorrowed) {
      if (executed !== space) machine.mmu.retire(space.root);
      this.#tearDown(space);
      if (executed !== space) space.destroy();
    }
    // Emptied, the same address space begins anew.
    if (executed === space) machine.mmu.activate(space.root);
    machine.mmu.commit();
    executed.regions = image.regions;
    if (executed !== space) this.#moveArguments(executed, image);
    machine.cpu.leaveKernel("system-call");
    return executed;
  }

  /** A new address space that has only the page with the arguments, which the kernel has written, at its very end. */
  #newSpaceWithArguments(): AddressSpace {
    const { machine, paths, pages, version } = this.#context;
    const space = this.#newSpace();
    const page = version.layout.userEnd - 1;
    const frame = this.#context.takeFrame(PageUse.Anonymous, page);
    machine.cpu.runKernel(paths["page-fault"], 1);
    countMinorFault(this.#context);
    pages.zero(frame);
    space.setEntry(page, entryOf(frame, WRITTEN));
    machine.mmu.commit();
    return space;
  }

  /** The page with the arguments goes to where the stack is (shift_arg_pages, fs/exec.c). */
  #moveArguments(space: AddressSpace, image: ProgramImage): void {
    const { machine, flushes } = this.#context;
    const { mmu } = machine;
    const from = this.#context.version.layout.userEnd - 1;
    const entry = space.entry(from);
    space.makeTables(image.stack.end - 1);
    // setup_arg_pages sets the protection of the stack before it moves it.
    mmu.beginBatch();
    space.setEntry(from, entry, "protect");
    mmu.endBatch();
    if (mmu.marksGlobal) flushes.page(from);
    mmu.beginBatch();
    space.setEntry(from, 0, "modify");
    space.setEntry(image.stack.end - 1, entry);
    mmu.endBatch();
    flushes.page(from);
    // Once more for the tables: what they map is more than is invalidated page by page (flush_tlb_mm_range).
    space.freeTables(from, from + 1);
    flushes.all();
    mmu.commit();
  }

  /** The process ends and `next` runs. */
  exit(space: AddressSpace, next: AddressSpace): void {
    const { machine, paths, flushes } = this.#context;
    machine.cpu.enterKernel("system-call");
    machine.cpu.runKernel(paths.exit, 1);
    if (space !== next) {
      flushes.leave(space.root);
      this.#tearDown(space);
    }
    machine.mmu.commit();
    if (space === next) this.switchWithin();
    else {
      this.switchTo(next);
      space.destroy();
    }
    machine.mmu.commit();
    machine.cpu.leaveKernel("system-call");
  }

  switchTo(space: AddressSpace): void {
    this.#switchTask(true);
    this.#context.flushes.switchRoot(space.root);
  }

  /** Switch to a process that uses the same address space. */
  switchWithin(): void {
    this.#switchTask(false);
  }

  #switchTask(changesRoot: boolean): void {
    const { machine, paths, version } = this.#context;
    machine.meter.count(SWITCH);
    machine.cpu.runKernel(paths["context-switch"], 1);
    machine.cpu.switchTask(changesRoot);
    for (let loaded = 0; loaded < version.switchedSegments; loaded++) machine.cpu.execute("segment-load");
  }

  /** Clear all entries in [start, end) and give back what they refer to. Returns how many there were. */
  unmap(space: AddressSpace, start: number, end: number): number {
    const { machine, paths } = this.#context;
    let count = 0;
    for (const piece of space.pieces(start, end)) {
      machine.mmu.beginBatch();
      count += this.#clear(space, piece);
      machine.mmu.endBatch();
    }
    machine.cpu.runKernel(paths["zap-entry"], count);
    return count;
  }

  #clear(space: AddressSpace, { start, end }: Piece): number {
    const { frames } = this.#context;
    let count = 0;
    for (let page = space.nextUsed(start, end); page !== -1; page = space.nextUsed(page + 1, end)) {
      const entry = space.entry(page);
      if ((entry & Pte.Present) !== 0) frames.release(frameOf(entry));
      else this.#swap.release(frameOf(entry));
      space.setEntry(page, 0, "modify");
      count++;
    }
    return count;
  }

  unmapAll(space: AddressSpace): void {
    this.unmap(space, 0, this.#context.version.layout.userEnd);
  }

  /** Everything a process has mapped goes, and with it the tables but for the root. */
  #tearDown(space: AddressSpace): void {
    const { version } = this.#context;
    this.unmapAll(space);
    // One for each mapping, as it goes: nothing is visited in between.
    const flushes = version.flushesEachMapping ? space.regions.length + version.furtherMappings : 0;
    for (let flush = 0; flush < flushes; flush++) this.#flush();
    space.regions = [];
    space.freeTables(0, version.layout.userEnd);
    if (version.flushesEachMapping) this.#flush();
  }

  #flush(): void {
    this.#context.flushes.all();
    this.#context.machine.mmu.commit();
  }

  #newSpace(): AddressSpace {
    return new AddressSpace(this.#context, this.#nextId++);
  }

  /**
   * Private pages of a process's program, from number `first` on: taken in turn from the top of the stack, the heap and the
   * data, that of the file from its end, where there is a heap, otherwise from the data.
   */
  privatePages(space: AddressSpace, first: number, count: number): number[] {
    const { anonymousStart, stackEnd } = this.#context.version.layout;
    const own = space.regions.filter(
      ({ kind, end, writable }) => kind === "anonymous" && writable && (end < anonymousStart || end === stackEnd),
    );
    const inTurn = own.toReversed();
    const pages: number[] = [];
    for (let i = first; i < first + count; i++) {
      const region = inTurn[i % inTurn.length];
      const offset = Math.floor(i / inTurn.length);
      if (offset >= region.end - region.start) continue;
      const isFromEnd = region.end === stackEnd || region.ofFile;
      pages.push(isFromEnd ? region.end - 1 - offset : region.start + offset);
    }
    return pages;
  }

  /** Whether fork copies the entries of a page; see {@link KernelVersion.copiesFileMappings}. */
  #isCopied(parent: AddressSpace, page: number): boolean {
    const isSpecial = findRegion(parent.regions, page)?.kind === "special";
    return isSpecial || this.#context.version.copiesFileMappings || isPrivate(parent.regions, page);
  }

  #copyEntries(parent: AddressSpace, child: AddressSpace): number {
    const { mmu } = this.#context.machine;
    let count = 0;
    for (const piece of parent.pieces(0, this.#context.version.layout.userEnd)) {
      if (!this.#isCopied(parent, piece.start)) continue;
      mmu.beginBatch();
      count += this.#copyPiece(parent, child, piece);
      mmu.endBatch();
    }
    return count;
  }

  #copyPiece(parent: AddressSpace, child: AddressSpace, { start, end }: Piece): number {
    const { frames } = this.#context;
    const isCopyOnWrite = isPrivate(parent.regions, start);
    let count = 0;
    for (let page = parent.nextUsed(start, end); page !== -1; page = parent.nextUsed(page + 1, end)) {
      child.makeTables(page); // before an entry of the parent's changes: pte_alloc in copy_page_range, mm/memory.c
      let entry = parent.entry(page);
      if ((entry & Pte.Present) === 0) this.#swap.share(frameOf(entry));
      else {
        if (isCopyOnWrite) {
          // Write-protected pages too: they may become writable again.
          const shared = ((entry & ~Pte.Writable) | Pte.CopyOnWrite) >>> 0;
          if (shared !== entry) parent.setEntry(page, shared, "modify");
          entry = shared;
        }
        frames.share(frameOf(entry));
        // The child has not visited it (pte_mkold in copy_page_range, mm/memory.c).
        entry = (entry & ~Pte.Accessed) >>> 0;
      }
      child.setEntry(page, entry);
      count++;
    }
    return count;
  }
}
