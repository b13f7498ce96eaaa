/** Published figures held against simulated ones, row by row. */
import { InputError } from "../../core/input-error.ts";
import { suggestion } from "../../core/nearest-name.ts";
import type { Bound, PublishedFigure } from "./published-figures.ts";
import type { Bench, Role, ValidationRow, ValidationSet } from "./validation-set.ts";

/** Beyond this relative error a row is a miss; within the smaller one it is close. */
export const MISS = 0.4;
export const CLOSE = 0.15;

export interface ValidatedRow {
  /** As in the collection of published figures. */
  readonly id: string;
  /** First part of the id: `xen03`. */
  readonly set: string;
  /** The source as people cite it, and the table, figure or section in it. */
  readonly source: string;
  readonly figure: string;
  readonly quantity: string;
  readonly system: string;
  readonly unit: string;
  readonly published: number;
  /** The source says no more than on which side of `published` the figure lies. */
  readonly bound?: Bound;
  /** Null if it was not simulated; `reason` then says why. */
  readonly simulated: number | null;
  /** What each run gave, where `simulated` is the median of several. */
  readonly runs?: readonly number[];
  /** (simulated - published) / published; null where there is none: not simulated, published 0 and simulated not, or a bound. */
  readonly relativeError: number | null;
  readonly role: Role;
  /** Remembered and not looked up: a hint rather than a target. */
  readonly fromMemory: boolean;
  /** No figure that somebody printed: this project measured it on a real kernel, or it follows from theory. */
  readonly measured?: true;
  readonly group?: string;
  readonly reason?: string;
}

/**
 * Simulate every row of a set. A row that a machine, VMM or workload makes impossible is reported as not simulated. Throws an
 * InputError when a row names a figure that is not published.
 */
export function validateSet(
  set: ValidationSet,
  published: ReadonlyMap<string, PublishedFigure>,
  bench: Bench,
): ValidatedRow[] {
  return set.rows.map((row) => {
    const figure = published.get(row.id);
    if (figure === undefined) {
      const hint = suggestion(row.id, namesakes(published, set.name));
      throw new InputError(`set "${set.name}": there is no published figure "${row.id}"; ${hint}`);
    }
    return validateRow(set, row, figure, bench);
  });
}

/** A list of hundreds of ids helps nobody: those of the same source, if it has any. */
function namesakes(published: ReadonlyMap<string, PublishedFigure>, name: string): string[] {
  const ids = [...published.keys()].filter((id) => id.startsWith(`${name}.`));
  return ids.length > 0 ? ids : [...new Set([...published.keys()].map((id) => `${id.split(".")[0]}.`))];
}

function validateRow(set: ValidationSet, row: ValidationRow, figure: PublishedFigure, bench: Bench): ValidatedRow {
  const outcome = simulateRow(row, bench);
  const reason = outcome.problem ?? row.reason;
  return {
    id: row.id,
    set: set.name,
    source: set.source,
    figure: figure.figure,
    quantity: `${figure.workload}, ${figure.metric}`,
    system: figure.system,
    unit: figure.unit,
    published: figure.value,
    ...(figure.bound !== undefined && { bound: figure.bound }),
    simulated: outcome.value,
    ...(outcome.runs !== undefined && { runs: outcome.runs }),
    relativeError:
      outcome.value === null || figure.bound !== undefined ? null : relativeError(outcome.value, figure.value),
    role: row.role,
    fromMemory: figure.provenance.startsWith("from-memory"),
    ...(/^verified:(own-measurement|theory):/.test(figure.provenance) ? { measured: true } : {}),
    ...(row.group !== undefined && { group: row.group }),
    ...(reason !== undefined && { reason }),
  };
}

interface Outcome {
  readonly value: number | null;
  readonly runs?: readonly number[];
  readonly problem?: string;
}

function simulateRow({ id, simulate, runs }: ValidationRow, bench: Bench): Outcome {
  try {
    const value = simulate(bench);
    if (!Number.isFinite(value)) throw new Error(`the simulation of ${id} gave ${value}`);
    return { value, ...(runs !== undefined && { runs: runs(bench) }) };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { value: null, problem: `not simulated: ${error.problems.join("; ")}` };
  }
}

/** Of a figure that is published as 0, only 0 itself is no error; any other value has none that can be stated. */
export function relativeError(simulated: number, published: number): number | null {
  if (published === 0) return simulated === 0 ? 0 : null;
  return (simulated - published) / published;
}

type Compared = Pick<ValidatedRow, "published" | "bound" | "simulated" | "relativeError">;

/** Not farther off than so much or, of a row with a bound, on its side of it. A row that was not simulated is neither. */
export function isWithin(row: Compared, limit: number): boolean {
  return row.bound === undefined ? absoluteError(row) <= limit : keepsBound(row, row.bound);
}

/** Whether the simulated value lies where the source says; on the bound itself is on either side. */
export function keepsBound({ simulated, published }: Compared, bound: Bound): boolean {
  if (simulated === null) return false;
  return bound === "above" ? simulated >= published : simulated <= published;
}

/** Its size; infinite where it cannot be stated. */
export function absoluteError({ relativeError: error }: Pick<ValidatedRow, "relativeError">): number {
  return error === null ? Number.POSITIVE_INFINITY : Math.abs(error);
}
