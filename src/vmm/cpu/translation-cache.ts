/**
 * Which of the guest kernel's code has been translated. Code is translated unit by unit when it is first reached (a unit
 * is at most 12 instructions: Adams and Agesen 2006, section 3.2) and runs from the cache afterwards. A full cache is
 * emptied.
 */
import type { KernelPath } from "../../guest/kernel-paths.ts";

/** Units of the average kernel function, and functions beyond which the calls of a path are taken for repetitions. */
const UNITS_PER_FUNCTION = 6;
const MOST_FUNCTIONS = 100;

export class TranslationCache {
  readonly #capacity: number;
  readonly #cached: boolean[] = [];
  #used = 0;

  /** Room for `capacity` units. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Reach a path: how many units have to be translated for it, 0 if it is in the cache. */
  reach(path: KernelPath): number {
    if (this.#cached[path.id]) return 0;
    const units = UNITS_PER_FUNCTION * Math.min(MOST_FUNCTIONS, path.calls + 1);
    if (this.#used + units > this.#capacity) {
      this.#cached.fill(false);
      this.#used = 0;
    }
    this.#cached[path.id] = true;
    this.#used += units;
    return units;
  }
}
