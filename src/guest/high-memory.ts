/**
 * High memory: on IA-32, with PAE and without, the kernel has the upper quarter of every address space, and maps there for good no more
 * memory than there is room for: 896 MiB, and less where a hypervisor has the end of that quarter. A page of a file beyond is mapped
 * for as long as its data is copied (kmap_atomic, Linux 2.6, arch/i386/mm/highmem.c), through an entry that all address spaces have in
 * common. Pages of files are taken from high memory first (page_cache_alloc, include/linux/pagemap.h; build_zonelists, mm/page_alloc.c).
 * That a process's own pages are, too, is left out.
 */
import { BitSet } from "../core/bit-set.ts";
import { entryOf, IA32_PAGES, Pte } from "../machine/page-tables.ts";
import type { KernelContext } from "./kernel-context.ts";
import { KernelTables } from "./kernel-tables.ts";
import { GUEST_FAULT, type Mmu } from "./virtual-hardware.ts";

/** What is kept for vmalloc and others (VMALLOC_RESERVE, include/asm-i386/page.h: 128 MiB), in pages. */
const RESERVED_PAGES = (128 * 1024) / 4;
/**
 * How far from its end the page of the entry lies: above it are a hole, the page of system calls, a local and eight I/O APICs, and the entries
 * of interrupts (FIX_KMAP_BEGIN + KM_USER0 = 11 + 3, include/asm-i386/fixmap.h and kmap_types.h, Linux 2.6.12; PAE changes nothing).
 * XenLinux leaves two pages below the hypervisor free (set_fixaddr_top and its caller one each), but has no page of system calls, which
 * comes to the same (mach-xen/asm/fixmap.h, Xen 3.0.4).
 */
const WINDOW_BELOW_END = 15;
const PAGE_FLAGS = Pte.Present | Pte.Writable | Pte.Accessed | Pte.Dirty;

export class HighMemory {
  readonly #context: Omit<KernelContext, "highMemory" | "tables">;
  readonly #window: number;
  readonly #tables: KernelTables;
  /** Of the file set. */
  readonly #highPages: BitSet;
  #free: number;

  constructor(context: Omit<KernelContext, "highMemory" | "tables">) {
    const { shape } = context;
    this.#context = context;
    this.#window = endOfKernel(context.machine.mmu) - WINDOW_BELOW_END;
    this.#free = shape.memoryPages - lowMemoryPages(context);
    this.#highPages = new BitSet(shape.filePages);
    this.#tables = new KernelTables(context, this.#window);
  }

  /** There is a new address space. */
  link(root: number): void {
    this.#tables.link(root);
  }

  /** An address space is gone. */
  unlink(root: number): void {
    this.#tables.unlink(root);
  }

  /** A page of a file has been given memory. */
  take(page: number): void {
    if (this.#free === 0) return;
    this.#free--;
    this.#highPages.add(page);
  }

  /** A page of a file gives its memory back. */
  release(page: number): void {
    if (!this.#highPages.has(page)) return;
    this.#highPages.delete(page);
    this.#free++;
  }

  /**
   * The kernel copies from a page of a file, or, with `write`, to it. It does so by one instruction, hence one access: rep movsl in
   * __copy_user, arch/i386/lib/usercopy.c, which is for buffers that begin at a multiple of 8 bytes, as files' are taken to.
   */
  map(page: number, frame: number, write: boolean): void {
    if (!this.#highPages.has(page)) return;
    const { mmu } = this.#context.machine;
    this.#tables.set(this.#window, entryOf(frame, PAGE_FLAGS));
    mmu.invalidate(this.#window);
    mmu.commit();
    const reached = mmu.kernelAccess?.(this.#window, write) ?? mmu.access(this.#window, write);
    if (reached === GUEST_FAULT) throw new Error(`frame ${frame} is not where the kernel has mapped it`);
  }

  unmap(page: number): void {
    const { mmu } = this.#context.machine;
    if (!mmu.clearsWindows || !this.#highPages.has(page)) return;
    this.#tables.set(this.#window, 0);
    mmu.commit();
  }
}

/** Where the kernel's part of every address space ends. */
function endOfKernel({ hypervisorStart = IA32_PAGES }: Mmu): number {
  return Math.min(hypervisorStart, IA32_PAGES);
}

/**
 * What the kernel maps for good (MAXMEM, include/asm-i386/page.h; mach-xen/asm/page.h, Xen 3.0.4): 896 MiB; 832 MiB below Xen's 64 MB,
 * 728 MiB below the 168 MB that it has with PAE.
 */
function lowMemoryPages({ machine, version }: Pick<KernelContext, "machine" | "version">): number {
  return endOfKernel(machine.mmu) - version.layout.userEnd - RESERVED_PAGES;
}

/** Whether a guest has some, and its kernel maps it page by page. */
export function hasHighMemory(context: Pick<KernelContext, "machine" | "shape" | "version">): boolean {
  const { machine, shape, version } = context;
  return (
    version.mapsEachCopy && machine.pageTableFormat.name !== "x86-64" && shape.memoryPages > lowMemoryPages(context)
  );
}
