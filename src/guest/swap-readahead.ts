/**
 * How many pages a guest kernel reads from its swap device at once (Linux 6.1, swapin_nr_pages in mm/swap_state.c, for
 * devices that are taken for disks): more as long as what was read ahead is used, one where faults are scattered.
 */

/** 2^page-cluster: vm.page-cluster is 3. */
const MOST_PAGES = 8;
/** swapin_readahead_hits at boot. */
const HITS_AT_BOOT = 4;
/** Pages for one or two hits. */
const SHORT_WINDOW = 4;

export class SwapReadahead {
  #hits = HITS_AT_BOOT;
  #previous = 0;
  #window = 0;

  /** A page that was read ahead is used for the first time. */
  hit(): void {
    this.#hits++;
  }

  /** Pages to read for a fault on `slot`: they are the aligned block of so many slots that it is in. */
  pagesFor(slot: number): number {
    let pages = this.#hits + 2;
    this.#hits = 0;
    if (pages === 2) {
      if (Math.abs(slot - this.#previous) !== 1) pages = 1;
      this.#previous = slot;
    } else pages = Math.max(SHORT_WINDOW, 2 ** Math.ceil(Math.log2(pages)));
    pages = Math.max(Math.min(pages, MOST_PAGES), this.#window >> 1);
    this.#window = pages;
    return pages;
  }
}
