/** Whether the guests of a host have done all their work: asked after every event where nothing else ends the run. */
import type { HostGuest } from "./host-guest.ts";
import type { VmStarts } from "./vm-starts.ts";

export class WorkEnd {
  readonly #guests: readonly Pick<HostGuest, "finished">[];
  readonly #starts: Pick<VmStarts, "pending">;
  /** So many guests, the first ones, have been found to be done. None begins anew, so that nobody asks them again. */
  #done = 0;

  /** `guests`: those that are up; who starts late comes behind them. */
  constructor(guests: readonly Pick<HostGuest, "finished">[], starts: Pick<VmStarts, "pending">) {
    this.#guests = guests;
    this.#starts = starts;
  }

  get reached(): boolean {
    if (this.#starts.pending) return false;
    while (this.#done < this.#guests.length && this.#guests[this.#done].finished) this.#done++;
    return this.#done === this.#guests.length;
  }
}
