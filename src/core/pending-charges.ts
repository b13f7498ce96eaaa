/**
 * Work that somebody owes: cycles by cause that have been incurred but not yet run on a CPU. They reach the ledger only
 * when they have run, so that busy and idle time add up to the elapsed time exactly, whenever one looks.
 */
import { type Ledger, MAX_CAUSES } from "./ledger.ts";

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

/** Amounts by cause, while something is pending. */
class Sheet {
  /** By cause: cycles and events, side by side in one line of the processor's cache. All zero on a blank sheet. */
  readonly amounts = new Float64Array(2 * MAX_CAUSES);
  /** Causes with something pending, in order of their first charge. */
  readonly causes = new Uint16Array(MAX_CAUSES);
}

/** What everybody has with whom nothing is pending; never written on. */
const BLANK = new Sheet();
/**
 * Blank sheets, the last one used on top. On a host of hundreds of VMs nearly all are idle at any moment; the sheets of those
 * that are not are few enough to stay in the processor's cache if they go from hand to hand.
 */
const blankSheets: Sheet[] = [];

export class PendingCharges {
  #sheet = BLANK;
  #count = 0;
  /** Sum of all cycles pending. */
  total = 0;

  /** Incur `events` events of a cause, `cycles` (an integer) in all. */
  add(cause: number, cycles: number, events = 1): void {
    let { amounts } = this.#sheet;
    const at = 2 * cause;
    if (amounts[at + 1] === 0 && amounts[at] === 0) {
      // Nothing is not pending: a scan of no page would be listed again and again.
      if (events === 0 && cycles === 0) return;
      if (this.#count === 0) {
        this.#sheet = blankSheets.pop() ?? new Sheet();
        amounts = this.#sheet.amounts;
      }
      this.#sheet.causes[this.#count++] = cause;
    }
    amounts[at] += cycles;
    amounts[at + 1] += events;
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
    return this.#sheet.amounts[2 * cause];
  }

  /** All of it is somebody else's to run from now on. */
  moveTo(other: PendingCharges): void {
    const { amounts, causes } = this.#sheet;
    for (let i = 0; i < this.#count; i++) {
      const at = 2 * causes[i];
      other.add(causes[i], amounts[at], amounts[at + 1]);
      amounts[at] = 0;
      amounts[at + 1] = 0;
    }
    this.total = 0;
    this.#keep(0);
  }

  /** Everything has run: charge it all. */
  settle(ledger: Ledger): void {
    const { causes } = this.#sheet;
    for (let i = 0; i < this.#count; i++) this.#chargeWhole(ledger, causes[i]);
    this.total = 0;
    this.#keep(0);
  }

  /**
   * Only `cycles` of it have run so far: charge them, in the order in which the causes were incurred. Throws a RangeError if no more
   * than that is pending.
   */
  settlePart(ledger: Ledger, cycles: number): void {
    const { amounts, causes } = this.#sheet;
    let left = cycles;
    let settled = 0;
    while (settled < this.#count && this.cyclesOf(causes[settled]) <= left) {
      left -= this.cyclesOf(causes[settled]);
      this.#chargeWhole(ledger, causes[settled++]);
    }
    if (left > 0) {
      if (settled === this.#count) throw new RangeError(`${left} more cycles have run than were pending`);
      const cause = causes[settled];
      ledger.cycles[cause] += left;
      ledger.total += left;
      amounts[2 * cause] -= left;
    }
    causes.copyWithin(0, settled, this.#count);
    this.total -= cycles;
    this.#keep(this.#count - settled);
  }

  /** So many causes still have something pending. */
  #keep(count: number): void {
    if (count === 0 && this.#count > 0) {
      blankSheets.push(this.#sheet);
      this.#sheet = BLANK;
    }
    this.#count = count;
  }

  #chargeWhole(ledger: Ledger, cause: number): void {
    const { amounts } = this.#sheet;
    const at = 2 * cause;
    ledger.cycles[cause] += amounts[at];
    ledger.events[cause] += amounts[at + 1];
    ledger.total += amounts[at];
    amounts[at] = 0;
    amounts[at + 1] = 0;
  }
}
