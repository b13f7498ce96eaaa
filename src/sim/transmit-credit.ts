/**
 * What guests may send, as netback counts it (Linux, drivers/xen-netback/netback.c): so many bytes a period, handed out when
 * they are missed and the period is over. What is not used may be saved up to a burst.
 */
import type { TransmitRate } from "../vmm/host-contract.ts";

/** The largest burst where a period's credit is smaller: a jumbo packet must get through. */
const BURST_BYTES = 131_072;

export class TransmitCredit {
  /** When the next guest that is out of credit gets more, in cycles; Infinity: nobody is. */
  nextAt = Infinity;
  readonly #bytes: number;
  readonly #period: number;
  readonly #remaining: number[] = [];
  /** By guest: when its credit was renewed last. */
  readonly #renewed: number[] = [];

  constructor({ bytes, periodUs }: TransmitRate, megahertz: number) {
    this.#bytes = bytes;
    this.#period = Math.round(periodUs * megahertz);
  }

  /** Whether a guest may send a packet of `bytes` at cycle `now`. */
  covers(guest: number, bytes: number, now: number): boolean {
    while (this.#remaining.length <= guest) {
      this.#remaining.push(this.#bytes);
      this.#renewed.push(now);
    }
    if (bytes <= this.#remaining[guest]) return true;
    const next = this.#renewed[guest] + this.#period;
    if (now >= next) {
      this.#renewed[guest] = now;
      const most = Math.max(BURST_BYTES, this.#bytes);
      this.#remaining[guest] = Math.min(this.#remaining[guest] + this.#bytes, most);
      if (bytes <= this.#remaining[guest]) return true;
    }
    this.nextAt = Math.min(this.nextAt, this.#renewed[guest] + this.#period);
    return false;
  }

  use(guest: number, bytes: number): void {
    this.#remaining[guest] -= bytes;
  }
}
