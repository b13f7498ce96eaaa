/**
 * Changes of direction of a figure, as rainflow counting prepares a load for it: extremes that are closer together than a
 * band are no change (ASTM E1049-85, reversals after hysteresis filtering).
 */
export class Reversals {
  readonly #band: number;
  count = 0;
  /** 1: rising, -1: falling, 0: not known yet. */
  #direction = 0;
  #highest = -Infinity;
  #lowest = Infinity;

  /** Swings of at least `band` count. */
  constructor(band: number) {
    this.#band = band;
  }

  /** The next value; the extremes are those since the last change of direction. */
  add(value: number): void {
    this.#highest = Math.max(this.#highest, value);
    this.#lowest = Math.min(this.#lowest, value);
    if (this.#direction >= 0 && this.#highest - value >= this.#band) this.#turn(-1, value);
    else if (this.#direction <= 0 && value - this.#lowest >= this.#band) this.#turn(1, value);
  }

  #turn(direction: number, value: number): void {
    if (this.#direction !== 0) this.count++;
    this.#direction = direction;
    this.#highest = value;
    this.#lowest = value;
  }
}
