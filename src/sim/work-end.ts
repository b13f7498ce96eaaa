/** Whether the guests of a host have done all their work: asked after every event where nothing else ends the run. */
import { InputError } from "../core/input-error.ts";
import { WrongAnswer } from "../vmm/allocation/wrong-answer.ts";
import type { HostGuest } from "./host-guest.ts";
import type { VmStarts } from "./vm-starts.ts";

/** Longer than anybody means to stop VMs that are to go on, or looks for memory that nobody uses any more. */
const MOST_SECONDS_STOOD = 3600;

export class WorkEnd {
  readonly #guests: readonly Pick<HostGuest, "finished" | "blocked">[];
  readonly #starts: Pick<VmStarts, "pending" | "waiting">;
  /** So many guests, the first ones, have been found to be done. None begins anew, so that nobody asks them again. */
  #done = 0;
  /** Seconds in a row in which nobody could work: whoever had work left was blocked, or the next VM was not started. */
  #stoodSeconds = 0;

  /** `guests`: those that are up; who starts late comes behind them. */
  constructor(
    guests: readonly Pick<HostGuest, "finished" | "blocked">[],
    starts: Pick<VmStarts, "pending" | "waiting">,
  ) {
    this.#guests = guests;
    this.#starts = starts;
  }

  /**
   * When the host has stood still for an hour the work would never be done. Throws a {@link WrongAnswer} if those who have some left
   * are blocked, and an {@link InputError} if all is done but that of VMs that are not let in.
   */
  secondPassed(allocation: string): void {
    const left = this.#guests.filter(({ finished }) => !finished);
    const stands = left.length > 0 ? left.every(({ blocked }) => blocked) : this.#starts.waiting;
    this.#stoodSeconds = stands ? this.#stoodSeconds + 1 : 0;
    if (this.#stoodSeconds < MOST_SECONDS_STOOD) return;
    if (left.length === 0) {
      throw new InputError(
        `${allocation} has let a VM that is to start wait for an hour in which all others were done; expected a start or a refusal`,
      );
    }
    throw new WrongAnswer(
      `${allocation} has blocked all VMs that have work left for an hour; expected it to let one run again, or the work never ends`,
    );
  }

  get reached(): boolean {
    if (this.#starts.pending) return false;
    while (this.#done < this.#guests.length && this.#guests[this.#done].finished) this.#done++;
    return this.#done === this.#guests.length;
  }
}
