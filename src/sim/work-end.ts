/** Whether the guests of a host have done all their work: asked after every event where nothing else ends the run. */
import { InputError } from "../core/input-error.ts";
import type { HostGuest } from "./host-guest.ts";
import type { VmStarts } from "./vm-starts.ts";

/** Longer than anybody means to stop VMs that are to go on. */
const MOST_SECONDS_BLOCKED = 3600;

export class WorkEnd {
  readonly #guests: readonly Pick<HostGuest, "finished" | "blocked">[];
  readonly #starts: Pick<VmStarts, "pending">;
  /** So many guests, the first ones, have been found to be done. None begins anew, so that nobody asks them again. */
  #done = 0;
  /** Seconds in a row in which whoever had work left was blocked. */
  #blockedSeconds = 0;

  /** `guests`: those that are up; who starts late comes behind them. */
  constructor(guests: readonly Pick<HostGuest, "finished" | "blocked">[], starts: Pick<VmStarts, "pending">) {
    this.#guests = guests;
    this.#starts = starts;
  }

  /** Throws an {@link InputError} when nobody who has work left has been let run for an hour: it would never be done. */
  secondPassed(allocation: string): void {
    const left = this.#guests.filter(({ finished }) => !finished);
    const stand = left.length > 0 && left.every(({ blocked }) => blocked);
    this.#blockedSeconds = stand ? this.#blockedSeconds + 1 : 0;
    if (this.#blockedSeconds < MOST_SECONDS_BLOCKED) return;
    throw new InputError(
      `${allocation} has blocked all VMs that have work left for an hour; expected it to let one run again, or the work never ends`,
    );
  }

  get reached(): boolean {
    if (this.#starts.pending) return false;
    while (this.#done < this.#guests.length && this.#guests[this.#done].finished) this.#done++;
    return this.#done === this.#guests.length;
  }
}
