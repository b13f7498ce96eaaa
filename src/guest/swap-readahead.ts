/**
 * Which pages Linux reads from a swap device with one that is needed (6.1, mm/swap_state.c: __swapin_nr_pages): more as long as
 * what was read ahead is used, none where faults are scattered. Neighbours in the address space (swap_vma_readahead), unless
 * the device rotates: then neighbours on the disk (swap_cluster_readahead).
 */

/** 2^page-cluster: vm.page-cluster is 3. */
const MOST_PAGES = 8;
/** What is begun with. */
const FIRST_HITS = 4;
const MOST_HITS = 63;
/** Pages for one or two hits. */
const SHORT_WINDOW = 4;

/** How many pages to read. */
class ReadaheadWindow {
  #hits = FIRST_HITS;
  #pages = 0;

  hit(): void {
    this.#hits = Math.min(MOST_HITS, this.#hits + 1);
  }

  /** Takes the hits since the last time; whether there were any. */
  takeHits(): boolean {
    const any = this.#hits > 0;
    this.#hits = 0;
    return any;
  }

  /** Pages for a fault at `place`, another one having been at `previous`: a power of two. */
  next(place: number, previous: number): number {
    let pages = this.#hits + 2;
    if (pages > 2) pages = Math.max(SHORT_WINDOW, 2 ** Math.ceil(Math.log2(pages)));
    else if (Math.abs(place - previous) !== 1) pages = 1;
    this.#pages = Math.max(Math.min(pages, MOST_PAGES), this.#pages >> 1);
    return this.#pages;
  }
}

/** Readahead within one area of a process's memory. */
export class SwapReadahead {
  /** The pages to read for the last fault: from the first to before the second, the faulting one among them. */
  from = 0;
  to = 0;
  #previous = -2;
  readonly #window = new ReadaheadWindow();

  /** A page was in the swap cache already; `ahead`: because it had been read ahead, and this is its first use. */
  found(page: number, ahead: boolean): void {
    this.#previous = page;
    if (ahead) this.#window.hit();
  }

  /** A fault on a page that has to be read. */
  fault(page: number): void {
    const previous = this.#previous;
    const window = this.#window.next(page, previous);
    this.#window.takeHits();
    this.#previous = page;
    if (page === previous + 1) this.from = page;
    else if (page === previous - 1) this.from = page - window + 1;
    else this.from = page - ((window - 1) >> 1);
    this.to = this.from + window;
  }
}

/**
 * Readahead of a device that rotates, for all that is on it: the slots around, aligned. Before 3.14 that was a whole cluster
 * each time, used or not (commit ec8acf20afb8, "swap: add a simple detector for inappropriate swapin readahead").
 */
export class ClusterReadahead {
  /** The slots to read for the last fault: from the first to before the second, the faulting one among them. */
  from = 0;
  to = 0;
  /** Of the last fault before which nothing that was read ahead had been used. */
  #previous = -2;
  readonly #window = new ReadaheadWindow();
  readonly #always: boolean;

  /** `always`: whole clusters. */
  constructor(always: boolean) {
    this.#always = always;
  }

  /** A page that had been read ahead is used. */
  hit(): void {
    this.#window.hit();
  }

  /** A fault on a page that has to be read from a slot. */
  fault(slot: number): void {
    const window = this.#always ? MOST_PAGES : this.#window.next(slot, this.#previous);
    if (!this.#window.takeHits()) this.#previous = slot;
    this.from = slot - (slot % window);
    this.to = this.from + window;
  }
}
