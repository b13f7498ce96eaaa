/** A guest whose reports on its memory are missing, late, stuck or untrue. */
import type { GuestMemory } from "../guest/memory-manager.ts";
import type { GuestFigures, GuestStatistics } from "../vmm/host-memory/vm-memory.ts";
import type { StatisticsFaults } from "../workload/vm-settings.ts";
import { TrueStatistics } from "./guest-statistics.ts";

/** What a guest says of its memory. */
export function statisticsOf(memory: GuestMemory, faults: StatisticsFaults | undefined): GuestStatistics {
  const truth = new TrueStatistics(memory);
  return faults === undefined ? truth : new FaultyStatistics(truth, faults);
}

export class FaultyStatistics implements GuestStatistics {
  readonly #guest: GuestStatistics;
  readonly #faults: StatisticsFaults;
  /** Reports that the guest has made, the oldest first: the one that came last, and those that are on their way. */
  #made: readonly GuestFigures[] = [];

  constructor(guest: GuestStatistics, faults: StatisticsFaults) {
    this.#guest = guest;
    this.#faults = faults;
  }

  report(nowUs: number): GuestFigures | undefined {
    const { missing, staleFromUs = Infinity, delayUs = 0 } = this.#faults;
    if (missing === true) return undefined;
    const made = nowUs < staleFromUs ? this.#guest.report(nowUs) : undefined;
    if (made !== undefined) this.#made = [...this.#made, this.#asTold(made)];
    const come = this.#made.filter(({ atUs }) => atUs + delayUs <= nowUs);
    this.#made = this.#made.slice(Math.max(0, come.length - 1));
    return come.at(-1);
  }

  /** What is overstated as used is missing from what is free. */
  #asTold({ unused, available, committed, ...rest }: GuestFigures): GuestFigures {
    const { overstatedPages = 0 } = this.#faults;
    return {
      ...rest,
      unused: Math.max(0, unused - overstatedPages),
      available: Math.max(0, available - overstatedPages),
      committed: committed + overstatedPages,
    };
  }
}
