/** A validation as text: a table per source, misses in red, then what the rows say together. */
import pc from "picocolors";
import { groupBy } from "../analysis/results.ts";
import { MOST_PER_PREDICTION } from "../analysis/validation/free-parameters.ts";
import { type MissKind, missesOf, missReasons } from "../analysis/validation/misses.ts";
import type { ValidatedRow } from "../analysis/validation/validated-row.ts";
import type { Validation } from "../analysis/validation/validation.ts";
import { figure, type Table } from "../report/document.ts";
import {
  errorPercent,
  orderSentence,
  parameterSentence,
  parameterTable,
  roleTable,
} from "../report/validation-tables.ts";
import { textTable } from "./text-table.ts";

type Colours = ReturnType<typeof pc.createColors>;

export function validationText(validation: Validation, inColour: boolean): string {
  const { rows, summary } = validation;
  const colours = pc.createColors(inColour);
  const misses = missesOf(validation);
  const sources = [...groupBy(rows, ({ source }) => source)];
  return [
    ...sources.map(([source, of]) => `${colours.bold(source)}\n${rowTable(of, misses, colours)}`),
    ...reasonLines(validation, colours),
    plainTable(roleTable(validation), colours),
    orderLines(validation, colours),
    plainTable(parameterTable(summary.freeParameters), colours) + parameterLine(validation, colours),
  ].join("\n");
}

function rowTable(
  rows: readonly ValidatedRow[],
  misses: ReadonlyMap<string, readonly MissKind[]>,
  colours: Colours,
): string {
  const width = Math.max(...rows.map(({ id }) => id.length));
  const first = (id: string, quantity: string): string => `${id.padEnd(width)}  ${quantity}`;
  const header = [first("figure", "quantity"), "published", "simulated", "unit", "error, %", "role", "miss"];
  const lines = rows.map((row) => [
    first(row.id, row.quantity),
    figure(row.published),
    row.simulated === null ? "-" : figure(row.simulated),
    row.unit,
    errorPercent(row),
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
  const reasons = missReasons(validation).map(({ reason, ids }) => `  ${reason}: ${ids.join(", ")}\n`);
  return reasons.length === 0 ? [] : [`${colours.bold("Why rows miss")}\n${reasons.join("")}`];
}

function plainTable({ caption, columns, rows }: Table, colours: Colours): string {
  return `${colours.bold(caption)}\n${textTable([columns, ...rows.map((row) => row.map(String))])}`;
}

function orderLines({ summary: { orderings } }: Validation, colours: Colours): string {
  const lost = orderings.flatMap((ordering) =>
    ordering.lost.map((pair) => colours.red(`  lost: ${pair.join(" < ")} (${ordering.quantity})`)),
  );
  return `${[colours.bold("Orders of systems"), orderSentence(orderings), ...lost].join("\n")}\n`;
}

function parameterLine(validation: Validation, colours: Colours): string {
  const { perPrediction } = validation.summary.freeParameters;
  const sentence = parameterSentence(validation);
  return `${(perPrediction ?? 0) > MOST_PER_PREDICTION ? colours.red(sentence) : sentence}\n`;
}
