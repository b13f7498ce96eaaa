/**
 * The validation at the last accepted state of the models, in `validation/figures.json`: reports show it without simulating
 * anything, and a test holds every later state against it.
 */
import { percent } from "../../core/percent.ts";
import { join } from "node:path";
import { InputError } from "../../core/input-error.ts";
import { PACKAGE_ROOT } from "../../experiment/catalogue.ts";
import { inputText, readInputFile } from "../../experiment/input-files.ts";
import { absoluteError, keepsBound, type ValidatedRow } from "./validated-row.ts";
import type { Bound } from "./published-figures.ts";
import type { Validation } from "./validation.ts";

export const ACCEPTED_FILE = join(PACKAGE_ROOT, "validation/figures.json");

/** By how much an absolute relative error may grow before the figure counts as worse: one percentage point. */
export const TOLERANCE = 0.01;

/** Throws an InputError when there is no such file, or it is not one that `npm run validation` wrote. */
export function loadAcceptedFigures(file = ACCEPTED_FILE): Validation {
  const text = inputText(readInputFile(file));
  try {
    return JSON.parse(text) as Validation;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InputError(`${file}: not JSON: ${reason}; npm run validation writes it anew`);
  }
}

export function acceptedFiguresText(validation: Validation): string {
  return `${JSON.stringify(validation, undefined, 1)}\n`;
}

/** What got worse, one sentence each: errors that grew, rows, simulations and orders that were lost. */
export function worsened(accepted: Validation, now: Validation): string[] {
  const rows = new Map(now.rows.map((row) => [row.id, row]));
  const errors = accepted.rows.flatMap((before) => {
    const after = rows.get(before.id);
    if (after === undefined) return [`${before.id}: is no longer compared`];
    if (after.bound !== undefined) return lostBound(before, after, after.bound);
    if (absoluteError(after) <= absoluteError(before) + TOLERANCE) return [];
    return [`${before.id}: error ${errorText(before)} has become ${errorText(after)}`];
  });
  return [...errors, ...lostOrders(accepted, now)];
}

function lostBound(before: ValidatedRow, after: ValidatedRow, bound: Bound): string[] {
  if (keepsBound(after, bound) || !keepsBound(before, bound)) return [];
  return [`${after.id}: is no longer found ${bound} ${after.published} ${after.unit}`];
}

function lostOrders(accepted: Validation, now: Validation): string[] {
  const lostBefore = new Set(accepted.summary.orderings.flatMap(({ lost }) => lost.map(pairName)));
  const known = new Set(accepted.rows.map(({ id }) => id));
  const lost = now.summary.orderings.flatMap((ordering) => ordering.lost);
  return lost
    .filter((pair) => pair.every((id) => known.has(id)) && !lostBefore.has(pairName(pair)))
    .map((pair) => `${pairName(pair)}: this order is lost`);
}

function pairName([lower, higher]: readonly [string, string]): string {
  return `${lower} < ${higher}`;
}

function errorText(row: ValidatedRow): string {
  const error = absoluteError(row);
  if (row.simulated === null) return "(not simulated)";
  return Number.isFinite(error) ? percent(error, 1) : "(without bound)";
}
