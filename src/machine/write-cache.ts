/**
 * The memory of a disk for what has been written and is not on the medium yet: pages in order of their place, so that they go
 * there in one sweep after another (C-LOOK: from where the head is onwards, then from the beginning), neighbours together.
 */

/** Most pages that go to the medium at once, before the disk looks whether somebody waits: about a track of 256 KiB (assumed). */
const RUN_PAGES = 64;

export class WriteCache {
  readonly capacity: number;
  /** Pages in it. */
  length = 0;
  /** First page and length of what {@link takeRun} has taken last. */
  first = 0;
  run = 0;
  /** In ascending order. */
  readonly #pages: Float64Array;

  /** `capacity`: pages of 4 KiB. */
  constructor(capacity: number) {
    this.capacity = capacity;
    this.#pages = new Float64Array(capacity);
  }

  /** Pages of a request that it has. */
  held(page: number, pages: number): number {
    return this.#place(page + pages) - this.#place(page);
  }

  /** Take in what is written; there must be room for what it does not have yet. */
  add(page: number, pages: number): void {
    const from = this.#place(page);
    const to = this.#place(page + pages);
    const length = this.length + pages - (to - from);
    if (length > this.capacity) throw new RangeError(`${length} pages in a cache of ${this.capacity}`);
    this.#pages.copyWithin(from + pages, to, this.length);
    for (let i = 0; i < pages; i++) this.#pages[from + i] = page + i;
    this.length = length;
  }

  /** Forget pages that have been written past it. */
  drop(page: number, pages: number): void {
    const from = this.#place(page);
    this.#cut(from, this.#place(page + pages) - from);
  }

  /** Take the neighbours out that come next for a head at page `head`: {@link first}, {@link run}. It must not be empty. */
  takeRun(head: number): void {
    const onwards = this.#place(head);
    const from = onwards === this.length ? 0 : onwards;
    let to = from + 1;
    const end = Math.min(this.length, from + RUN_PAGES);
    while (to < end && this.#pages[to] === this.#pages[to - 1] + 1) to++;
    this.first = this.#pages[from];
    this.run = to - from;
    this.#cut(from, this.run);
  }

  #cut(from: number, pages: number): void {
    this.#pages.copyWithin(from, from + pages, this.length);
    this.length -= pages;
  }

  /** Pages below `page`. */
  #place(page: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#pages[middle] < page) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
