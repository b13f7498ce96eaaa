/** Lists of pages that have a content in common, on typed arrays; each page is on one at most. */
import { copyInto } from "../../core/copy-into.ts";

const NONE = -1;

export class SharerLists {
  #head = new Int32Array(0);
  #count = new Int32Array(0);
  /** By page: the list it is on, and its neighbours there. */
  #list = new Int32Array(0);
  #next = new Int32Array(0);
  #previous = new Int32Array(0);

  /** There are lists, and pages, with numbers below these. */
  grow(lists: number, pages: number): void {
    this.#head = copyInto(this.#head, new Int32Array(lists).fill(NONE, this.#head.length));
    this.#count = copyInto(this.#count, new Int32Array(lists));
    this.#list = copyInto(this.#list, new Int32Array(pages).fill(NONE, this.#list.length));
    this.#next = copyInto(this.#next, new Int32Array(pages));
    this.#previous = copyInto(this.#previous, new Int32Array(pages));
  }

  count(list: number): number {
    return this.#count[list];
  }

  /** A page of a list; -1: it is empty. */
  first(list: number): number {
    return this.#head[list];
  }

  /** The page after this one on its list; -1: there is none. */
  next(page: number): number {
    return this.#next[page];
  }

  /** The list that a page is on; -1: none. */
  listOf(page: number): number {
    return this.#list[page];
  }

  add(list: number, page: number): void {
    const head = this.#head[list];
    this.#list[page] = list;
    this.#next[page] = head;
    this.#previous[page] = NONE;
    if (head !== NONE) this.#previous[head] = page;
    this.#head[list] = page;
    this.#count[list]++;
  }

  /** The page is on no list any more. */
  remove(page: number): void {
    const list = this.#list[page];
    if (list === NONE) return;
    const [next, previous] = [this.#next[page], this.#previous[page]];
    if (previous === NONE) this.#head[list] = next;
    else this.#next[previous] = next;
    if (next !== NONE) this.#previous[next] = previous;
    this.#list[page] = NONE;
    this.#count[list]--;
  }
}
