/** What the kernel takes for itself while the job runs. */
import { type GuestPages, PageUse, RECLAIMABLE } from "../../../guest/guest-pages.ts";

/**
 * Pages that the kernel takes for the benchmark, for files that are read, for a pipeline that reads them, and for gcc with what it starts: page
 * tables, stacks, slab and others, as /proc/meminfo tells ten times a second where memory is plenty (docs/balloon-job).
 */
export const KernelPages = {
  Benchmark: 50,
  /** Slab, which stays. */
  Files: 72,
  Reader: 36,
  Compiler: 42,
  /** Of these, nodes of the page cache for the 7,600 pages that the first compilation reads, 576 bytes for 64 pages. They stay. */
  CompilerNodes: 17,
} as const;

export class JobKernel {
  readonly #pages: GuestPages;

  constructor(pages: GuestPages) {
    this.#pages = pages;
  }

  /** Pages that come and go with processes. */
  take(pages: number): readonly number[] {
    return Array.from({ length: pages }, () => this.#pages.allocate(PageUse.Kernel, 0));
  }

  give(pages: readonly number[]): void {
    for (const ppn of pages) this.#pages.release(ppn);
  }

  /** Pages of objects that the kernel keeps of files. */
  keepObjects(pages: number): void {
    for (let page = 0; page < pages; page++) this.#pages.allocate(PageUse.Kernel, RECLAIMABLE);
  }
}
