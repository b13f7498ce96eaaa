/**
 * Random streams. One root seed is split into named streams by hashing (seed, name), so that adding a consumer never
 * shifts the numbers another one draws. Generator: xoroshiro128+ (Blackman and Vigna 2018), from pure-rand.
 */
import { xoroshiro128plusFromState } from "pure-rand/generator/xoroshiro128plus";
import { sha256 } from "@noble/hashes/sha2.js";

const UNIT = 2 ** -32;

export class RandomStream {
  readonly #generator;

  constructor(seed: number, name: string) {
    const digest = sha256(new TextEncoder().encode(`${seed}/${name}`));
    const view = new DataView(digest.buffer, digest.byteOffset);
    this.#generator = xoroshiro128plusFromState([0, 4, 8, 12].map((offset) => view.getInt32(offset)));
  }

  /** Uniform in [0, 1), 32 random bits. */
  unit(): number {
    return (this.#generator.next() >>> 0) * UNIT;
  }

  /** Uniform integer in [0, bound), 1 <= bound <= 2^32; the bias is below bound / 2^32. */
  below(bound: number): number {
    return Math.floor(this.unit() * bound);
  }

  /** Exponentially distributed with the given mean. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.unit());
  }
}
