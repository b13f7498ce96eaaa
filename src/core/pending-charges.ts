/**
 * Work that somebody owes: cycles by cause that have been incurred but not yet run on a CPU. They reach the ledger only
 * when they have run, so that busy and idle time add up to the elapsed time exactly, whenever one looks.
 */
import type { Ledger } from "./ledger.ts";

/** Cycles by cause as parallel arrays: the price of one operation. */
export interface CostVector {
  readonly causes: Uint16Array;
  readonly cycles: Float64Array;
  readonly total: number;
}

export const FREE: CostVector = { causes: new Uint16Array(0), cycles: new Float64Array(0), total: 0 };

/** An event of one cause, `cycles` each time. */
export function costOf(id: number, cycles: number): CostVector {
  return { causes: Uint16Array.of(id), cycles: Float64Array.of(cycles), total: cycles };
}

export class PendingCharges {
  readonly #cycles = new Float64Array(256);
  readonly #events = new Float64Array(256);
  /** Causes with something pending, in order of their first charge. */
  readonly #causes = new Uint16Array(256);
  #count = 0;
  /** Sum of all cycles pending. */
  total = 0;

  /** Incur `events` events of a cause, `cycles` (an integer) in all. */
  add(cause: number, cycles: number, events = 1): void {
    if (this.#events[cause] === 0 && this.#cycles[cause] === 0) {
      // Nothing is not pending: a scan of no page would be listed again and again.
      if (events === 0 && cycles === 0) return;
      this.#causes[this.#count++] = cause;
    }
    this.#events[cause] += events;
    this.#cycles[cause] += cycles;
    this.total += cycles;
  }

  /** Incur `times` operations of a known price. */
  addVector(vector: CostVector, times = 1): void {
    if (times === 0) return;
    const { causes, cycles } = vector;
    for (let i = 0; i < causes.length; i++) this.add(causes[i], cycles[i] * times, times);
  }

  /** Cycles of a cause that are pending. */
  cyclesOf(cause: number): number {
    return this.#cycles[cause];
  }

  /** Everything has run: charge it all. */
  settle(ledger: Ledger): void {
    for (let i = 0; i < this.#count; i++) this.#chargeWhole(ledger, this.#causes[i]);
    this.#count = 0;
    this.total = 0;
  }

  /** Only `cycles` of it have run so far: charge them, in the order in which the causes were incurred. */
  settlePart(ledger: Ledger, cycles: number): void {
    let left = cycles;
    let settled = 0;
    while (settled < this.#count && this.#cycles[this.#causes[settled]] <= left) {
      left -= this.#cycles[this.#causes[settled]];
      this.#chargeWhole(ledger, this.#causes[settled++]);
    }
    if (left > 0) {
      const cause = this.#causes[settled];
      ledger.cycles[cause] += left;
      ledger.total += left;
      this.#cycles[cause] -= left;
    }
    this.#causes.copyWithin(0, settled, this.#count);
    this.#count -= settled;
    this.total -= cycles;
  }

  #chargeWhole(ledger: Ledger, cause: number): void {
    ledger.cycles[cause] += this.#cycles[cause];
    ledger.events[cause] += this.#events[cause];
    ledger.total += this.#cycles[cause];
    this.#cycles[cause] = 0;
    this.#events[cause] = 0;
  }
}
