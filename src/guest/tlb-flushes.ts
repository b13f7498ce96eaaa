/**
 * When the kernel flushes the TLB. Linux 6.1 has a trace event for it, once for each flush of whatever range and each load of
 * another address space's root (arch/x86/mm/tlb.c: flush_tlb_func, switch_mm_irqs_off).
 */
import { event } from "../core/ledger.ts";
import type { Meter } from "../machine/meter.ts";
import type { KernelVersion } from "./kernel-version.ts";
import { ALL_PAGES, type Mmu } from "./virtual-hardware.ts";

const TLB_FLUSH = event("tlb_flush");

export class TlbFlushes {
  readonly #mmu: Mmu;
  readonly #meter: Meter;
  readonly #version: KernelVersion;

  constructor({ mmu, meter }: { readonly mmu: Mmu; readonly meter: Meter }, version: KernelVersion) {
    this.#mmu = mmu;
    this.#meter = meter;
    this.#version = version;
  }

  page(page: number): void {
    this.#trace();
    this.#mmu.invalidate(page);
  }

  all(): void {
    this.#trace();
    this.#mmu.invalidate(ALL_PAGES);
  }

  /** Pages [start, end), one by one as long as they are few. */
  range(start: number, end: number): void {
    if (end - start > this.#version.singlePageInvalidations) {
      this.all();
      return;
    }
    this.#trace();
    for (let page = start; page < end; page++) this.#mmu.invalidate(page);
  }

  switchRoot(root: number): void {
    this.#trace();
    this.#mmu.switchRoot(root);
  }

  /** The address space that is loaded will not run again: the kernel goes on in its own. */
  leave(root: number): void {
    this.#trace();
    this.#mmu.retire(root);
  }

  #trace(): void {
    if (this.#version.countsFlushesAndMinorFaults) this.#meter.count(TLB_FLUSH);
  }
}
