/** A whole validation: every row, and what they say together. */
import { InputError } from "../../core/input-error.ts";
import { median } from "simple-statistics";
import { type FreeParameters, freeParameters } from "./free-parameters.ts";
import { type Ordering, orderings } from "./orderings.ts";
import type { PublishedFigure } from "./published-figures.ts";
import { SimulatedBench } from "./simulated-bench.ts";
import { absoluteError, CLOSE, isWithin, MISS, type ValidatedRow, validateSet } from "./validated-row.ts";
import type { Role, ValidationSet } from "./validation-set.ts";

export interface Validation {
  readonly rows: readonly ValidatedRow[];
  readonly summary: ValidationSummary;
}

export interface ValidationSummary {
  readonly roles: Readonly<Record<Role, RoleSummary>>;
  readonly orderings: readonly Ordering[];
  readonly freeParameters: FreeParameters;
}

/** Shares are of the rows that were simulated: a bound is within any limit if it is kept, and within none if it is not. */
export interface RoleSummary {
  readonly rows: number;
  readonly notSimulated: number;
  /** Rows that were simulated whose source gives a bound, and those of them that keep it. */
  readonly bounds: number;
  readonly boundsKept: number;
  /** Bounds have no error. Null if there is no row, or where more than half of the errors cannot be stated. */
  readonly medianAbsoluteError: number | null;
  readonly shareClose: number | null;
  readonly shareWithinMiss: number | null;
  /** Id of the row that is farthest off; not one with a bound. */
  readonly worst: string | null;
}

/** `onSet` is called before the rows of a set are simulated. Throws an InputError for sets that are at odds with each other. */
export function validate(
  sets: readonly ValidationSet[],
  published: ReadonlyMap<string, PublishedFigure>,
  onSet: (set: ValidationSet) => void = () => {},
): Validation {
  requireDistinctIds(sets);
  const bench = new SimulatedBench();
  const rows = sets.flatMap((set) => {
    onSet(set);
    return validateSet(set, published, bench);
  });
  const predictions = rows.filter(({ role }) => role === "prediction").length;
  const summary = {
    roles: { calibration: summaryOf(rows, "calibration"), prediction: summaryOf(rows, "prediction") },
    orderings: orderings(rows),
    freeParameters: freeParameters(
      bench.machines,
      bench.monitored,
      predictions,
      sets.flatMap(({ times = [] }) => times),
    ),
  };
  return { rows, summary };
}

/** The median, the share that is close and so on, of the rows of one role. */
export function summaryOf(all: readonly ValidatedRow[], role: Role): RoleSummary {
  const rows = all.filter((row) => row.role === role);
  const simulated = rows.filter((row) => row.simulated !== null);
  const bounds = simulated.filter(({ bound }) => bound !== undefined);
  const valued = simulated
    .filter(({ bound }) => bound === undefined)
    .sort((a, b) => absoluteError(a) - absoluteError(b));
  const middle = valued.length === 0 ? Number.POSITIVE_INFINITY : median(valued.map(absoluteError));
  const share = (limit: number): number | null =>
    simulated.length === 0 ? null : simulated.filter((row) => isWithin(row, limit)).length / simulated.length;
  return {
    rows: rows.length,
    notSimulated: rows.length - simulated.length,
    bounds: bounds.length,
    boundsKept: bounds.filter((row) => isWithin(row, MISS)).length,
    medianAbsoluteError: Number.isFinite(middle) ? middle : null,
    shareClose: share(CLOSE),
    shareWithinMiss: share(MISS),
    worst: valued.at(-1)?.id ?? null,
  };
}

/** A figure counts once. */
function requireDistinctIds(sets: readonly ValidationSet[]): void {
  const ids = sets.flatMap((set) => set.rows.map(({ id }) => id));
  const twice = new Set(ids.filter((id, index) => ids.indexOf(id) !== index));
  if (twice.size > 0) throw new InputError([...twice].map((id) => `two rows are about the figure "${id}"`));
}
