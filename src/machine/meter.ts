/**
 * Where the cycles of a simulated processor go: a clock, and the ledger that what is happening now is charged to.
 *
 * The clock is advanced apart from the ledgers, so that their totals can be checked against it.
 */
import { Ledger } from "../core/ledger.ts";

export class Meter {
  /** Cycles since the beginning. */
  now = 0;
  /** Cycles of these in which it waited. */
  waited = 0;
  /** The ledger in use; the simulator has one for each kind of operation. */
  ledger = new Ledger();
  /** What other processors do for this guest meanwhile (a driver domain on a processor of its own); no time of this clock. */
  elsewhere = new Ledger();

  /** Run for `cycles` (a non-negative integer) because of one event of a cause. */
  spend(cause: number, cycles: number): void {
    this.now += cycles;
    this.ledger.charge(cause, cycles);
  }

  /** `count` events of `cyclesEach`. */
  spendMany(cause: number, count: number, cyclesEach: number): void {
    this.now += count * cyclesEach;
    this.ledger.chargeMany(cause, count, cyclesEach);
  }

  /** `count` events of `cyclesEach` on another processor. */
  spendElsewhere(cause: number, count: number, cyclesEach: number): void {
    this.elsewhere.chargeMany(cause, count, cyclesEach);
  }

  /** Count an event that costs nothing by itself, or whose cost is charged elsewhere. */
  count(cause: number): void {
    this.ledger.count(cause);
  }

  /** Count many such events. */
  countMany(cause: number, count: number): void {
    this.ledger.chargeMany(cause, count, 0);
  }

  /** Let time pass until `time`; nothing happens if that has been reached already. */
  waitUntil(cause: number, time: number): void {
    if (time <= this.now) return;
    if (!(time < Infinity)) throw new Error(`a wait ends at cycle ${time}; expected a number of cycles`);
    this.ledger.charge(cause, time - this.now);
    this.waited += time - this.now;
    this.now = time;
  }
}
