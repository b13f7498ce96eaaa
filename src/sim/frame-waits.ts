/** Those who wait until pages have been written to the host's swap space: the frames that they have been given were theirs. */
import type { BackgroundReclaim } from "../vmm/host-memory/memory-roles.ts";
import type { IoJob, Waiter } from "./io-job.ts";

export class FrameWaits {
  readonly #reclaim: BackgroundReclaim;
  /** In the order in which they came. */
  #waiting: { readonly debt: number; readonly waiter: Waiter }[] = [];

  constructor(reclaim: BackgroundReclaim) {
    this.#reclaim = reclaim;
  }

  /** What has been given out since the last time is for somebody who does not wait. */
  nobodyWaits(): void {
    this.#reclaim.takeDebt();
  }

  wait({ waiter, page: debt }: IoJob): void {
    if (waiter === undefined || this.#reclaim.isSettled(debt)) return;
    waiter.begin();
    this.#waiting.push({ debt, waiter });
  }

  written(pages: number, now: number): void {
    if (!this.#reclaim.isOn) return;
    this.#reclaim.written(pages);
    if (this.#waiting.length === 0) return;
    const before = this.#waiting;
    this.#waiting = before.filter(({ debt }) => !this.#reclaim.isSettled(debt));
    for (const { debt, waiter } of before) if (this.#reclaim.isSettled(debt)) waiter.done(now);
  }
}
