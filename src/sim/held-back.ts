import type { HeldBackTime } from "../vmm/host-memory/vm-memory.ts";

/** Time for which the VMM keeps a VM from running though it has something to do; reasons that overlap count once. */
export class HeldBack implements HeldBackTime {
  readonly #now: () => number;
  readonly #megahertz: number;
  #reasons = 0;
  #since = 0;
  #cycles = 0;

  /** `now`: time in cycles. */
  constructor(now: () => number, megahertz: number) {
    this.#now = now;
    this.#megahertz = megahertz;
  }

  begin(): void {
    if (this.#reasons++ === 0) this.#since = this.#now();
  }

  end(): void {
    if (--this.#reasons === 0) this.#cycles += this.#now() - this.#since;
  }

  get cycles(): number {
    return this.#cycles + (this.#reasons > 0 ? this.#now() - this.#since : 0);
  }

  get us(): number {
    return this.cycles / this.#megahertz;
  }
}
