/**
 * A histogram with logarithmic buckets: 128 for each doubling, so that a quantile is within 0.4 % of the exact one. Latencies
 * are in cycles: what is below one counts as none, and 2^64 is out of reach.
 */

const MANTISSA_BITS = 7;
/** Bits of the upper word of a double that are below exponent and leading mantissa bits. */
const DROPPED_BITS = 20 - MANTISSA_BITS;
const DOUBLINGS = 64;
/** What an upper word tells the bucket by, of 1: the bucket before has everything below. */
const ONE = 1023 << MANTISSA_BITS;
const BUCKETS = (DOUBLINGS << MANTISSA_BITS) + 1;

export class LatencyHistogram {
  count = 0;
  sum = 0;
  readonly #buckets = new Uint32Array(BUCKETS);
  readonly #double = new Float64Array(1);
  readonly #words = new Uint32Array(this.#double.buffer);

  /** Record a non-negative number below 2^64. */
  add(value: number): void {
    this.count++;
    this.sum += value;
    this.#double[0] = value;
    this.#buckets[Math.max(0, (this.#words[1] >>> DROPPED_BITS) - ONE + 1)]++;
  }

  clear(): void {
    this.count = 0;
    this.sum = 0;
    this.#buckets.fill(0);
  }

  /** Middle of the bucket that holds the smallest value which is not below a fraction `q` of all; 0 if there is none. */
  quantile(q: number): number {
    const rank = Math.max(1, Math.ceil(q * this.count));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#buckets[bucket];
      if (this.count > 0 && seen >= rank) return this.#middle(bucket);
    }
    return 0;
  }

  #middle(bucket: number): number {
    if (bucket === 0) return 0;
    this.#words[0] = 0;
    this.#words[1] = (((bucket - 1 + ONE) << DROPPED_BITS) | (1 << (DROPPED_BITS - 1))) >>> 0;
    return this.#double[0];
  }
}
