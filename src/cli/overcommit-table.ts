/** The overcommit comparison as text: what is kept, how long the slowest wait, where the memory comes from. */
import type { OvercommitCurve, OvercommitPoint } from "../analysis/overcommit.ts";
import type { GroupPoint } from "../analysis/overcommit-groups.ts";
import { CONTROL_FIGURES, type ControlFigure } from "../analysis/memory-control.ts";
import { MEMORY_SOURCES } from "../analysis/memory-sources.ts";
import { distinct, groupBy } from "../analysis/results.ts";
import { textTable } from "./text-table.ts";

const MISSING = "-";

export function overcommitText(curves: readonly OvercommitCurve[]): string {
  const groups = groupBy(curves, ({ work, vms, machine }) => `${vms} VMs of ${work} on ${machine}`);
  return [...groups].map(([title, of]) => `${title}\n\n${comparison(of)}`).join("\n");
}

function comparison(curves: readonly OvercommitCurve[]): string {
  const ratios = distinct(
    curves.flatMap(({ points }) => points),
    ({ ratio }) => ratio,
  ).sort((a, b) => a - b);
  const table = (title: string, cell: (point: OvercommitPoint) => string): string =>
    textTable([
      [title, ...ratios.map(String)],
      ...curves.map(({ strategy, points }) => [strategy, ...ratios.map((ratio) => at(points, ratio, cell))]),
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
    table("throughput against the uncommitted host, by ratio", throughput),
    table("VMs started", ({ vmsAdmitted }) => vmsAdmitted.toFixed(0)),
    table("p99 latency, ms", latency),
    ...groupTables,
    sources(curves),
    control(curves),
    `${curves.map(({ verdict }) => verdict.sentence).join("\n")}\n`,
  ].join("\n");
}

/** A search measures each strategy at ratios of its own. */
function at(points: readonly OvercommitPoint[], ratio: number, cell: (point: OvercommitPoint) => string): string {
  const point = points.find((candidate) => candidate.ratio === ratio);
  return point === undefined ? MISSING : cell(point);
}

function groupOf({ groups = [] }: OvercommitPoint, name: string): Omit<GroupPoint, "of"> {
  return groups.find(({ of }) => of === name) ?? {};
}

function latency({ latencyP99Ms }: Omit<GroupPoint, "of">): string {
  return latencyP99Ms?.estimate.toFixed(1) ?? MISSING;
}

function throughput({ throughput }: Omit<GroupPoint, "of">): string {
  if (throughput === undefined) return MISSING;
  const { estimate, low, high } = throughput;
  const half = low === undefined || high === undefined ? "" : ` ± ${((high - low) / 2).toFixed(3)}`;
  return `${estimate.toFixed(3)}${half}`;
}

/** At the highest ratio, where the differences are largest. */
function sources(curves: readonly OvercommitCurve[]): string {
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
function control(curves: readonly OvercommitCurve[]): string {
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
