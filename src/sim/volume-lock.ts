import { Fifo } from "../core/fifo.ts";

/** A lock on disk: one holder; who waits for it gets it in order of arrival. */
export class VolumeLock {
  #held = false;
  readonly #waiting = new Fifo<(now: number) => void>();

  /** `then` runs when the lock is held: at once, or when those before have given it back. */
  take(now: number, then: (now: number) => void): void {
    if (this.#held) {
      this.#waiting.push(then);
      return;
    }
    this.#held = true;
    then(now);
  }

  release(now: number): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#held = false;
    else next(now);
  }
}
