/** Slots of the guest's swap device, with how many page-table entries refer to each. */
export class SwapSpace {
  readonly #references: Uint16Array;
  readonly #slots: number;
  /** Slots that have been given back; those from {@link #fresh} on have never been used. */
  readonly #free: number[] = [];
  #fresh = 0;
  #used = 0;

  constructor(slots: number) {
    this.#references = new Uint16Array(slots);
    this.#slots = slots;
  }

  get used(): number {
    return this.#used;
  }

  /** A slot with one reference, or -1 when the device is full. */
  take(): number {
    const slot = this.#free.pop() ?? (this.#fresh < this.#slots ? this.#fresh++ : -1);
    if (slot === -1) return -1;
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
    this.#free.push(slot);
    this.#used--;
  }
}
