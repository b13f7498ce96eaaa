/** What the report and docs/validation.md show of a validation. */
import { percent } from "../core/percent.ts";
import { groupBy } from "../analysis/results.ts";
import { type FreeParameters, MOST_CALIBRATED, PART_GROUP } from "../analysis/validation/free-parameters.ts";
import { FIGURES_WITHOUT_ROW } from "../analysis/validation/figures-without-row.ts";
import { goals } from "../analysis/validation/goals.ts";
import { type MissKind, missReasons } from "../analysis/validation/misses.ts";
import type { Ordering } from "../analysis/validation/orderings.ts";
import type { ValidatedRow } from "../analysis/validation/validated-row.ts";
import { type RoleSummary, summaryOf, type Validation } from "../analysis/validation/validation.ts";
import { type Block, figure, list, paragraph, type Table } from "./document.ts";

const MISSING = "-";

export function roleTable({ rows, summary }: Validation): Table {
  const printed = rows.filter(({ measured }) => measured !== true);
  const roles: [string, RoleSummary][] = Object.entries(summary.roles);
  if (printed.length < rows.length) roles.push(["prediction, printed figures alone", summaryOf(printed, "prediction")]);
  return {
    kind: "table",
    caption: "Relative errors by role",
    columns: [
      "role",
      "rows",
      "not simulated",
      "bounds kept",
      "median error",
      "within 15 %",
      "within 40 %",
      "farthest off",
    ],
    rows: roles.map(([role, of]) => [
      role,
      of.rows,
      of.notSimulated,
      of.bounds === 0 ? MISSING : `${of.boundsKept} of ${of.bounds}`,
      percentOrMissing(of.medianAbsoluteError),
      percentOrMissing(of.shareClose),
      percentOrMissing(of.shareWithinMiss),
      of.worst ?? MISSING,
    ]),
  };
}

/** Rows in the order given; those that miss are marked. */
export function rowTable(
  caption: string,
  rows: readonly ValidatedRow[],
  misses: ReadonlyMap<string, readonly MissKind[]>,
  more: Pick<Table, "folded"> = {},
): Table {
  return {
    kind: "table",
    caption,
    columns: ["id", "figure of the source", "system", "published", "simulated", "unit", "error, %", "role", "miss"],
    rows: rows.map((row) => [
      row.id,
      `${row.figure}${row.fromMemory ? " (from memory)" : ""}: ${row.quantity}${spread(row)}`,
      row.system,
      published(row),
      row.simulated ?? MISSING,
      row.unit,
      errorPercent(row),
      row.role,
      misses.get(row.id)?.join(", ") ?? "",
    ]),
    missed: new Set(rows.flatMap(({ id }, index) => (misses.has(id) ? [index] : []))),
    ...more,
  };
}

/** A number or, where the source says only on which side of it the figure lies, "below 20". */
export function published(row: ValidatedRow): number | string {
  return row.bound === undefined ? row.published : `${row.bound} ${figure(row.published)}`;
}

/** How far runs with different random numbers lie apart, where a row states their median. */
export function spread({ runs }: ValidatedRow): string {
  if (runs === undefined) return "";
  return `, median of ${runs.length} runs: ${figure(Math.min(...runs))} to ${figure(Math.max(...runs))}`;
}

/** Why the rows of one source, or of all, miss. */
export function reasonBlocks(validation: Validation, source?: string): Block[] {
  const own = new Set(
    validation.rows.filter((row) => source === undefined || row.source === source).map(({ id }) => id),
  );
  const items = missReasons(validation).flatMap(({ reason, ids }) => {
    const shown = ids.filter((id) => own.has(id));
    return shown.length === 0 ? [] : [`${reason}: ${shown.join(", ")}`];
  });
  return items.length === 0 ? [] : [paragraph("Why rows miss:"), list(items)];
}

export function orderTable({ rows, summary }: Validation): Table {
  const systems = new Map(rows.map(({ id, system }) => [id, system]));
  const named = (ids: readonly string[]): string => ids.map((id) => systems.get(id) ?? id).join(" < ");
  return {
    kind: "table",
    caption: "Orders of systems, from the smallest published value to the largest",
    columns: ["source", "quantity", "published order", "pairs", "reproduced", "lost"],
    rows: summary.orderings.map(({ set, quantity, ids, ordered, kept, lost }) => [
      set,
      quantity,
      named(ids),
      ordered,
      kept,
      lost.map(named).join("; "),
    ]),
    missed: new Set(summary.orderings.flatMap(({ lost }, index) => (lost.length > 0 ? [index] : []))),
  };
}

export function orderSentence(orderings: readonly Ordering[]): string {
  if (orderings.length === 0) return "No rows here compare systems, so that there is no order to keep.";
  const kept = orderings.filter(({ lost }) => lost.length === 0).length;
  return (
    `Of ${orderings.length} rows of the sources in which systems are compared, the models keep the published order in ` +
    `${kept}. Published values within 2 % of each other have no order.`
  );
}

/** What the same sources have printed that is held against nothing. */
export function withoutRowBlocks(): Block[] {
  const figures = FIGURES_WITHOUT_ROW.reduce((sum, group) => sum + group.figures, 0);
  return [
    paragraph(
      `Of the figures that were collected, ${figures} are in no table above. None was left out because it would miss: a figure that the ` +
        "models can answer has a row. An asterisk stands for any rest of an id.",
    ),
    {
      kind: "table",
      caption: "Why figures have no row",
      columns: ["source", "ids", "figures", "reason"],
      rows: FIGURES_WITHOUT_ROW.map(({ source, ids, figures: count, reason }) => [
        source,
        ids.join(", "),
        count,
        reason,
      ]),
    },
  ];
}

export function parameterTable({ groups, total, native }: FreeParameters): Table {
  const sum = (of: "calibrated" | "assumed"): number => groups.reduce((count, group) => count + group[of], 0);
  return {
    kind: "table",
    caption: "Free parameters: numbers that are not taken as such from a source",
    columns: ["numbers", "calibrated", "assumed", "apart: from native columns"],
    rows: [
      ...groups.map((group) => [group.name, group.calibrated, group.assumed, group.native]),
      [
        `all: ${total} free, ${total + native} with those from native columns`,
        sum("calibrated"),
        sum("assumed"),
        native,
      ],
    ],
  };
}

/** Whether no VMM has more calibrated primitive costs and parameters than it may. */
export function calibratedCostTable({ calibratedCosts }: FreeParameters): Table {
  return {
    kind: "table",
    caption: `Calibrated primitive costs of each VMM, with calibrated parameters of its parts, at most ${MOST_CALIBRATED}`,
    columns: ["machine", "VMM (CPU)", "number", "costs"],
    rows: calibratedCosts.map(({ machine, vmm, costs }) => [machine, vmm, costs.length, costs.join(", ")]),
    missed: new Set(calibratedCosts.flatMap(({ costs }, index) => (costs.length > MOST_CALIBRATED ? [index] : []))),
  };
}

export function parameterSentence({ summary }: Validation): string {
  const { machines, groups, total, native, published, derived, perPrediction, perPredictionWithNative } =
    summary.freeParameters;
  const { assumedPartParameters } = summary.freeParameters;
  const jobs = groups.some(({ name }) => name.startsWith("times:")) ? " and the times of jobs without one" : "";
  const parts = groups.some(({ name }) => name === PART_GROUP) ? " and the calibrated parameters of parts" : "";
  return (
    `The profiles of ${machines.join(", ")}${jobs}${parts} have ${total} free parameters, ${published} numbers from ` +
    `sources and ${derived} that follow from another number, for ${summary.roles.prediction.rows} predictions${forEach(perPrediction)}. ` +
    `With the ${native} numbers that a native column gives, which are counted apart, there are ` +
    `${total + native}${forEach(perPredictionWithNative)}. Not counted are ${assumedPartParameters} assumed parameters of parts, ` +
    "which are not numbers of a profile."
  );
}

function forEach(ratio: number | null): string {
  return ratio === null ? "" : `, ${ratio.toFixed(2)} for each`;
}

/** What is wanted of the models, and whether they reach it. */
export function goalTable({ summary }: Validation): Table {
  const rows = goals(summary);
  return {
    kind: "table",
    caption: "What is wanted of the models",
    columns: ["goal", "reached"],
    rows: rows.map(({ goal, reached }) => [goal, reached ? "yes" : "no"]),
    missed: new Set(rows.flatMap(({ reached }, index) => (reached ? [] : [index]))),
  };
}

/** Rows by source, in the order of the sources. */
export function bySource({ rows }: Validation): ReadonlyMap<string, readonly ValidatedRow[]> {
  return groupBy(rows, ({ source }) => source);
}

function percentOrMissing(share: number | null): string {
  return share === null ? MISSING : percent(share, 1);
}

/** A relative error as "+3.0", "bound" where the source gives no more than one, or a dash where none can be stated. */
export function errorPercent({ bound, relativeError }: ValidatedRow): string {
  if (bound !== undefined) return "bound";
  if (relativeError === null) return MISSING;
  const percents = (100 * relativeError).toFixed(1);
  return Number(percents) === 0 ? "0.0" : `${relativeError < 0 ? "" : "+"}${percents}`;
}
