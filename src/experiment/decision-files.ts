/**
 * Files of a run that was asked why: for each cell watched, in the folder `why`, the decisions about memory as NDJSON (one
 * object a decision) and where the memory of each VM was as CSV. Named for people; the key at the end tells equal names apart.
 */
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { stringify } from "csv-stringify/sync";
import { InputError } from "../core/input-error.ts";
import type { CellResult } from "../sim/cell.ts";
import type { TimedDecision } from "../sim/decision-log.ts";
import { timelineColumns, type TimelineRow } from "../sim/vm-timeline.ts";
import { makeFolder, writeDurably } from "./output-files.ts";

const WHY_FOLDER = "why";
const KEY_DIGITS = 8;

/** What a cell's watch has seen, as it comes from a worker. */
export interface Watched {
  readonly decisions: readonly TimedDecision[];
  /** Decisions after these that were not kept. */
  readonly leftOut: number;
  readonly timeline: readonly TimelineRow[];
}

type Cell = Pick<CellResult, "key" | "spec">;

/** Keys of the cells of a run that are watched: hosts, under the first seed of their block; other seeds decide much the same. */
export function watchedCells(cells: readonly Cell[]): ReadonlySet<string> {
  const first = new Map<string, number>();
  for (const { spec } of cells) first.set(spec.block, Math.min(spec.seed, first.get(spec.block) ?? Infinity));
  const watched = cells.filter(({ spec }) => spec.vms !== undefined && spec.seed === first.get(spec.block));
  return new Set(watched.map(({ key }) => key));
}

/** Path of a cell's file with this ending; all of a cell's files are there, or none counts. */
export function whyPath(folder: string, { key, spec }: Cell, ending: "ndjson" | "csv" | "txt"): string {
  const { vmm, workload, vms = 1, overcommit = 1, seed } = spec;
  const words = [
    vmm.label,
    basename(workload).replace(/\.ya?ml$/, ""),
    `${vms} vms`,
    `overcommit ${overcommit}`,
    `seed ${seed}`,
  ];
  const name = words.map((word) => word.toLowerCase().replace(/[^a-z0-9.]+/g, "-")).join("-");
  return join(folder, WHY_FOLDER, `${name}-${key.slice(0, KEY_DIGITS)}.${ending}`);
}

export function hasWhy(folder: string, cell: Cell): boolean {
  return existsSync(whyPath(folder, cell, "ndjson")) && existsSync(whyPath(folder, cell, "csv"));
}

export async function writeWhy(folder: string, cell: Cell, { decisions, leftOut, timeline }: Watched): Promise<void> {
  await makeFolder(join(folder, WHY_FOLDER));
  const all = leftOut === 0 ? decisions : [...decisions, cut(decisions, leftOut)];
  await writeDurably(whyPath(folder, cell, "csv"), stringify([timelineColumns(timeline), ...timeline]));
  await writeDurably(whyPath(folder, cell, "ndjson"), all.map(lineOf).join(""));
}

/** The last line of a log that is not whole says so. */
function cut(decisions: readonly TimedDecision[], leftOut: number): TimedDecision {
  return {
    time_s: decisions.at(-1)?.time_s ?? 0,
    by: "log",
    rule: `at most ${decisions.length} decisions are kept`,
    action: "cut",
    outcome: { left_out_decisions: leftOut },
    inputs: {},
  };
}

/** Six decimals: a page is 0.003906 MiB. */
function rounded(_: string, value: unknown): unknown {
  return typeof value === "number" ? Math.round(value * 1e6) / 1e6 : value;
}

function lineOf(decision: TimedDecision): string {
  return `${JSON.stringify(decision, rounded)}\n`;
}

/** Undefined where nobody watched the cell. Throws an {@link InputError} that names the line that is none. */
export function readDecisions(folder: string, cell: Cell): readonly TimedDecision[] | undefined {
  if (!hasWhy(folder, cell)) return undefined;
  const path = whyPath(folder, cell, "ndjson");
  const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
  return lines.map((line, i) => {
    try {
      return JSON.parse(line) as TimedDecision;
    } catch {
      throw new InputError(`${path}:${i + 1}:1: expected a decision as JSON; found "${line.slice(0, 40)}"`);
    }
  });
}

/** The same of the memory of each VM. */
export function readTimeline(folder: string, cell: Cell): CellResult["timeline"] {
  if (!hasWhy(folder, cell)) return undefined;
  const path = whyPath(folder, cell, "csv");
  const [header = "", ...lines] = readFileSync(path, "utf8").trimEnd().split("\n");
  const columns = header.split(",");
  const state = columns.indexOf("host_state");
  const rows = lines.map((line, i) => {
    const row = line.split(",").map((text, column) => (column === state ? text : Number(text)));
    if (row.length === columns.length && !row.some(Number.isNaN)) return row;
    throw new InputError(`${path}:${i + 2}:1: expected ${columns.length} values; found "${line}"`);
  });
  return { columns, rows };
}
