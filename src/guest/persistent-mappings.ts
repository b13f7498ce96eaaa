/**
 * How Linux 2.4 maps a page of high memory (kmap, include/asm-i386/highmem.h, and mm/highmem.c): a page keeps its entry when it is not
 * needed any more. New pages get the next entry, one after the other; when the first one is reached again, all that are not needed are
 * cleared, and the processor is told to forget everything. There are as many as one table has: 1,024, with PAE 512 (LAST_PKMAP).
 */
import { entryOf } from "../machine/page-tables.ts";
import type { KernelContext } from "./kernel-context.ts";
import { KernelTables } from "./kernel-tables.ts";
import { endOfKernel, PAGE_FLAGS, type PageMappings } from "./page-mappings.ts";
import { ALL_PAGES, type Mmu } from "./virtual-hardware.ts";

/**
 * From the end of the address space to the first of the pages (PKMAP_BASE, include/asm-i386/highmem.h, 2.4.22: 32 MiB); XenLinux has it
 * 8 MiB below the hypervisor (include/asm-xen/highmem.h, 2.4.30-xen).
 */
const BELOW_END = (32 * 1024) / 4;
const BELOW_HYPERVISOR = (8 * 1024) / 4;
const NONE = -1;

export class PersistentMappings implements PageMappings {
  readonly tables: KernelTables;
  readonly #mmu: Mmu;
  readonly #firstPage: number;
  /** By frame, its entry. */
  readonly #entryOfFrame: Int32Array;
  /** By entry, its frame. */
  readonly #frameIn: Int32Array;
  #last = 0;

  constructor(context: Omit<KernelContext, "highMemory" | "tables">) {
    const { machine, shape } = context;
    this.#mmu = machine.mmu;
    const below = this.#mmu.hypervisorStart === undefined ? BELOW_END : BELOW_HYPERVISOR;
    this.#firstPage = endOfKernel(this.#mmu) - below;
    this.#entryOfFrame = new Int32Array(shape.memoryPages).fill(NONE);
    this.#frameIn = new Int32Array(1 << machine.pageTableFormat.bitsPerLevel).fill(NONE);
    this.tables = new KernelTables(context, this.#firstPage);
  }

  map(frame: number): number {
    const known = this.#entryOfFrame[frame];
    if (known !== NONE) return this.#firstPage + known;
    this.#last = (this.#last + 1) % this.#frameIn.length;
    if (this.#last === 0) this.#clearAll();
    this.tables.set(this.#firstPage + this.#last, entryOf(frame, PAGE_FLAGS));
    this.#mmu.commit();
    this.#entryOfFrame[frame] = this.#last;
    this.#frameIn[this.#last] = frame;
    return this.#firstPage + this.#last;
  }

  unmap(): void {}

  /**
   * The guest's frames are not divided into low and high ones here, so that one that was high may become a page table, which no
   * hypervisor lets the kernel have mapped. It is asked for this with what it is asked for next.
   */
  forget(frame: number): void {
    if (this.#mmu.clearsWindows && this.#entryOfFrame[frame] !== NONE) this.#clear(this.#entryOfFrame[frame]);
  }

  /** The page of an entry that is cleared is used again only behind the next flush. */
  #clearAll(): void {
    for (let entry = 0; entry < this.#frameIn.length; entry++) if (this.#frameIn[entry] !== NONE) this.#clear(entry);
    this.#mmu.invalidate(ALL_PAGES);
  }

  #clear(entry: number): void {
    this.tables.set(this.#firstPage + entry, 0);
    this.#entryOfFrame[this.#frameIn[entry]] = NONE;
    this.#frameIn[entry] = NONE;
  }
}
