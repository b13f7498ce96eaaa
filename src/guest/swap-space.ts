/** Slots of the guest's swap device, with how many page-table entries refer to each. */
export class SwapSpace {
  readonly #references: Uint16Array;
  readonly #free: number[];
  #used = 0;

  constructor(slots: number) {
    this.#references = new Uint16Array(slots);
    this.#free = Array.from({ length: slots }, (_, position) => slots - 1 - position);
  }

  get used(): number {
    return this.#used;
  }

  /** A slot with one reference, or -1 when the device is full. */
  take(): number {
    const slot = this.#free.pop();
    if (slot === undefined) return -1;
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
