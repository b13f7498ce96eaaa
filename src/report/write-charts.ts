/** Single charts as files. */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../core/input-error.ts";
import { suggestion } from "../core/nearest-name.ts";
import type { Results } from "../analysis/results.ts";
import { writeOutput } from "../experiment/output-files.ts";
import type { Chart, ChartKind } from "./charts/chart.ts";
import { CHART_KINDS } from "./charts/kinds.ts";
import { loadRun } from "./load-run.ts";
import { CHART_FORMATS, type ChartFormat, renderChart } from "./render-chart.ts";

/**
 * Draw the charts of a kind, the one with an id (`overcommit-consolidation`), or `all`, into a file (the ending says the
 * format) or into a folder (every format). Gives the paths written. Throws an {@link InputError} for a wrong name, ending or
 * results folder, or if nothing can be drawn; then nothing is written.
 */
export async function writeCharts(resultsFolder: string, name: string, out: string): Promise<string[]> {
  const target = targetOf(out);
  const { results } = await loadRun(resultsFolder);
  const named = chartsNamed(name, resultsFolder, results);
  const charts = target.format === undefined ? named : [onlyOne(name, named, out)];
  const files: File[] = [];
  for (const chart of charts) files.push(...(await draw(chart, target, out)));
  return writeAll(files);
}

/** Throws an {@link InputError} for a name that no chart has, whatever the results are. */
export function requireChartName(name: string): void {
  kindsNamed(name);
}

/** Several for `all`; the id of a single chart begins with its kind. */
function kindsNamed(name: string): readonly ChartKind[] {
  const kinds = CHART_KINDS.filter((kind) => isWhole(name, kind) || name.startsWith(`${kind.name}-`));
  if (kinds.length > 0) return kinds;
  throw new InputError(
    `there is no chart "${name}"; ${suggestion(name, [...CHART_KINDS.map((kind) => kind.name), "all"])}`,
  );
}

function isWhole(name: string, kind: ChartKind): boolean {
  return name === "all" || name === kind.name;
}

function chartsNamed(name: string, resultsFolder: string, results: Results): readonly Chart[] {
  const kinds = kindsNamed(name);
  const drawn = kinds.flatMap((kind) => kind.draw(results).map((chart) => ({ chart, kind })));
  if (drawn.length === 0) {
    const needs = kinds.map((kind) => kind.needs).join("; or ");
    throw new InputError(`${resultsFolder}: nothing to draw for "${name}"; it needs ${needs}`);
  }
  const named = drawn.filter(({ chart, kind }) => isWhole(name, kind) || chart.id === name).map(({ chart }) => chart);
  if (named.length > 0) return named;
  const names = new Set(drawn.flatMap(({ chart, kind }) => [kind.name, chart.id]));
  throw new InputError(`there is no chart "${name}"; ${suggestion(name, [...names])}`);
}

/** For a file: the chart of that very name, or the only one there is. */
function onlyOne(name: string, charts: readonly Chart[], out: string): Chart {
  const chart = charts.find(({ id }) => id === name) ?? charts[0];
  if (charts.length === 1 || chart.id === name) return chart;
  const ids = charts.map(({ id }) => id).join(", ");
  throw new InputError(`${out}: one file cannot hold ${charts.length} charts; name one of ${ids}, or give a folder`);
}

interface File {
  readonly path: string;
  readonly content: string | Uint8Array;
}

async function draw(chart: Chart, { format }: Target, out: string): Promise<File[]> {
  if (format !== undefined) return [{ path: out, content: await renderChart(chart, format) }];
  const files: File[] = [];
  for (const each of CHART_FORMATS) {
    files.push({ path: join(out, `${chart.id}.${each}`), content: await renderChart(chart, each) });
  }
  return files;
}

async function writeAll(files: readonly File[]): Promise<string[]> {
  for (const { path, content } of files) {
    await writeOutput(path, content);
  }
  return files.map((file) => file.path);
}

interface Target {
  /** Undefined: a folder for every format. */
  readonly format?: ChartFormat;
}

function targetOf(out: string): Target {
  const format = CHART_FORMATS.find((ending) => out.endsWith(`.${ending}`));
  if (existsSync(out) && statSync(out).isDirectory()) return {};
  if (format !== undefined) return { format };
  const ending = /\.[a-z0-9]{1,5}$/i.exec(out)?.[0];
  if (ending === undefined) return {};
  throw new InputError(`${out}: no charts can be written as ${ending}; expected .svg, .png, .vl.json or a folder`);
}
