/**
 * Draws from a discrete distribution in constant time, by the alias method (Walker 1977; construction of Vose 1991).
 */
import type { RandomStream } from "../core/random.ts";

export class AliasTable {
  readonly #threshold: Float64Array;
  readonly #alias: Uint32Array;

  /** Weights are non-negative with a positive sum. */
  constructor(weights: Float64Array) {
    const count = weights.length;
    const mean = weights.reduce((sum, weight) => sum + weight, 0) / count;
    const threshold = weights.map((weight) => weight / mean);
    const alias = Uint32Array.from({ length: count }, (_, index) => index);
    const queue = new Uint32Array(count);
    let small = 0;
    let large = count;
    for (let i = 0; i < count; i++) queue[threshold[i] < 1 ? small++ : --large] = i;
    while (small > 0 && large < count) {
      const poor = queue[--small];
      const rich = queue[large];
      alias[poor] = rich;
      threshold[rich] -= 1 - threshold[poor];
      if (threshold[rich] < 1) {
        large++;
        queue[small++] = rich;
      }
    }
    // What rounding leaves over is as likely as its weight says, up to the last bits.
    while (small > 0) threshold[queue[--small]] = 1;
    while (large < count) threshold[queue[large++]] = 1;
    this.#threshold = threshold;
    this.#alias = alias;
  }

  /** An index, with probability proportional to its weight. */
  draw(random: RandomStream): number {
    const index = random.below(this.#threshold.length);
    return random.unit() < this.#threshold[index] ? index : this.#alias[index];
  }
}
