/**
 * The thread that reclaims pages when free ones run low (Linux 6.1, mm/vmscan.c: kswapd), where a guest has zones. It shares the processor with
 * those who ask for pages meanwhile: what they ask for is remembered until it begins again.
 */
import type { GuestPages } from "./guest-pages.ts";

/** When it has found nothing so often, it is left to others to reclaim (MAX_RECLAIM_RETRIES). */
const MOST_FAILURES = 16;

/** Who shares the processor with it. */
export interface KswapdTurns {
  /** Asked before each part of its work: it has the processor. */
  hasTurn(): boolean;
  /** Told after each part of its work. */
  hasRun(): void;
}

export class Kswapd {
  /** Absent: it is done before anybody else goes on. */
  turns: KswapdTurns | undefined;
  readonly #pages: GuestPages;
  #failures = 0;
  #work: Iterator<void, boolean> | undefined;

  constructor(pages: GuestPages) {
    this.#pages = pages;
  }

  /** It has been woken, and is not done. */
  get isAwake(): boolean {
    return this.#pages.zones?.isAwake === true && this.#failures < MOST_FAILURES;
  }

  /** Somebody has reclaimed himself, and has freed pages (shrink_node). */
  revive(): void {
    this.#failures = 0;
  }

  /** It has slept for a while, and nobody has woken it: it goes on if there are too few pages. */
  lookAgain(): void {
    this.#pages.zones?.lookAgain();
  }

  /** It reclaims while it has the processor, until a zone is balanced that somebody has asked for. */
  run(): void {
    while (this.isAwake && this.turns?.hasTurn() !== false) {
      this.#step();
      this.turns?.hasRun();
    }
  }

  #step(): void {
    this.#work ??= this.#pages.replacement.balancing?.();
    const part = this.#work?.next();
    if (part?.done !== true) return;
    this.#work = undefined;
    if (part.value) this.#failures++;
    else this.#failures = 0;
  }
}
