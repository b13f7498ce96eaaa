/**
 * Frontswap (Linux 3.5 to 5.2, Documentation/vm/frontswap; Magenheimer et al. 2009): a page on its way to the swap device is
 * offered to the hypervisor, which takes a copy or refuses. What it has taken it gives back by another copy, as often as it is
 * asked, until the slot is given up.
 */
import { BitSet } from "../core/bit-set.ts";

/** Whoever keeps copies of pages for a guest, by slots of its swap device. */
export interface FrontswapBackend {
  /** Take a copy of a page for a slot that has none. Returns false: it is refused. */
  store(slot: number, ppn: number): boolean;
  /** Copy what is kept for a slot into a page. */
  load(slot: number, ppn: number): void;
  /** Nobody needs what is kept for a slot any more. */
  invalidate(slot: number): void;
}

export class Frontswap {
  /** Slots whose pages are kept. */
  pages = 0;
  readonly #backend: FrontswapBackend;
  readonly #kept = new BitSet(0);
  /** Slots from here on have never been offered. */
  #end = 0;

  constructor(backend: FrontswapBackend) {
    this.#backend = backend;
  }

  has(slot: number): boolean {
    return slot < this.#end && this.#kept.has(slot);
  }

  /** The first slot from `from` on whose page is kept, or -1. */
  next(from: number): number {
    return this.#kept.next(from);
  }

  /** Returns whether the page is kept, so that the disk need not have it. */
  store(slot: number, ppn: number): boolean {
    if (!this.#backend.store(slot, ppn)) return false;
    if (slot >= this.#end) {
      this.#end = slot + 1;
      this.#kept.grow(this.#end);
    }
    this.#kept.add(slot);
    this.pages++;
    return true;
  }

  load(slot: number, ppn: number): void {
    this.#backend.load(slot, ppn);
  }

  invalidate(slot: number): void {
    if (!this.has(slot)) return;
    this.#backend.invalidate(slot);
    this.#kept.delete(slot);
    this.pages--;
  }
}
