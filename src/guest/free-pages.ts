/**
 * A guest's free pages: those freed last come first, then in order of number those that have never been used. The latter
 * are linked when their turn comes, so that a page nobody uses takes no memory of the simulator.
 */
import { type PageLinks, PageList } from "./page-list.ts";

const NONE = -1;

export class FreePages {
  readonly #total: number;
  readonly #linked: PageList;
  /** Pages from this one on have never been used and are not linked. */
  #fresh = 0;

  /** All pages are free. */
  constructor(links: PageLinks, total: number) {
    this.#total = total;
    this.#linked = new PageList(links);
  }

  get length(): number {
    return this.#linked.length + this.#total - this.#fresh;
  }

  /** The page to use next, or -1. */
  get head(): number {
    if (this.#linked.head !== NONE) return this.#linked.head;
    return this.#fresh < this.#total ? this.#fresh : NONE;
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
    while (this.#fresh <= page) this.#linked.append(this.#fresh++);
  }
}
