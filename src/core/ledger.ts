/**
 * The ledger: every simulated cycle is charged to a cause, and every breakdown is read from it.
 *
 * Causes are dotted names (`vmm.shadow.hidden-fault`). They are interned to small integers once, at set-up, so that
 * charging is two additions into typed arrays. Integers stay exact up to 2^53 cycles (43 days at 2.4 GHz).
 */

/** Most causes there can be in a process. */
export const MAX_CAUSES = 256;
const names: string[] = [];
const ids = new Map<string, number>();

/** The integer of a cause, for {@link Ledger.charge}. The same name always gives the same integer within a process. */
export function cause(name: string): number {
  const known = ids.get(name);
  if (known !== undefined) return known;
  if (names.length === MAX_CAUSES) throw new RangeError(`more than ${MAX_CAUSES} ledger causes; last: ${name}`);
  ids.set(name, names.length);
  names.push(name);
  return names.length - 1;
}

/** What causes begin with that only count events: {@link event}. */
export const EVENT_PREFIX = "event.";

/** The integer under which events of a name are counted that cost nothing by themselves ({@link Ledger.count}). */
export function event(name: string): number {
  return cause(EVENT_PREFIX + name);
}

/** The name of what a cause counts: its own, or that given to {@link event}. */
export function eventName(counted: string): string {
  return counted.startsWith(EVENT_PREFIX) ? counted.slice(EVENT_PREFIX.length) : counted;
}

/** The name behind an integer returned by {@link cause}. */
export function causeName(id: number): string {
  const name = names[id];
  if (name === undefined) throw new RangeError(`no ledger cause ${id}`);
  return name;
}

/** Amounts (cycles) and numbers of events, by cause. */
export class Ledger {
  readonly cycles = new Float64Array(MAX_CAUSES);
  readonly events = new Float64Array(MAX_CAUSES);
  /** Cycles charged so far; kept separately from the causes so that their sum can be checked against it. */
  total = 0;

  /** Charge one event of `cycles` (a non-negative integer) to a cause. */
  charge(id: number, cycles: number): void {
    this.cycles[id] += cycles;
    this.events[id] += 1;
    this.total += cycles;
  }

  /** Charge `count` events of `cyclesEach`. */
  chargeMany(id: number, count: number, cyclesEach: number): void {
    const cycles = count * cyclesEach;
    this.cycles[id] += cycles;
    this.events[id] += count;
    this.total += cycles;
  }

  /** Count an event that costs nothing by itself. */
  count(id: number): void {
    this.events[id] += 1;
  }

  /** Add everything in `other` to this ledger. */
  add(other: Ledger): void {
    for (let id = 0; id < names.length; id++) {
      this.cycles[id] += other.cycles[id];
      this.events[id] += other.events[id];
    }
    this.total += other.total;
  }

  /** Cycles by cause name, sorted by name, without the causes that never occurred. */
  cyclesByCause(): Record<string, number> {
    return byName(this.cycles);
  }

  /** Events by cause name, sorted by name, without the causes that never occurred. */
  eventsByCause(): Record<string, number> {
    return byName(this.events);
  }

  /** {@link eventsByCause} by {@link eventName}. */
  eventsByName(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.eventsByCause()).map(([name, count]) => [eventName(name), count]));
  }
}

function byName(amounts: Float64Array): Record<string, number> {
  const entries = names.map((name, id): [string, number] => [name, amounts[id]]).filter(([, amount]) => amount !== 0);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries);
}
