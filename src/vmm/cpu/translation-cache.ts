/**
 * The translation cache (Adams and Agesen 2006, section 3.2). Code is translated when control first reaches it, in units
 * of at most 12 instructions that end early at a change of control flow. A unit that ends in a direct branch to one that is
 * not translated yet leaves to the translator, which then patches the branch (chaining): from the second time on, control
 * stays in the cache. Returns and indirect calls find their unit by a look-up in the cache itself. A full cache is emptied.
 */
import type { BasicBlock } from "./kernel-code.ts";

/** Most instructions of a unit (Adams and Agesen 2006, section 3.2). */
export const UNIT_INSTRUCTIONS = 12;

const NONE = -1;

/** What running code took beyond running it. */
export interface TranslationWork {
  /** Times control left the cache: for a unit that was missing, or a branch that was not chained yet. */
  exits: number;
  /** Units translated, and x86 instructions in them. */
  units: number;
  instructions: number;
  /** Direct branches patched. */
  chained: number;
  /** Times the cache was emptied. */
  flushes: number;
}

export class TranslationCache {
  /** Changes whenever the cache is emptied: what was known of its contents is void. */
  generation = 0;
  readonly #capacity: number;
  /** Unit by address of its first instruction. */
  readonly #unitAt = new Map<number, number>();
  /** By unit: the unit that its direct branch at the end has been patched to. */
  readonly #chainedTo: Int32Array;
  #used = 0;

  /** Room for `capacity` units. */
  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#chainedTo = new Int32Array(capacity).fill(NONE);
  }

  /** Units in the cache. */
  get used(): number {
    return this.#used;
  }

  /** Run through blocks of code, one after the other. */
  run(blocks: readonly BasicBlock[]): TranslationWork {
    const work: TranslationWork = { exits: 0, units: 0, instructions: 0, chained: 0, flushes: 0 };
    let previous = NONE;
    for (const { address, instructions, returns } of blocks) {
      for (let done = 0; done < instructions; done += UNIT_INSTRUCTIONS) {
        const length = Math.min(UNIT_INSTRUCTIONS, instructions - done);
        previous = this.#enter(address + done, length, previous, work);
      }
      if (returns) previous = NONE;
    }
    return work;
  }

  /** Go to a unit, from the direct branch at the end of another (or by a look-up). Returns the unit. */
  #enter(address: number, length: number, from: number, work: TranslationWork): number {
    const generation = this.generation;
    let unit = this.#unitAt.get(address);
    const missing = unit === undefined;
    if (unit === undefined) unit = this.#translate(address, length, work);
    // A flush has taken the branch away that would be patched.
    const branches = from !== NONE && generation === this.generation;
    const unchained = branches && this.#chainedTo[from] !== unit;
    if (missing || unchained) work.exits++;
    if (unchained) {
      this.#chainedTo[from] = unit;
      work.chained++;
    }
    return unit;
  }

  #translate(address: number, length: number, work: TranslationWork): number {
    if (this.#used === this.#capacity) {
      this.#empty();
      work.flushes++;
    }
    const unit = this.#used++;
    this.#unitAt.set(address, unit);
    work.units++;
    work.instructions += length;
    return unit;
  }

  #empty(): void {
    this.#unitAt.clear();
    this.#chainedTo.fill(NONE, 0, this.#used);
    this.#used = 0;
    this.generation++;
  }
}
