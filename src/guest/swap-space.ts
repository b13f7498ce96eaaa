/** Slots of the guest's swap device, at either resolution, with how many page-table entries refer to each. */
export class SwapSpace {
  readonly #references: Uint16Array;
  readonly #slots: number;
  /** Stack of slots that have been given back; those from {@link #fresh} on have never been used. */
  readonly #free: Int32Array;
  #freeCount = 0;
  /** Taken in ascending order, so that pages swapped out together lie side by side. */
  #fresh = 0;
  #used = 0;

  constructor(slots: number) {
    this.#references = new Uint16Array(slots);
    this.#slots = slots;
    this.#free = new Int32Array(slots);
  }

  get used(): number {
    return this.#used;
  }

  /** A slot with one reference, or -1 when the device is full. */
  take(): number {
    if (this.#used === this.#slots) return -1;
    const slot = this.#freeCount > 0 ? this.#free[--this.#freeCount] : this.#fresh++;
    this.#references[slot] = 1;
    this.#used++;
    return slot;
  }

  share(slot: number): void {
    this.#references[slot] += 1;
  }

  release(slot: number): void {
    this.#references[slot] -= 1;
    if (this.#references[slot] > 0) return;
    this.#free[this.#freeCount++] = slot;
    this.#used--;
  }
}
