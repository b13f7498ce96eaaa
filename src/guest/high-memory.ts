/**
 * High memory: on IA-32 the kernel has the upper quarter of every address space, and maps no more than 896 MiB of memory there
 * for good. A page of a file beyond that is mapped for as long as its data is copied (kmap_atomic, Linux 2.6,
 * arch/i386/mm/highmem.c), through an entry that all address spaces have in common. Pages of files are taken from high memory
 * first (page_cache_alloc, include/linux/pagemap.h; build_zonelists, mm/page_alloc.c). That a process's own pages are, too, is
 * left out.
 */
import { BitSet } from "../core/bit-set.ts";
import { entryOf, Pte } from "../machine/page-tables.ts";
import { GUEST_FAULT } from "./virtual-hardware.ts";
import type { KernelContext } from "./kernel-context.ts";
import { PageUse } from "./guest-pages.ts";

/** 1 GiB less what is kept for vmalloc and others (VMALLOC_RESERVE, include/asm-i386/page.h: 128 MiB), in pages. */
const LOW_PAGES = (896 * 1024) / 4;
/** Pages of the address space. */
const ADDRESS_SPACE = 2 ** 20;
/**
 * How far from its end the page of the entry lies: above it are a hole, the page of system calls, a local and eight I/O APICs, and the entries
 * of interrupts (FIX_KMAP_BEGIN + KM_USER0 = 11 + 3, include/asm-i386/fixmap.h and kmap_types.h, Linux 2.6.12). XenLinux leaves two pages
 * below the hypervisor free, but has no page of system calls, which comes to the same (mach-xen/asm/fixmap.h, Xen 3.0.4).
 */
const WINDOW_BELOW_END = 15;
const TABLE_FLAGS = Pte.Present | Pte.Writable | Pte.Accessed;
const PAGE_FLAGS = Pte.Present | Pte.Writable | Pte.Accessed | Pte.Dirty;

export class HighMemory {
  readonly #context: Omit<KernelContext, "highMemory" | "tables">;
  readonly #window: number;
  readonly #table: number;
  /** Of the file set. */
  readonly #highPages: BitSet;
  #free: number;

  constructor(context: Omit<KernelContext, "highMemory" | "tables">) {
    const { machine, shape } = context;
    this.#context = context;
    this.#window = (machine.mmu.hypervisorStart ?? ADDRESS_SPACE) - WINDOW_BELOW_END;
    this.#free = shape.memoryPages - LOW_PAGES;
    this.#highPages = new BitSet(shape.filePages);
    this.#table = context.takeFrame(PageUse.Kernel, 0);
    machine.mmu.useAsTable(this.#table, 0, this.#table);
  }

  /** The address space of a root has the entry, too. */
  link(root: number): void {
    const { mmu, pageTableFormat } = this.#context.machine;
    mmu.writeEntry(root, this.#window >>> pageTableFormat.bitsPerLevel, entryOf(this.#table, TABLE_FLAGS), "set");
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
    this.#set(entryOf(frame, PAGE_FLAGS));
    mmu.invalidate(this.#window);
    mmu.commit();
    const reached = mmu.kernelAccess?.(this.#window, write) ?? mmu.access(this.#window, write);
    if (reached === GUEST_FAULT) throw new Error(`frame ${frame} is not where the kernel has mapped it`);
  }

  unmap(page: number): void {
    const { mmu } = this.#context.machine;
    if (!mmu.clearsWindows || !this.#highPages.has(page)) return;
    this.#set(0);
    mmu.commit();
  }

  #set(entry: number): void {
    const { mmu, pageTableFormat } = this.#context.machine;
    mmu.writeEntry(this.#table, this.#window & ((1 << pageTableFormat.bitsPerLevel) - 1), entry, "set");
  }
}

/** Whether a guest has some, and its kernel maps it page by page. With PAE there is a table of tables in between; it is not modelled. */
export function hasHighMemory({
  machine,
  shape,
  version,
}: Pick<KernelContext, "machine" | "shape" | "version">): boolean {
  return version.mapsEachCopy && machine.pageTableFormat.name === "ia32" && shape.memoryPages > LOW_PAGES;
}
