/** mmap, munmap and mprotect. */
import { Pte } from "../machine/page-tables.ts";
import type { AddressSpace, Piece } from "./address-space.ts";
import type { KernelContext } from "./kernel-context.ts";
import type { Processes } from "./processes.ts";
import { withRegion, within, withoutRange } from "./regions.ts";

export class Mappings {
  readonly #context: KernelContext;
  readonly #processes: Processes;

  constructor(context: KernelContext, processes: Processes) {
    this.#context = context;
    this.#processes = processes;
  }

  /** Map [start, end), in place of whatever was mapped there. */
  map(space: AddressSpace, start: number, end: number, kind: "anonymous" | "file"): void {
    const { cpu, mmu } = this.#context.machine;
    cpu.enterKernel("system-call");
    cpu.runKernel(this.#context.paths.mmap, 1);
    if (this.#processes.unmap(space, start, end) > 0) this.#context.flushes.all();
    space.regions = withRegion(space.regions, { start, end, kind, writable: true });
    mmu.commit();
    cpu.leaveKernel("system-call");
  }

  unmap(space: AddressSpace, start: number, end: number): void {
    const { machine, version, flushes } = this.#context;
    const { cpu, mmu } = machine;
    cpu.enterKernel("system-call");
    cpu.runKernel(this.#context.paths.munmap, 1);
    const count = this.#processes.unmap(space, start, end);
    space.regions = withoutRange(space.regions, start, end);
    // Linux 2.4 flushes what it has cleared before it frees tables (zap_page_range, mm/memory.c), 6.1 both together (tlb_finish_mmu).
    const flushesFirst = version.flushesEachMapping;
    if (flushesFirst && count > 0) flushes.all();
    space.freeTables(start, end);
    if (!flushesFirst && count > 0) flushes.all();
    if (version.flushesEmptyUnmaps && count === 0) flushes.page(start);
    mmu.commit();
    cpu.leaveKernel("system-call");
  }

  protect(space: AddressSpace, start: number, end: number, writable: boolean): void {
    const { cpu, mmu } = this.#context.machine;
    cpu.enterKernel("system-call");
    cpu.runKernel(this.#context.paths.mprotect, 1);
    this.#protectRegions(space, start, end, writable);
    this.#protectEntries(space, start, end, writable);
    mmu.commit();
    cpu.leaveKernel("system-call");
  }

  /** Heap that was never mapped explicitly becomes a region here, so that its protection can be remembered. */
  #protectRegions(space: AddressSpace, start: number, end: number, writable: boolean): void {
    const known = within(space.regions, start, end);
    let regions = withRegion(space.regions, { start, end, kind: "anonymous", writable });
    for (const region of known) regions = withRegion(regions, { ...region, writable });
    space.regions = regions;
  }

  #protectEntries(space: AddressSpace, start: number, end: number, writable: boolean): void {
    const { machine, version, flushes } = this.#context;
    const { cpu, mmu } = machine;
    const written: Written = { entries: 0, first: end, last: start };
    for (const piece of space.pieces(start, end)) {
      mmu.beginBatch();
      protectPiece(space, piece, writable, mmu.marksGlobal === true, written);
      mmu.endBatch();
    }
    cpu.runKernel(this.#context.paths["protect-entry"], written.entries);
    if (version.flushesUnchanged) flushes.range(start, end);
    else if (written.first <= written.last) flushes.range(written.first, written.last + 1);
  }
}

/** Entries that have been written, and the first and the last page that must be invalidated. */
interface Written {
  entries: number;
  first: number;
  last: number;
}

/** Entries that allow what they did before need no invalidation (pte_needs_flush, arch/x86/include/asm/tlbflush.h). */
function protectPiece(space: AddressSpace, piece: Piece, writable: boolean, always: boolean, written: Written): void {
  const { start, end } = piece;
  for (let page = space.nextUsed(start, end); page !== -1; page = space.nextUsed(page + 1, end)) {
    const entry = space.entry(page);
    if ((entry & Pte.Present) === 0) continue;
    const allowed = writable && (entry & Pte.CopyOnWrite) === 0;
    const next = (allowed ? entry | Pte.Writable : entry & ~Pte.Writable) >>> 0;
    space.setEntry(page, next, "protect");
    written.entries++;
    if (next === entry && !always) continue;
    written.first = Math.min(written.first, page);
    written.last = Math.max(written.last, page);
  }
}
