/** The overcommit comparison as text: what is kept, how long the slowest wait, where the memory comes from. */
import { counted } from "../core/counted.ts";
import type { OvercommitCurve } from "../analysis/overcommit.ts";
import type { OvercommitPoint } from "../analysis/overcommit-point.ts";
import type { GroupPoint } from "../analysis/overcommit-groups.ts";
import { CONTROL_FIGURES, type ControlFigure } from "../analysis/memory-control.ts";
import { MEMORY_SOURCES } from "../analysis/memory-sources.ts";
import { distinct, groupBy } from "../analysis/results.ts";
import type { Sensitivity, VariedLimit } from "../analysis/sensitivity.ts";
import { twoDecimals } from "../analysis/service-level.ts";
import { foldedTable, textTable } from "./text-table.ts";
import { fileTitle } from "../sim/cell.ts";

const MISSING = "-";

type GroupFigures = Pick<GroupPoint, "throughput" | "latencyP99Ms">;

interface StrategyPoints {
  readonly strategy: string;
  readonly points: readonly OvercommitPoint[];
}

export function overcommitText(curves: readonly OvercommitCurve[]): string {
  const groups = groupBy(
    curves,
    ({ work, vms, machine }) => `${counted(vms, "VM")} of ${work} on ${fileTitle(machine)}`,
  );
  return [...groups].map(([title, of]) => `${title}\n\n${comparison(of)}`).join("\n");
}

function comparison(curves: readonly OvercommitCurve[]): string {
  const tables = pointTables(curves, "by ratio", ({ ratio }) => ratio);
  return `${tables}\n${curves.map(({ verdict }) => verdict.sentence).join("\n")}\n`;
}

/** Strategies over what was varied, whichever of a point's figures that is. */
export function pointTables<Point extends OvercommitPoint>(
  curves: readonly { readonly strategy: string; readonly points: readonly Point[] }[],
  by: string,
  variedOf: (point: Point) => number,
): string {
  const values = distinct(
    curves.flatMap(({ points }) => points),
    variedOf,
  ).sort((a, b) => a - b);
  const cellAt = (points: readonly Point[], value: number, cell: (point: Point) => string): string => {
    // A search measures each strategy at values of its own.
    const point = points.find((candidate) => variedOf(candidate) === value);
    return point === undefined ? MISSING : cell(point);
  };
  const table = (title: string, cell: (point: Point) => string): string =>
    foldedTable([
      [title, ...values.map(String)],
      ...curves.map(({ strategy, points }) => [strategy, ...values.map((value) => cellAt(points, value, cell))]),
    ]);
  const names = distinct(
    curves.flatMap(({ points }) => points.flatMap(({ groups = [] }) => groups)),
    ({ of }) => of,
  );
  const groupTables = names.flatMap((name) => [
    table(`${name}: throughput against the uncommitted host`, (point) => throughput(groupOf(point, name))),
    table(`${name}: p99 latency, ms`, (point) => latency(groupOf(point, name))),
  ]);
  return [
    table(`throughput against the uncommitted host, ${by}`, throughput),
    table("VMs started", ({ vmsAdmitted }) => vmsAdmitted.toFixed(0)),
    table("p99 latency, ms", latency),
    ...groupTables,
    sources(curves),
    control(curves),
  ].join("\n");
}

/** What the answers hang on: the highest ratios with each input as it is, lower and higher. */
export function sensitivityText(answers: readonly Sensitivity[]): string {
  const rows = answers.flatMap(({ curve, limit, inputs }) =>
    inputs.map(({ input, limits }) => [curve.strategy, input, ...cells(limits), twoDecimals(limit)]),
  );
  const header = ["strategy", "input varied", "lower", "highest ratio", "higher", "highest ratio", "unchanged"];
  return [textTable([header, ...rows]), `${answers.map(({ sentence }) => sentence).join("\n")}\n`].join("\n");
}

function cells(limits: readonly VariedLimit[]): string[] {
  return (["lower", "higher"] as const).flatMap((side) => {
    const found = limits.find((one) => one.side === side);
    return found === undefined ? [MISSING, MISSING] : [found.to, twoDecimals(found.limit)];
  });
}

function groupOf({ groups = [] }: OvercommitPoint, name: string): GroupFigures {
  return groups.find(({ of }) => of === name) ?? {};
}

function latency({ latencyP99Ms }: GroupFigures): string {
  if (latencyP99Ms === undefined) return MISSING;
  return latencyP99Ms.estimate.toLocaleString("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}

function throughput({ throughput }: GroupFigures): string {
  if (throughput === undefined) return MISSING;
  const { estimate, low, high } = throughput;
  const half = low === undefined || high === undefined ? "" : ` ± ${((high - low) / 2).toFixed(3)}`;
  return `${estimate.toFixed(3)}${half}`;
}

/** At the highest ratio, where the differences are largest. */
function sources(curves: readonly StrategyPoints[]): string {
  const last = curves.flatMap(({ strategy, points }) => points.slice(-1).map((point) => ({ strategy, point })));
  const where = whereOf(last.map(({ point }) => point));
  const header = [`where the memory came from ${where}, MiB`, ...MEMORY_SOURCES.map(({ title }) => title)];
  const rows = last.map(({ strategy, point }) => [
    strategy,
    ...MEMORY_SOURCES.map(({ key }) => point.sources.mib[key].toFixed(0)),
  ]);
  return textTable([...wrapped(header), ...rows]);
}

function whereOf(points: readonly OvercommitPoint[]): string {
  const ratios = distinct(points, ({ ratio }) => ratio);
  return ratios.length === 1 ? `at ratio ${ratios[0]}` : "at its highest ratio";
}

/** At the highest ratio, too. */
function control(curves: readonly StrategyPoints[]): string {
  const last = curves.flatMap(({ strategy, points }) => points.slice(-1).map((point) => ({ strategy, point })));
  const where = whereOf(last.map(({ point }) => point));
  const names = Object.keys(CONTROL_FIGURES) as ControlFigure[];
  const header = [`how memory was managed ${where}`, ...names.map((name) => CONTROL_FIGURES[name].title)];
  const rows = last.map(({ strategy, point }) => [
    strategy,
    ...names.map((name) => (point.control[name] === undefined ? MISSING : figure(point.control[name]))),
  ]);
  return textTable([...wrapped(header), ...rows]);
}

/** Three digits, and whole numbers whole. */
function figure(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en-US") : String(Number(value.toPrecision(3)));
}

const HEADER_WIDTH = 16;

/** A row of headings as rows of a width that a terminal has room for; the last one is full. */
function wrapped(headings: readonly string[]): string[][] {
  const columns = headings.map((heading) => heading.match(WORDS) ?? [""]);
  const height = Math.max(...columns.map((lines) => lines.length));
  return Array.from({ length: height }, (_, row) =>
    columns.map((lines) => (lines[row - height + lines.length] ?? "").trimEnd()),
  );
}

/** As many words as there is room for, or a longer one. */
const WORDS = new RegExp(`\\S.{0,${HEADER_WIDTH - 1}}(?=\\s|$)|\\S+`, "g");
