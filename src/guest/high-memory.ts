/**
 * High memory: on IA-32, with PAE and without, the kernel has the upper quarter of every address space, and maps there for good no more
 * memory than there is room for: 896 MiB, and less where a hypervisor has the end of that quarter. A page of a file beyond is mapped
 * when its data is to be copied, through a table that all address spaces have in common; how, depends on the kernel
 * ({@link PageMappings}). Pages of files are taken from high memory first (page_cache_alloc, include/linux/pagemap.h; build_zonelists,
 * mm/page_alloc.c). That a process's own pages are, too, is left out.
 */
import { BitSet } from "../core/bit-set.ts";
import { IA32_PAGES } from "../machine/page-tables.ts";
import { AtomicWindow } from "./atomic-window.ts";
import type { KernelContext } from "./kernel-context.ts";
import { endOfKernel, type PageMappings } from "./page-mappings.ts";
import { PersistentMappings } from "./persistent-mappings.ts";
import { GUEST_FAULT, type Mmu } from "./virtual-hardware.ts";

/** What is kept for vmalloc and others (VMALLOC_RESERVE, include/asm-i386/page.h: 128 MiB), in pages. */
const RESERVED_PAGES = (128 * 1024) / 4;
export class HighMemory {
  readonly #mmu: Mmu;
  readonly #mappings: PageMappings;
  /** Of the file set. */
  readonly #highPages: BitSet;
  #free: number;

  constructor(context: Omit<KernelContext, "highMemory" | "tables">) {
    const { machine, shape, version } = context;
    this.#mmu = machine.mmu;
    this.#mappings = version.mapsEachCopy ? new AtomicWindow(context) : new PersistentMappings(context);
    this.#free = shape.memoryPages - lowMemoryPages(context);
    this.#highPages = new BitSet(shape.filePages);
  }

  /** There is a new address space. */
  link(root: number): void {
    this.#mappings.tables.link(root);
  }

  /** An address space is gone. */
  unlink(root: number): void {
    this.#mappings.tables.unlink(root);
  }

  /** A page of a file has been given memory. */
  take(page: number): void {
    if (this.#free === 0) return;
    this.#free--;
    this.#highPages.add(page);
  }

  /** A page of a file gives its memory back. */
  release(page: number, frame: number): void {
    if (!this.#highPages.has(page)) return;
    this.#highPages.delete(page);
    this.#mappings.forget(frame);
    this.#free++;
  }

  /**
   * The kernel copies from a page of a file, or, with `write`, to it. It does so by one instruction, hence one access: rep movsl in
   * __copy_user, arch/i386/lib/usercopy.c, which is for buffers that begin at a multiple of 8 bytes, as files' are taken to.
   */
  map(page: number, frame: number, write: boolean): void {
    if (!this.#highPages.has(page)) return;
    const at = this.#mappings.map(frame);
    const reached = this.#mmu.kernelAccess?.(at, write) ?? this.#mmu.access(at, write);
    if (reached === GUEST_FAULT) throw new Error(`frame ${frame} is not where the kernel has mapped it`);
  }

  unmap(page: number): void {
    if (this.#highPages.has(page)) this.#mappings.unmap();
  }
}

/**
 * What the kernel maps for good (MAXMEM, include/asm-i386/page.h; mach-xen/asm/page.h, Xen 3.0.4; arch/xen/kernel/setup.c, 2.4.26-xen):
 * 896 MiB; 832 MiB below Xen's 64 MB, 728 MiB below the 168 MB that it has with PAE.
 */
function lowMemoryPages({ machine, version }: Pick<KernelContext, "machine" | "version">): number {
  return endOfKernel(machine.mmu) - version.layout.userEnd - RESERVED_PAGES;
}

/** Whether a guest has some: page tables, and a kernel, for IA-32, and more memory than that maps for good. */
export function hasHighMemory(context: Pick<KernelContext, "machine" | "shape" | "version">): boolean {
  const { machine, shape, version } = context;
  const isIa32 = machine.pageTableFormat.name !== "x86-64" && version.layout.userEnd < IA32_PAGES;
  return isIa32 && shape.memoryPages > lowMemoryPages(context);
}
