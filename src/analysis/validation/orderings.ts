/** Whether the models put the systems within one row of a source into the order that the source found. */
import { groupBy } from "../results.ts";
import type { ValidatedRow } from "./validated-row.ts";

/** Published values nearer to each other than this have no order. */
const TIE = 0.02;

export interface Ordering {
  readonly set: string;
  readonly group: string;
  readonly quantity: string;
  /** Ids of the rows that were simulated, by rising published value. */
  readonly ids: readonly string[];
  /** Pairs that have an order in the source, and those of them that have the same one in the simulation. */
  readonly ordered: number;
  readonly kept: number;
  /** Pairs whose order is lost: `a < b` as published. */
  readonly lost: readonly (readonly [lower: string, higher: string])[];
}

type SimulatedRow = ValidatedRow & { readonly simulated: number };

/** One for each group of at least two systems that the source puts into an order. */
export function orderings(rows: readonly ValidatedRow[]): Ordering[] {
  const simulated = rows.filter((row): row is SimulatedRow => row.simulated !== null && row.group !== undefined);
  const groups = [...groupBy(simulated, (row) => `${row.set}\0${row.group}`).values()];
  return groups.map(orderingOf).filter(({ ordered }) => ordered > 0);
}

function orderingOf(group: readonly SimulatedRow[]): Ordering {
  const rows = group.toSorted((a, b) => a.published - b.published);
  const pairs = rows.flatMap((low, i) => rows.slice(i + 1).map((high) => ({ low, high })));
  const ordered = pairs.filter(({ low, high }) => saysOrder(low, high) && !isTie(low.published, high.published));
  const lost = ordered.filter(({ low, high }) => low.simulated >= high.simulated);
  const [{ set, group: name = "", quantity }] = rows;
  return {
    set,
    group: name,
    quantity,
    ids: rows.map(({ id }) => id),
    ordered: ordered.length,
    kept: ordered.length - lost.length,
    lost: lost.map(({ low, high }) => [low.id, high.id]),
  };
}

/** A bound has no order with what lies beyond it: more than 3 may be more than 5. */
function saysOrder(low: ValidatedRow, high: ValidatedRow): boolean {
  return low.bound !== "above" && high.bound !== "below";
}

function isTie(a: number, b: number): boolean {
  return Math.abs(a - b) <= TIE * Math.max(Math.abs(a), Math.abs(b));
}
