/**
 * When interfaces interrupt for a stream of packets if none of them may do so sooner than an interval after its last interrupt (Intel
 * 8254x Software Developer's Manual, section 13.4.18: register ITR). They take turns, so that some interface may be as much
 * sooner as there are interfaces.
 */
import { type MachineProfile, microsecondsToCycles } from "./profile.ts";

export class InterruptThrottle {
  readonly #interval: number;
  #free = 0;
  /** Of the last interrupt for packets of a stream: when it was, and for how many; and when the next one is due. */
  #announcedAt = 0;
  #announced = 0;
  #due = 0;

  /** `interval`: cycles between two interrupts of any of the interfaces. */
  constructor(interval: number) {
    this.#interval = interval;
  }

  /** Whether an interface has interrupted by cycle `now`, as it has had something to say since cycle `since`. */
  interrupts(now: number, since: number): boolean {
    const at = Math.max(this.#free, since);
    if (at > now) return false;
    this.#free = at + this.#interval;
    return true;
  }

  /**
   * Packets of a stream that an interrupt announces: as many as come until the next one is due, at the rate at which those before
   * them were taken, which is all that the peer gets to send, but none sooner than `wireCycles` after the one before.
   */
  packets(now: number, wireCycles: number): number {
    const taken = this.#announced === 0 ? 0 : (now - this.#announcedAt) / this.#announced;
    // Who takes longer than an interval for a single packet has nothing to make up for.
    this.#due = Math.max(this.#due, now - this.#interval) + this.#interval;
    this.#announced = Math.max(1, Math.round((this.#due - now) / Math.max(wireCycles, taken)));
    this.#announcedAt = now;
    return this.#announced;
  }
}

/** Of the machine's interfaces; absent where they interrupt as soon as they have something to say. */
export function interruptThrottle({ network, megahertz }: MachineProfile): InterruptThrottle | undefined {
  if (network.throttle === undefined) return undefined;
  return new InterruptThrottle(microsecondsToCycles({ megahertz }, network.throttle.intervalUs) / network.interfaces);
}
