/**
 * What a guest's kernel keeps for each of its physical pages (Linux: struct page). Pages come into use in order of number
 * (see free-pages.ts), and the arrays grow with them: a page that nobody has used takes no memory of the simulator.
 */
import { copyInto, lengthFor } from "../core/copy-into.ts";

export class PageDescriptors {
  /** Pages of the guest. */
  readonly pages: number;
  /** Pages that the arrays have room for. They grow, so don't keep a reference to one. */
  room = 0;
  /** Neighbours on the list that the page is on; it is on one at most. */
  next = new Int32Array(0);
  previous = new Int32Array(0);
  /** A {@link PageUse} in the low three bits, and what the kernel's replacement has to remember. 0: free, and never used. */
  flags = new Uint8Array(0);
  /** Which file page or which logical anonymous page a page in use holds. */
  item = new Int32Array(0);
  /** References to a page beyond its first one; empty until a page has several, which without page tables none ever has. */
  #shared = new Uint16Array(0);

  readonly #onlyLists: boolean;

  /** `onlyLists`: room for neighbours and flags, and for nothing else. */
  constructor(pages: number, onlyLists = false) {
    this.pages = pages;
    this.#onlyLists = onlyLists;
  }

  /** Have room for all pages up to this one. */
  cover(page: number): void {
    if (page < this.room) return;
    this.room = lengthFor(page + 1, this.room, this.pages);
    this.next = copyInto(this.next, new Int32Array(this.room));
    this.previous = copyInto(this.previous, new Int32Array(this.room));
    this.flags = copyInto(this.flags, new Uint8Array(this.room));
    if (this.#onlyLists) return;
    this.item = copyInto(this.item, new Int32Array(this.room));
    if (this.#shared.length > 0) this.#shared = copyInto(this.#shared, new Uint16Array(this.room));
  }

  /** How many page-table entries, or others, refer to a page that is not free. */
  references(page: number): number {
    return this.#shared.length === 0 ? 1 : this.#shared[page] + 1;
  }

  share(page: number): void {
    if (this.#shared.length === 0) this.#shared = new Uint16Array(this.room);
    this.#shared[page]++;
  }

  /** One reference less; false: it was the only one. */
  unshare(page: number): boolean {
    if (this.#shared.length === 0 || this.#shared[page] === 0) return false;
    this.#shared[page]--;
    return true;
  }
}
