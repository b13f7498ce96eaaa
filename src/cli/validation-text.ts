/** A validation as text: a table per source, misses in red, then what the rows say together. */
import pc from "picocolors";
import { groupBy } from "../analysis/results.ts";
import { MOST_PER_PREDICTION } from "../analysis/validation/free-parameters.ts";
import type { Ordering } from "../analysis/validation/orderings.ts";
import { type MissKind, missesOf, missReasons } from "../analysis/validation/misses.ts";
import type { ValidatedRow } from "../analysis/validation/validated-row.ts";
import type { Role } from "../analysis/validation/validation-set.ts";
import type { RoleSummary, Validation, ValidationSummary } from "../analysis/validation/validation.ts";
import { figure } from "../report/document.ts";
import { textTable } from "./text-table.ts";

type Colours = ReturnType<typeof pc.createColors>;

const MISSING = "-";

export function validationText(validation: Validation, inColour: boolean): string {
  const { rows, summary } = validation;
  const colours = pc.createColors(inColour);
  const misses = missesOf(validation);
  const sources = [...groupBy(rows, ({ source }) => source)];
  return [
    ...sources.map(([source, of]) => `${colours.bold(source)}\n${rowTable(of, misses, colours)}`),
    ...reasonLines(validation, colours),
    roleTable(summary.roles, colours),
    orderLines(summary.orderings, colours),
    parameterTable(summary, colours),
  ].join("\n");
}

function rowTable(
  rows: readonly ValidatedRow[],
  misses: ReadonlyMap<string, readonly MissKind[]>,
  colours: Colours,
): string {
  const width = Math.max(...rows.map(({ id }) => id.length));
  const first = (id: string, quantity: string): string => `${id.padEnd(width)}  ${quantity}`;
  const header = [first("figure", "quantity"), "published", "simulated", "unit", "error", "role", "miss"];
  const lines = rows.map((row) => [
    first(row.id, row.quantity),
    figure(row.published),
    row.simulated === null ? MISSING : figure(row.simulated),
    row.unit,
    signedPercent(row.relativeError),
    row.role,
    misses.get(row.id)?.join(", ") ?? "",
  ]);
  const [head, ...body] = textTable([header, ...lines])
    .trimEnd()
    .split("\n");
  const marked = body.map((line, index) => (misses.has(rows[index].id) ? colours.red(line) : line));
  return `${[head, ...marked].join("\n")}\n`;
}

function reasonLines(validation: Validation, colours: Colours): string[] {
  const reasons = missReasons(validation);
  if (reasons.length === 0) return [];
  return [
    `${colours.bold("why rows miss")}\n${reasons.map(({ reason, ids }) => `  ${reason}: ${ids.join(", ")}\n`).join("")}`,
  ];
}

function roleTable(roles: Readonly<Record<Role, RoleSummary>>, colours: Colours): string {
  const header = ["role", "rows", "not simulated", "median error", "within 15 %", "within 40 %", "farthest off"];
  const lines = Object.entries(roles).map(([role, of]) => [
    role,
    String(of.rows),
    String(of.notSimulated),
    percent(of.medianAbsoluteError),
    percent(of.shareClose),
    percent(of.shareWithinMiss),
    of.worst ?? MISSING,
  ]);
  return `${colours.bold("errors by role")}\n${textTable([header, ...lines])}`;
}

function orderLines(orderings: readonly Ordering[], colours: Colours): string {
  const kept = orderings.filter(({ lost }) => lost.length === 0).length;
  const lost = orderings.flatMap((ordering) =>
    ordering.lost.map((pair) => colours.red(`  not reproduced: ${pair.join(" < ")} (${ordering.quantity})`)),
  );
  const title = `${colours.bold("orders of systems within a row of a source")}: ${kept} of ${orderings.length} reproduced`;
  return `${[title, ...lost].join("\n")}\n`;
}

function parameterTable({ freeParameters: free, roles }: ValidationSummary, colours: Colours): string {
  const header = ["numbers not taken from a source", "calibrated", "assumed"];
  const lines = free.groups.map(({ name, calibrated, assumed }) => [name, String(calibrated), String(assumed)]);
  const title = `${colours.bold("free parameters")} of ${free.machines.join(", ")}`;
  const ratio = free.perPrediction;
  const sentence =
    `${free.total} free parameters for ${roles.prediction.rows} predictions: ` +
    `${ratio === null ? MISSING : ratio.toFixed(2)} for each; at most ${MOST_PER_PREDICTION} is wanted`;
  const tooMany = ratio !== null && ratio > MOST_PER_PREDICTION;
  return `${title}\n${textTable([header, ...lines])}${tooMany ? colours.red(sentence) : sentence}\n`;
}

function signedPercent(error: number | null): string {
  if (error === null) return MISSING;
  const rounded = (100 * error).toFixed(1);
  return Number(rounded) === 0 ? "0.0 %" : `${error < 0 ? "" : "+"}${rounded} %`;
}

function percent(share: number | null): string {
  return share === null ? MISSING : `${(100 * share).toFixed(1)} %`;
}
