/** Which rows miss, and in what way: they are marked wherever a validation is shown. */
import { groupBy } from "../results.ts";
import { isWithin, MISS, type ValidatedRow } from "./validated-row.ts";
import type { Validation } from "./validation.ts";

/** Farther off than {@link MISS}; on the wrong side of a bound, or of another system of its group; or without a simulated value. */
export type MissKind = "error" | "bound" | "order" | "not simulated";

/** By id; rows that do not miss are left out. */
export function missesOf({ rows, summary }: Validation): ReadonlyMap<string, readonly MissKind[]> {
  const disordered = new Set(summary.orderings.flatMap(({ lost }) => lost.flat()));
  const kinds = (row: ValidatedRow): MissKind[] => {
    if (row.simulated === null) return ["not simulated"];
    return [
      ...(isWithin(row, MISS) ? [] : [row.bound === undefined ? ("error" as const) : ("bound" as const)]),
      ...(disordered.has(row.id) ? (["order"] as const) : []),
    ];
  };
  return new Map(rows.map((row) => [row.id, kinds(row)] as const).filter(([, of]) => of.length > 0));
}

export interface MissReason {
  readonly reason: string;
  readonly ids: readonly string[];
}

/** Why rows miss. Of two systems in the wrong order it is enough that one has a reason. */
export function missReasons(validation: Validation): MissReason[] {
  const misses = missesOf(validation);
  const explained = validation.rows.flatMap((row) => {
    const kinds = misses.get(row.id) ?? [];
    if (row.reason !== undefined && kinds.length > 0) return [{ id: row.id, reason: row.reason }];
    return kinds.includes("error") || kinds.includes("bound") ? [{ id: row.id, reason: "no reason is known" }] : [];
  });
  return [...groupBy(explained, ({ reason }) => reason)].map(([reason, of]) => ({
    reason,
    ids: of.map(({ id }) => id),
  }));
}
