import type { Waiter } from "./io-job.ts";

/** Counts what is under way; whoever waits for all of it is told when none is left. */
export class Outstanding implements Waiter {
  count = 0;
  readonly #whenNone: (now: number) => void;

  constructor(whenNone: (now: number) => void) {
    this.#whenNone = whenNone;
  }

  begin(): void {
    this.count++;
  }

  done(now: number): void {
    if (--this.count === 0) this.#whenNone(now);
  }
}
