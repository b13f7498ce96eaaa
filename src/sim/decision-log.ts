/** Decisions about memory in the order in which they were made, up to a number that no file suffers from. */
import type { DecisionObserver, MemoryDecision } from "../vmm/host-memory/memory-decision.ts";

/** Some 10 MB as text. */
const MOST_DECISIONS = 30_000;

export interface TimedDecision extends MemoryDecision {
  /** Simulated time; below 0: before the guests begin to work. */
  readonly time_s: number;
}

export class DecisionLog implements DecisionObserver {
  /** Time of what is decided next, microseconds. */
  nowUs = 0;
  readonly decisions: TimedDecision[] = [];
  /** Decisions that are missing at the end. */
  leftOut = 0;
  readonly #most: number;

  constructor(most = MOST_DECISIONS) {
    this.#most = most;
  }

  decided(decision: MemoryDecision): void {
    if (this.decisions.length === this.#most) this.leftOut++;
    else this.decisions.push({ time_s: this.nowUs / 1e6, ...decision });
  }
}
