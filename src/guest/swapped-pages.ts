/** What lies in the slots of a guest's swap device, and which pages in memory have a copy there. */
import { copyInto, lengthFor } from "../core/copy-into.ts";

const NONE = -1;

export class SwappedPages {
  /** By slot, as far as any have been written. */
  #contents = new Uint32Array(0);
  #pages = new Int32Array(0);
  /** Logical page in memory -> slot with a copy of it, or -1. Empty until there is one. */
  #slotOf = new Int32Array(0);
  readonly #logicalPages: number;

  constructor(logicalPages: number) {
    this.#logicalPages = logicalPages;
  }

  /** No slot from here on has been written. */
  get end(): number {
    return this.#contents.length;
  }

  /** A logical page is written to a slot. */
  write(slot: number, page: number, content: number): void {
    if (slot >= this.end) {
      const length = lengthFor(slot + 1, this.end);
      this.#contents = copyInto(this.#contents, new Uint32Array(length));
      this.#pages = copyInto(this.#pages, new Int32Array(length));
    }
    this.#contents[slot] = content;
    this.#pages[slot] = page;
  }

  content(slot: number): number {
    return this.#contents[slot];
  }

  /** The logical page that was written to a slot last. */
  page(slot: number): number {
    return this.#pages[slot];
  }

  /** The slot with a copy of a page that is in memory, or -1. */
  copyOf(page: number): number {
    return this.#slotOf.length === 0 ? NONE : this.#slotOf[page];
  }

  setCopy(page: number, slot: number): void {
    if (this.#slotOf.length === 0) this.#slotOf = new Int32Array(this.#logicalPages).fill(NONE);
    this.#slotOf[page] = slot;
  }
}
