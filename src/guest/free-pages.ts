/**
 * A guest's free pages: those freed last come first, then in order of number those that have never been used. The latter
 * are linked when their turn comes, so that a page nobody uses takes no memory of the simulator.
 */
import type { PageDescriptors } from "./page-descriptors.ts";
import { PageList } from "./page-list.ts";

const NONE = -1;

export class FreePages {
  readonly #descriptors: PageDescriptors;
  readonly #linked: PageList;
  /** Pages from this one on are not there: they may be added while the guest runs. */
  present: number;
  /** Pages from this one on have never been used and are not linked. */
  #fresh = 0;

  /** All pages that are there are free. */
  constructor(descriptors: PageDescriptors, present = descriptors.pages) {
    this.#descriptors = descriptors;
    this.present = present;
    this.#linked = new PageList(descriptors);
  }

  get length(): number {
    return this.#linked.length + this.present - this.#fresh;
  }

  /** The page to use next, or -1. */
  get head(): number {
    if (this.#linked.head !== NONE) return this.#linked.head;
    return this.#fresh < this.present ? this.#fresh : NONE;
  }

  /** The page has never been used, nor any after it. */
  isFresh(page: number): boolean {
    return page >= this.#fresh;
  }

  remove(page: number): void {
    if (page >= this.#fresh) this.#linkUpTo(page);
    this.#linked.remove(page);
  }

  /** A page is free again. */
  add(page: number): void {
    this.#linked.prepend(page);
  }

  #linkUpTo(page: number): void {
    this.#descriptors.cover(page);
    while (this.#fresh <= page) this.#linked.append(this.#fresh++);
  }
}
