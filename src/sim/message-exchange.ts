/**
 * Two equal machines send each other a message in turn, over interfaces that throttle their interrupts: none comes sooner than an
 * interval after the one before, be it for a packet that has come or for one that is gone (Intel 8254x Software Developer's Manual,
 * section 13.4.18). An answer that arrives earlier waits. As long as there and back take less than the interval, an answer that is there
 * in time shares the interrupt for the message sent, and a round takes one interval; one that comes just after that interrupt
 * waits for another whole interval. Which of both happens depends on how the clocks of the two stand to each other, and they drift.
 */
import { NetworkLink } from "../machine/network-link.ts";
import { type MachineProfile, microsecondsToCycles } from "../machine/profile.ts";

/** By how much of it the second interval is longer. Two clocks differ by less; how they stand to each other is all that counts. */
const CLOCK_DIFFERENCE = 1 / 1000;
/** So often do the clocks pass through all the ways to stand to each other. */
const DRIFTS = 20;

/** One of the two: when its interrupts come. */
class ThrottledInterface {
  readonly #interval: number;
  readonly #sentDelay: number;
  #free = 0;
  #arrival = Infinity;
  #gone = Infinity;

  constructor(interval: number, sentDelay: number) {
    this.#interval = interval;
    this.#sentDelay = sentDelay;
  }

  get nextInterrupt(): number {
    return Math.max(this.#free, Math.min(this.#arrival, this.#gone));
  }

  arrive(at: number): void {
    this.#arrival = at;
  }

  send(at: number): void {
    this.#gone = at + this.#sentDelay;
  }

  /** It interrupts now. True: a message has come. */
  interrupt(now: number): boolean {
    this.#free = now + this.#interval;
    if (this.#gone <= now) this.#gone = Infinity;
    if (this.#arrival > now) return false;
    this.#arrival = Infinity;
    return true;
  }
}

/**
 * Mean cycles of a message of `bytes` one way, between machines whose interfaces throttle their interrupts. Were they not,
 * it would take `oneWay`: from one interrupt that announces a message to the next one, at the other end.
 */
export function exchangeCycles(oneWay: number, bytes: number, profile: MachineProfile): number {
  const { throttle } = profile.network;
  if (throttle === undefined) return oneWay;
  const link = new NetworkLink(profile);
  const work = oneWay - link.delayCycles - link.wireCycles(bytes);
  const interval = microsecondsToCycles(profile, throttle.intervalUs);
  const sentDelay = microsecondsToCycles(profile, throttle.sentDelayUs);
  const longer = interval + Math.round(interval * CLOCK_DIFFERENCE);
  const ends = [new ThrottledInterface(interval, sentDelay), new ThrottledInterface(longer, sentDelay)];
  const until = (DRIFTS * interval) / CLOCK_DIFFERENCE;
  ends[0].arrive(0);
  let last = 0;
  let answers = -1;
  while (last < until) {
    const at = ends[0].nextInterrupt <= ends[1].nextInterrupt ? 0 : 1;
    const now = ends[at].nextInterrupt;
    if (!ends[at].interrupt(now)) continue;
    answers += 1;
    last = now;
    ends[at].send(now + work);
    ends[1 - at].arrive(now + oneWay);
  }
  return last / answers;
}
