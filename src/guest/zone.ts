/**
 * One zone of a Linux 6.1 guest (mm/page_alloc.c): its free pages, its watermarks and by how much they are raised. Pages that can be moved come
 * from blocks of such pages; when those have none left, from the largest free run in a block of the kernel, and unless that is a
 * whole block the marks are boosted: kswapd is to reclaim a block's worth of files so that it need not happen again.
 */
import { PerCpuPages } from "./per-cpu-pages.ts";
import type { Watermarks } from "./watermarks.ts";

/** A page block is 2^9 pages, the largest free run 2^10. */
const BLOCK_ORDER = 9;
const BLOCK_PAGES = 1 << BLOCK_ORDER;
const ORDERS = 11;
/** vm.watermark_boost_factor: a boost is at most so much of the high watermark, in 10,000ths. */
const BOOST_FACTOR = 15_000;
/** A zone of less than so many blocks is not boosted. */
const LEAST_BLOCKS = 4;

export class Zone {
  /** By how many pages the marks are raised, until kswapd has seen to it. */
  boost = 0;
  readonly marks: Watermarks;
  /** Free pages, with those that the processor keeps. */
  #free: number;
  readonly #kept: PerCpuPages;
  readonly #mayBeBoosted: boolean;
  /** Free runs in blocks of the kernel by the logarithm of their size, and their pages. */
  readonly #runs = new Int32Array(ORDERS);
  #kernelFree = 0;

  /** `pages`: those that the kernel hands out; `free`: of those; `kernelRuns`: free runs in blocks of the kernel, of 1, 2, 4 ... pages. */
  constructor(pages: number, marks: Watermarks, free: number, kernelRuns: readonly number[]) {
    this.marks = marks;
    this.#free = free;
    this.#kept = new PerCpuPages(pages, marks.low);
    this.#mayBeBoosted = pages >= LEAST_BLOCKS * BLOCK_PAGES;
    for (const [order, runs] of kernelRuns.entries()) {
      this.#runs[order] = runs;
      this.#kernelFree += runs << order;
    }
  }

  /** Whether there are more free pages than a mark says, and `reserve`: those held back from whoever can use a higher zone. */
  isAbove(mark: number, reserve: number): boolean {
    return this.#free - this.#kept.count > mark + this.boost + reserve;
  }

  /** Whether the marks have been raised for it. */
  take(byKernel: boolean): boolean {
    const { boost } = this;
    if (byKernel) this.#takeForKernel();
    else this.#takeMovable();
    this.#free--;
    return this.boost !== boost;
  }

  release(byKernel: boolean, inReclaim: boolean): void {
    this.#free++;
    if (!byKernel) return this.#kept.add(inReclaim);
    this.#runs[0]++;
    this.#kernelFree++;
  }

  #takeMovable(): void {
    const others = this.#free - this.#kept.count;
    if (this.#kept.count === 0 && others <= this.#kernelFree) this.#fallBack();
    this.#kept.take(others - this.#kernelFree);
  }

  /** The smallest run is divided. */
  #takeForKernel(): void {
    let order = this.#runs.findIndex((runs) => runs > 0);
    if (order < 0) return;
    this.#runs[order]--;
    this.#kernelFree--;
    while (order > 0) this.#runs[--order]++;
  }

  /** The largest run becomes one of pages that can be moved (steal_suitable_fallback). */
  #fallBack(): void {
    const order = this.#runs.findLastIndex((runs) => runs > 0);
    if (order < 0) return;
    this.#runs[order]--;
    this.#kernelFree -= 1 << order;
    if (order < BLOCK_ORDER && this.#mayBeBoosted) this.#raiseMarks();
  }

  #raiseMarks(): void {
    const most = Math.max(BLOCK_PAGES, Math.floor((this.marks.high * BOOST_FACTOR) / 10_000));
    this.boost = Math.min(this.boost + BLOCK_PAGES, most);
  }
}
