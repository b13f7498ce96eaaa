/** Single charts as files. */
import { existsSync, statSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { InputError } from "../core/input-error.ts";
import { suggestion } from "../core/nearest-name.ts";
import type { Chart } from "./charts/chart.ts";
import { CHART_KINDS } from "./charts/kinds.ts";
import { loadRun } from "./load-run.ts";
import { CHART_FORMATS, type ChartFormat, renderChart } from "./render-chart.ts";

/**
 * Draw the charts of a kind, or of `all` kinds, into a file (the ending says the format) or into a folder (every format).
 * Gives the paths written. Throws an {@link InputError} for a wrong name, ending or results folder, or if nothing can be
 * drawn; then nothing is written.
 */
export async function writeCharts(resultsFolder: string, name: string, out: string): Promise<string[]> {
  const kinds = name === "all" ? CHART_KINDS : CHART_KINDS.filter((kind) => kind.name === name);
  if (kinds.length === 0) {
    throw new InputError(
      `there is no chart "${name}"; ${suggestion(name, [...CHART_KINDS.map((kind) => kind.name), "all"])}`,
    );
  }
  const target = targetOf(out);
  const { results } = await loadRun(resultsFolder);
  const charts = kinds.flatMap((kind) => kind.draw(results));
  if (charts.length === 0) {
    throw new InputError(
      `${resultsFolder}: nothing to draw for "${name}"; it needs ${kinds.map((kind) => kind.needs).join("; or ")}`,
    );
  }
  if (target.format !== undefined && charts.length > 1) {
    const ids = charts.map((chart) => chart.id).join(", ");
    throw new InputError(`${out}: one file cannot hold ${charts.length} charts (${ids}); expected a folder`);
  }
  const files = await Promise.all(charts.map((chart) => draw(chart, target, out)));
  return writeAll(files.flat());
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
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
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
