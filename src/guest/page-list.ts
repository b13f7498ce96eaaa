/**
 * Doubly linked lists of guest pages. All lists of a guest share one pair of link arrays, since a page is on at most one.
 */
const NONE = -1;

export class PageLinks {
  readonly next: Int32Array;
  readonly previous: Int32Array;

  constructor(pages: number) {
    // What is not on a list is not read: a page that is never used takes no memory.
    this.next = new Int32Array(pages);
    this.previous = new Int32Array(pages);
  }
}

/** A list: oldest page at the head. */
export class PageList {
  readonly #links: PageLinks;
  #tail = NONE;
  /** Oldest page, or -1. */
  head = NONE;
  length = 0;

  constructor(links: PageLinks) {
    this.#links = links;
  }

  append(page: number): void {
    const { next, previous } = this.#links;
    next[page] = NONE;
    previous[page] = this.#tail;
    if (this.#tail === NONE) this.head = page;
    else next[this.#tail] = page;
    this.#tail = page;
    this.length++;
  }

  /** Put a page where it will be taken next. */
  prepend(page: number): void {
    const { next, previous } = this.#links;
    next[page] = this.head;
    previous[page] = NONE;
    if (this.head === NONE) this.#tail = page;
    else previous[this.head] = page;
    this.head = page;
    this.length++;
  }

  remove(page: number): void {
    const { next, previous } = this.#links;
    const [before, after] = [previous[page], next[page]];
    if (before === NONE) this.head = after;
    else next[before] = after;
    if (after === NONE) this.#tail = before;
    else previous[after] = before;
    this.length--;
  }
}
