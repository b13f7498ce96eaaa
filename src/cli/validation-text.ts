/** A validation as text: a table per source, misses in red, then what the rows say together. */
import pc from "picocolors";
import { type MissKind, missesOf, missReasons } from "../analysis/validation/misses.ts";
import type { ValidatedRow } from "../analysis/validation/validated-row.ts";
import type { Validation } from "../analysis/validation/validation.ts";
import { figure, type Table } from "../report/document.ts";
import {
  bySource,
  calibratedCostTable,
  errorPercent,
  goalTable,
  orderSentence,
  parameterSentence,
  parameterTable,
  published,
  roleTable,
  spread,
} from "../report/validation-tables.ts";
import { textTable } from "./text-table.ts";

type Colours = ReturnType<typeof pc.createColors>;

export function validationText(validation: Validation, inColour: boolean): string {
  const colours = pc.createColors(inColour);
  const misses = missesOf(validation);
  const sources = [...bySource(validation)];
  return [
    ...sources.map(([source, of]) => `${colours.bold(source)}\n${rowTable(of, misses, colours)}`),
    ...reasonLines(validation, colours),
    titledTable(roleTable(validation), colours),
    orderLines(validation, colours),
    `${titledTable(parameterTable(validation.summary.freeParameters), colours)}${parameterSentence(validation)}\n`,
    ...(validation.summary.freeParameters.calibratedCosts.length === 0
      ? []
      : [titledTable(calibratedCostTable(validation.summary.freeParameters), colours)]),
    titledTable(goalTable(validation), colours),
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
    first(row.id, `${row.quantity}${spread(row)}`),
    publishedText(row),
    row.simulated === null ? "-" : figure(row.simulated),
    row.unit,
    errorPercent(row),
    row.role,
    misses.get(row.id)?.join(", ") ?? "",
  ]);
  const [head, ...body] = textTable([header, ...lines])
    .trimEnd()
    .split("\n");
  return redLines(head, body, (line) => misses.has(rows[line].id), colours);
}

function publishedText(row: ValidatedRow): string {
  const value = published(row);
  return typeof value === "number" ? figure(value) : value;
}

function reasonLines(validation: Validation, colours: Colours): string[] {
  const reasons = missReasons(validation).map(({ reason, ids }) => `  ${reason}: ${ids.join(", ")}\n`);
  return reasons.length === 0 ? [] : [`${colours.bold("Why rows miss")}\n${reasons.join("")}`];
}

function titledTable({ caption, columns, rows, missed }: Table, colours: Colours): string {
  const [head, ...body] = textTable([columns, ...rows.map((row) => row.map(String))])
    .trimEnd()
    .split("\n");
  return `${colours.bold(caption)}\n${redLines(head, body, (line) => missed?.has(line) ?? false, colours)}`;
}

function redLines(head: string, body: readonly string[], isRed: (line: number) => boolean, colours: Colours): string {
  return `${[head, ...body.map((line, index) => (isRed(index) ? colours.red(line) : line))].join("\n")}\n`;
}

function orderLines({ summary: { orderings } }: Validation, colours: Colours): string {
  const lost = orderings.flatMap((ordering) =>
    ordering.lost.map((pair) => colours.red(`  lost: ${pair.join(" < ")} (${ordering.quantity})`)),
  );
  return `${[colours.bold("Orders of systems"), orderSentence(orderings), ...lost].join("\n")}\n`;
}
