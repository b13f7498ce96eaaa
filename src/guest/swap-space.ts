/** Slots of the guest's swap device, at either resolution, with how many page-table entries refer to each. */
import { copyInto, lengthFor } from "../core/copy-into.ts";

export class SwapSpace {
  /** Slots beyond its end have never been used. */
  #references = new Uint16Array(0);
  slots: number;
  /** Slots are taken in ascending order and around, so that pages swapped out together lie side by side (scan_swap_map). */
  #next = 0;
  #used = 0;

  constructor(slots: number) {
    this.slots = slots;
  }

  /** The device has so many slots more. */
  grow(slots: number): void {
    this.slots += slots;
  }

  get used(): number {
    return this.#used;
  }

  /** Whether more than half of it is in use (vm_swap_full): pages in memory give up their slots then. */
  get isFull(): boolean {
    return 2 * this.#used > this.slots;
  }

  /** A slot with one reference, or -1 when the device is full. */
  take(): number {
    if (this.#used === this.slots) return -1;
    while (this.#next < this.#references.length && this.#references[this.#next] > 0) this.#advance();
    const slot = this.#next;
    this.#advance();
    if (slot >= this.#references.length) {
      const length = lengthFor(slot + 1, this.#references.length, this.slots);
      this.#references = copyInto(this.#references, new Uint16Array(length));
    }
    this.#references[slot] = 1;
    this.#used++;
    return slot;
  }

  share(slot: number): void {
    this.#references[slot] += 1;
  }

  release(slot: number): void {
    this.#references[slot] -= 1;
    if (this.#references[slot] === 0) this.#used--;
  }

  #advance(): void {
    this.#next = this.#next + 1 === this.slots ? 0 : this.#next + 1;
  }
}
