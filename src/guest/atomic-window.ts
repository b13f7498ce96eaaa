/**
 * How Linux 2.6 maps a page of high memory (kmap_atomic, arch/i386/mm/highmem.c): for one copy, through one entry, and the processor is
 * told to forget the page before.
 */
import { entryOf } from "../machine/page-tables.ts";
import type { KernelContext } from "./kernel-context.ts";
import { KernelTables } from "./kernel-tables.ts";
import { endOfKernel, PAGE_FLAGS, type PageMappings } from "./page-mappings.ts";
import type { Mmu } from "./virtual-hardware.ts";

/**
 * How far from the end of the kernel's part the page of the entry lies: above it are a hole, the page of system calls, a local and eight
 * I/O APICs, and the entries of interrupts (FIX_KMAP_BEGIN + KM_USER0 = 11 + 3, include/asm-i386/fixmap.h and kmap_types.h, Linux
 * 2.6.12; PAE changes nothing). XenLinux leaves two pages below the hypervisor free (set_fixaddr_top and its caller one each), but has
 * no page of system calls, which comes to the same (mach-xen/asm/fixmap.h, Xen 3.0.4).
 */
const WINDOW_BELOW_END = 15;

export class AtomicWindow implements PageMappings {
  readonly tables: KernelTables;
  readonly #mmu: Mmu;
  readonly #page: number;

  constructor(context: Omit<KernelContext, "highMemory" | "tables">) {
    this.#mmu = context.machine.mmu;
    this.#page = endOfKernel(this.#mmu) - WINDOW_BELOW_END;
    this.tables = new KernelTables(context, this.#page);
  }

  map(frame: number): number {
    this.tables.set(this.#page, entryOf(frame, PAGE_FLAGS));
    this.#mmu.invalidate(this.#page);
    this.#mmu.commit();
    return this.#page;
  }

  unmap(): void {
    if (!this.#mmu.clearsWindows) return;
    this.tables.set(this.#page, 0);
    this.#mmu.commit();
  }

  forget(): void {}
}
