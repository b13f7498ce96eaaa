/**
 * Which pages a guest kernel reads from its swap device with one that a process needs (Linux 6.1, mm/swap_state.c:
 * swap_ra_info, __swapin_nr_pages): neighbours in its address space, more as long as what was read ahead is used, none where
 * faults are scattered. So it is where swap is on no rotating disk; for those neighbours on the disk are read.
 */

/** 2^page-cluster: vm.page-cluster is 3. */
const MOST_PAGES = 8;
/** What a mapping begins with. */
const FIRST_HITS = 4;
const MOST_HITS = 63;
/** Pages for one or two hits. */
const SHORT_WINDOW = 4;

/** Readahead within one area of a process's memory. */
export class SwapReadahead {
  /** The pages to read for the last fault: from the first to before the second, the faulting one among them. */
  from = 0;
  to = 0;
  #hits = FIRST_HITS;
  #previous = -2;
  #window = 0;

  /** A page was in the swap cache already; `ahead`: because it had been read ahead, and this is its first use. */
  found(page: number, ahead: boolean): void {
    this.#previous = page;
    if (ahead) this.#hits = Math.min(MOST_HITS, this.#hits + 1);
  }

  /** A fault on a page that has to be read. */
  fault(page: number): void {
    const window = this.#nextWindow(page);
    const previous = this.#previous;
    this.#hits = 0;
    this.#previous = page;
    this.#window = window;
    if (page === previous + 1) this.from = page;
    else if (page === previous - 1) this.from = page - window + 1;
    else this.from = page - ((window - 1) >> 1);
    this.to = this.from + window;
  }

  #nextWindow(page: number): number {
    let pages = this.#hits + 2;
    if (pages > 2) pages = Math.max(SHORT_WINDOW, 2 ** Math.ceil(Math.log2(pages)));
    else if (Math.abs(page - this.#previous) !== 1) pages = 1;
    return Math.max(Math.min(pages, MOST_PAGES), this.#window >> 1);
  }
}
