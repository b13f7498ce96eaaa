import type { Waiter } from "./io-job.ts";

/** Counts what is under way; whoever waits for all of it is told when none is left. */
export class Outstanding implements Waiter {
  count = 0;
  readonly #whenNone: (now: number) => void;
  readonly #whenSome: () => void;

  constructor(whenNone: (now: number) => void, whenSome = (): void => {}) {
    this.#whenNone = whenNone;
    this.#whenSome = whenSome;
  }

  begin(): void {
    if (this.count++ === 0) this.#whenSome();
  }

  done(now: number): void {
    if (--this.count === 0) this.#whenNone(now);
  }
}
