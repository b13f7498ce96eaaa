/** A random order in which every page of a VM comes up once a pass: a full-period linear congruential sequence. */
import type { RandomStream } from "../../core/random.ts";

export class ScanOrder {
  readonly #pages: number;
  readonly #mask: number;
  readonly #multiplier: number;
  readonly #increment: number;
  #state: number;

  constructor(pages: number, random: RandomStream) {
    this.#pages = pages;
    this.#mask = 2 ** Math.ceil(Math.log2(Math.max(2, pages))) - 1;
    // Full period modulo a power of two: increment odd, multiplier - 1 a multiple of 4 (Hull and Dobell 1962).
    this.#multiplier = 4 * random.below(2 ** 20) + 5;
    this.#increment = 2 * random.below(2 ** 20) + 1;
    this.#state = random.below(this.#mask + 1);
  }

  next(): number {
    do {
      this.#state = (Math.imul(this.#state, this.#multiplier) + this.#increment) & this.#mask;
    } while (this.#state >= this.#pages);
    return this.#state;
  }
}
