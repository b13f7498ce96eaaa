/** The reclamation state of a host: which of its release's states free memory puts it in. */
import { esx2States } from "./esx-2.ts";
import { esx41States } from "./esx-4.1.ts";
import { esx5States } from "./esx-5.ts";
import { esx6States } from "./esx-6.ts";
import { boundaries, type Generation, nextState, type ReclamationRule } from "./generation.ts";

/** Oldest first. */
export const GENERATIONS: readonly Generation[] = [esx2States, esx41States, esx5States, esx6States];

/** The states of a release are those of the newest generation that is not newer. */
export function generationOf(release: number): Generation {
  return GENERATIONS.findLast((generation) => generation.release <= release) ?? GENERATIONS[0];
}

export class HostReclamation {
  /** Free pages that every state aims at. */
  readonly goal: number;
  /** Fewer free pages than this end the high state. */
  readonly alarm: number;
  readonly #generation: Generation;
  readonly #boundaries: readonly number[];
  readonly #marginPercent: number;
  #state = 0;

  /** A host with `pages` pages for VMs. `highPercent`: see {@link boundaries}. */
  constructor(release: number, pages: number, marginPercent: number, highPercent?: number) {
    this.#generation = generationOf(release);
    this.#boundaries = boundaries(this.#generation, pages, highPercent);
    this.#marginPercent = marginPercent;
    this.goal = Math.ceil(this.#boundaries[0]);
    this.alarm = Math.ceil(this.#boundaries[1]);
  }

  /** Of the state in force, pages: it begins below this, or, after a worse one, beyond this by the margin. */
  get boundary(): number {
    return this.#boundaries[this.#state];
  }

  get rule(): ReclamationRule {
    return this.#generation.states[this.#state];
  }

  /** Free memory has changed. Returns whether the state has. */
  update(free: number): boolean {
    const before = this.#state;
    this.#state = nextState(before, free, this.#boundaries, this.#marginPercent);
    return this.#state !== before;
  }
}
