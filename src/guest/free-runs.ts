/** Free pages in blocks of one kind (Linux, mm/page_alloc.c: free_area), as runs of powers of two. Which pages they are nobody asks. */

/** The largest run is 2^10 pages. */
export const ORDERS = 11;

export class FreeRuns {
  pages = 0;
  /** Runs by the logarithm of their size. */
  readonly #runs = new Int32Array(ORDERS);

  /** `runs`: of 1, 2, 4 ... pages. */
  constructor(runs: readonly number[]) {
    for (const [order, count] of runs.entries()) {
      this.#runs[order] = count;
      this.pages += count << order;
    }
  }

  /** Logarithm of the largest run; -1: there is none. */
  get largest(): number {
    return this.#runs.findLastIndex((runs) => runs > 0);
  }

  add(order: number): void {
    this.#runs[order]++;
    this.pages += 1 << order;
  }

  /** Takes the largest run, of which there must be one; returns its logarithm. */
  takeLargest(): number {
    const order = this.largest;
    this.#runs[order]--;
    this.pages -= 1 << order;
    return order;
  }

  /** Takes a page, if there is any: the smallest run is divided. */
  take(): void {
    let order = this.#runs.findIndex((runs) => runs > 0);
    if (order < 0) return;
    this.#runs[order]--;
    this.pages--;
    while (order > 0) this.#runs[--order]++;
  }
}
