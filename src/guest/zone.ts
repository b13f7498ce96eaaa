/**
 * One zone of a Linux 6.1 guest (mm/page_alloc.c): its free pages, its watermarks and by how much they are raised. Pages that can be moved come
 * from blocks of such pages; when those have none left, from the largest free run in a block of the kernel, and unless that is a
 * whole block the marks are boosted: kswapd is to reclaim a block's worth of files so that it need not happen again.
 */
import { PerCpuPages } from "./per-cpu-pages.ts";
import { FreeRuns, ORDERS } from "./free-runs.ts";
import type { Watermarks } from "./watermarks.ts";

/** A page block is 2^9 pages. */
const BLOCK_ORDER = 9;
const BLOCK_PAGES = 1 << BLOCK_ORDER;
/** vm.watermark_boost_factor: a boost is at most so much of the high watermark, in 10,000ths. */
const BOOST_FACTOR = 15_000;
/** A zone of less than so many blocks is not boosted. */
const LEAST_BLOCKS = 4;

/** What a block holds: pages of the kernel that stay where they are, objects of it that can be reclaimed, pages that can be moved. */
export const BlockKind = { Unmovable: 0, Reclaimable: 1, Movable: 2 } as const;
export type BlockKind = (typeof BlockKind)[keyof typeof BlockKind];

/** Free pages of a zone, and those in blocks of the kernel: runs of 1, 2, 4 ... pages. */
export interface FreeInZone {
  readonly free: number;
  readonly unmovable: readonly number[];
  readonly reclaimable: readonly number[];
}

export class Zone {
  /** By how many pages the marks are raised, until kswapd has seen to it. */
  boost = 0;
  readonly marks: Watermarks;
  /** Free pages, with those that the processor keeps. */
  #free: number;
  readonly #kept: PerCpuPages;
  readonly #mayBeBoosted: boolean;
  /** Of unmovable and reclaimable blocks. */
  readonly #kernel: readonly FreeRuns[];

  /** `pages`: those that the kernel hands out; `free`: of those; then the free runs in blocks of unmovable and in such of reclaimable pages. */
  constructor(pages: number, marks: Watermarks, { free, unmovable, reclaimable }: FreeInZone) {
    this.marks = marks;
    this.#free = free;
    this.#kept = new PerCpuPages(pages, marks.low);
    this.#mayBeBoosted = pages >= LEAST_BLOCKS * BLOCK_PAGES;
    this.#kernel = [new FreeRuns(unmovable), new FreeRuns(reclaimable)];
  }

  /** Whether there are more free pages than a mark says, and `reserve`: those held back from whoever can use a higher zone. */
  isAbove(mark: number, reserve: number): boolean {
    return this.#free - this.#kept.count > mark + this.boost + reserve;
  }

  /** Whether the marks have been raised for it. */
  take(kind: BlockKind): boolean {
    const { boost } = this;
    if (kind === BlockKind.Movable) this.#takeMovable();
    else this.#takeForKernel(kind);
    this.#free--;
    return this.boost !== boost;
  }

  release(kind: BlockKind, inReclaim: boolean): void {
    this.#free++;
    if (kind === BlockKind.Movable) this.#kept.add(inReclaim);
    else this.#kernel[kind].add(0);
  }

  /** Free pages in blocks of those that can be moved. */
  get #movable(): number {
    const [unmovable, reclaimable] = this.#kernel;
    return this.#free - this.#kept.count - unmovable.pages - reclaimable.pages;
  }

  #takeMovable(): void {
    if (this.#kept.count === 0 && this.#movable <= 0) this.#takeRunOfKernel();
    this.#kept.take(this.#movable);
  }

  #takeForKernel(kind: number): void {
    const runs = this.#kernel[kind];
    if (runs.pages === 0) this.#takeRunFor(runs, this.#kernel[1 - kind]);
    runs.take();
  }

  /** The largest run of the kernel becomes one of pages that can be moved (__rmqueue_fallback): of two, the reclaimable one. */
  #takeRunOfKernel(): void {
    const [unmovable, reclaimable] = this.#kernel;
    const from = unmovable.largest > reclaimable.largest ? unmovable : reclaimable;
    if (from.pages > 0) this.#noteFallback(from.takeLargest());
  }

  /**
   * The largest run of the others becomes one of this kind. Free pages that can be moved are in runs as large as their number
   * allows: until reclaim comes, small ones are used up first.
   */
  #takeRunFor(runs: FreeRuns, others: FreeRuns): void {
    const movable = Math.min(ORDERS - 1, 31 - Math.clz32(Math.max(0, this.#movable)));
    if (Math.max(movable, others.largest) < 0) return;
    const order = movable > others.largest ? movable : others.takeLargest();
    runs.add(order);
    this.#noteFallback(order);
  }

  #noteFallback(order: number): void {
    if (order >= BLOCK_ORDER || !this.#mayBeBoosted) return;
    const most = Math.max(BLOCK_PAGES, Math.floor((this.marks.high * BOOST_FACTOR) / 10_000));
    this.boost = Math.min(this.boost + BLOCK_PAGES, most);
  }
}
