/**
 * The two zones of a Linux 6.1 guest with less than 4 GiB, and the pages in blocks of the kernel (mm/page_alloc.c). Pages come from the upper zone
 * until its low watermark is reached, then from the lower one; reclaim may end as soon as either is balanced. Pages that can be
 * moved come from blocks of such pages; when those have none left, from the largest free run in a block of the kernel, and unless that is a
 * whole block the watermark is boosted: kswapd is to reclaim a block's worth of files so that it need not happen again.
 *
 * Which zone a page is in is decided when it is taken: the simulated guest does not care which of its pages it gets.
 */
import { BitSet } from "../core/bit-set.ts";
import { PerCpuPages } from "./per-cpu-pages.ts";
import { type Watermarks, zoneMarks } from "./watermarks.ts";

/** Memory below 16 MiB on a PC, without what is reserved at boot. */
const LOWER_PAGES = 3840;
/** A page block is 2^9 pages, the largest free run 2^10. */
const BLOCK_ORDER = 9;
const BLOCK_PAGES = 1 << BLOCK_ORDER;
const ORDERS = 11;
/** vm.watermark_boost_factor: a boost is at most so much of the high watermark, in 10,000ths. */
const BOOST_FACTOR = 15_000;

export class Zones {
  /** By how many pages the marks of the upper zone are raised, until kswapd has seen to it. */
  boost = 0;
  /** Kswapd has been woken for a boost. */
  #boosted = false;
  readonly #upper: Watermarks;
  readonly #lower: Watermarks;
  readonly #isLower: BitSet;
  /** Free pages of the lower zone, with those that the processor keeps of it. */
  #lowerFree: number;
  readonly #keptLower: PerCpuPages;
  readonly #keptUpper: PerCpuPages;
  #inReclaim = false;
  /** Free runs in blocks of the kernel by the logarithm of their size, and their pages. */
  readonly #runs = new Int32Array(ORDERS);
  #kernelFree = 0;

  /**
   * `pages`: of the guest; `managed`: those that the kernel hands out; `lowerFree`: free ones of the lower zone; `kernelRuns`: free runs
   * in blocks of the kernel, of 1, 2, 4 ... pages.
   */
  constructor(pages: number, managed: number, marks: Watermarks, lowerFree: number, kernelRuns: readonly number[]) {
    this.#isLower = new BitSet(pages);
    this.#lowerFree = lowerFree;
    this.#lower = zoneMarks(marks, LOWER_PAGES / managed, marks.reserve);
    this.#upper = zoneMarks(marks, 1 - LOWER_PAGES / managed, 0);
    this.#keptLower = new PerCpuPages(LOWER_PAGES, this.#lower.low - marks.reserve);
    this.#keptUpper = new PerCpuPages(managed - LOWER_PAGES, this.#upper.low);
    for (const [order, runs] of kernelRuns.entries()) {
      this.#runs[order] = runs;
      this.#kernelFree += runs << order;
    }
  }

  /** Whether kswapd is to be woken, with so many free pages in both zones. */
  wakesReclaim(free: number): boolean {
    return this.#boosted || !(this.#isLowerAbove(this.#lower.low) || this.#isUpperAbove(this.#upper.low, free));
  }

  isBalanced(free: number): boolean {
    return this.#isLowerAbove(this.#lower.high) || this.#isUpperAbove(this.#upper.high, free);
  }

  /** Kswapd begins to reclaim: for this boost. */
  beginReclaim(): number {
    this.#boosted = false;
    this.#inReclaim = true;
    return this.boost;
  }

  /** It has reclaimed for this boost, or has given it up. */
  endReclaim(boost: number): void {
    this.boost -= boost;
    this.#inReclaim = false;
  }

  /** A page is taken, with which there were so many free ones. */
  take(page: number, byKernel: boolean, free: number): void {
    if (this.#isLowerAbove(this.#lower.low) && !this.#isUpperAbove(this.#upper.low, free)) {
      this.#keptLower.take(this.#lowerFree - this.#keptLower.count);
      this.#lowerFree--;
      this.#isLower.add(page);
    } else if (byKernel) this.#takeForKernel();
    else this.#takeMovable(free - this.#lowerFree - this.#keptUpper.count);
  }

  /** A page is free again. */
  release(page: number, byKernel: boolean): void {
    if (this.#isLower.has(page)) {
      this.#isLower.delete(page);
      this.#lowerFree++;
      this.#keptLower.add(this.#inReclaim);
    } else if (byKernel) {
      this.#runs[0]++;
      this.#kernelFree++;
    } else this.#keptUpper.add(this.#inReclaim);
  }

  #isLowerAbove(mark: number): boolean {
    return this.#lowerFree - this.#keptLower.count > mark;
  }

  #isUpperAbove(mark: number, free: number): boolean {
    return free - this.#lowerFree - this.#keptUpper.count > mark + this.boost;
  }

  /** `free`: pages of the upper zone that the processor does not keep. */
  #takeMovable(free: number): void {
    if (this.#keptUpper.count === 0 && free <= this.#kernelFree) this.#fallBack();
    this.#keptUpper.take(free - this.#kernelFree);
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
    if (order < BLOCK_ORDER) this.#raiseMarks();
  }

  #raiseMarks(): void {
    const most = Math.max(BLOCK_PAGES, Math.floor((this.#upper.high * BOOST_FACTOR) / 10_000));
    this.boost = Math.min(this.boost + BLOCK_PAGES, most);
    this.#boosted = true;
  }
}
