/** Doubly linked lists of guest pages. All lists of a guest share the links of its page descriptors. */
import type { PageDescriptors } from "./page-descriptors.ts";

const NONE = -1;

/** A list: oldest page at the head. */
export class PageList {
  readonly #descriptors: PageDescriptors;
  #tail = NONE;
  /** Oldest page, or -1. */
  head = NONE;
  length = 0;

  constructor(descriptors: PageDescriptors) {
    this.#descriptors = descriptors;
  }

  append(page: number): void {
    const { next, previous } = this.#descriptors;
    next[page] = NONE;
    previous[page] = this.#tail;
    if (this.#tail === NONE) this.head = page;
    else next[this.#tail] = page;
    this.#tail = page;
    this.length++;
  }

  /** Put a page where it will be taken next. */
  prepend(page: number): void {
    const { next, previous } = this.#descriptors;
    next[page] = this.head;
    previous[page] = NONE;
    if (this.head === NONE) this.#tail = page;
    else previous[this.head] = page;
    this.head = page;
    this.length++;
  }

  remove(page: number): void {
    const { next, previous } = this.#descriptors;
    const [before, after] = [previous[page], next[page]];
    if (before === NONE) this.head = after;
    else next[before] = after;
    if (after === NONE) this.#tail = before;
    else previous[after] = before;
    this.length--;
  }
}
