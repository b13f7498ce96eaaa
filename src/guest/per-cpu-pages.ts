/**
 * Free pages of a zone that a processor keeps for itself (Linux 6.1, mm/page_alloc.c: per_cpu_pages): pages are taken from there, and get
 * there when they are freed. They do not count as free where the kernel looks at its watermarks.
 */

/** While kswapd reclaims, it keeps no more than so many batches (nr_pcp_high). */
const BATCHES_IN_RECLAIM = 4;
/** Most pages of a batch are a MiB; of a smaller zone a 1024th (zone_batchsize). */
const MOST_OF_BATCH = 256;

export class PerCpuPages {
  count = 0;
  readonly #batch: number;
  readonly #most: number;

  /** `most`: the low watermark of the zone, with one processor (zone_highsize). */
  constructor(managed: number, most: number) {
    const part = Math.max(1, Math.floor(Math.min(managed >> 10, MOST_OF_BATCH) / 4));
    this.#batch = Math.max(1, 2 ** Math.floor(Math.log2(part + (part >> 1))) - 1);
    this.#most = most;
  }

  /** A page is taken; `others`: free pages of the zone that the processor does not keep, of which it gets a batch when it has none. */
  take(others: number): void {
    if (this.count === 0) this.count = Math.min(this.#batch, others);
    this.count = Math.max(0, this.count - 1);
  }

  /** A page is freed. */
  add(inReclaim: boolean): void {
    this.count++;
    const most = inReclaim ? Math.min(BATCHES_IN_RECLAIM * this.#batch, this.#most) : this.#most;
    if (this.count >= most) this.count = Math.max(0, this.count - this.#batch);
  }
}
