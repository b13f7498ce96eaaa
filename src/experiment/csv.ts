/** Results as CSV: one row a cell, every figure with its unit in the column's name; series as one file a cell. */
import { stringify } from "csv-stringify/sync";
import { InputError } from "../core/input-error.ts";
import { type CellResult, type FigureTable, METRICS } from "../sim/cell.ts";

const SPEC_COLUMNS = ["key", "block", "vmm", "vmm_base", "workload", "machine", "seed", "vms", "overcommit"];

/** Columns in a fixed order: the spec, the status, then the metrics that occur. */
export function cellsCsv(cells: readonly CellResult[]): string {
  const occurring = new Set(cells.flatMap((cell) => Object.keys(cell.metrics)));
  const known = Object.keys(METRICS).filter((name) => occurring.delete(name));
  const metrics = [...known, ...[...occurring].sort()];
  const rows = cells.map((cell) => [
    ...specColumns(cell),
    cell.status,
    cell.reason ?? "",
    cell.streamDigest,
    ...metrics.map((name) => cell.metrics[name] ?? ""),
  ]);
  return stringify([[...SPEC_COLUMNS, "status", "reason", "stream_digest", ...metrics], ...rows]);
}

function specColumns({ key, spec }: CellResult): readonly (string | number)[] {
  const { block, vmm, workload, machine, seed, vms = "", overcommit = "" } = spec;
  return [key, block, vmm.label, vmm.base, workload, machine, seed, vms, overcommit];
}

/** One row a simulated second. */
export function seriesCsv(series: FigureTable): string {
  return stringify([series.columns, ...series.rows]);
}

/** The inverse of {@link seriesCsv}. Throws an {@link InputError} that names the line where a number is missing. */
export function parseSeries(text: string, file: string): FigureTable {
  const [header = "", ...lines] = text.trimEnd().split("\n");
  const columns = header.split(",");
  const rows = lines.map((line, i) => {
    const row = line.split(",").map((text) => (text === "" ? Number.NaN : Number(text)));
    if (row.length === columns.length && row.every(Number.isFinite)) return row;
    throw new InputError(`${file}:${i + 2}:1: expected ${columns.length} numbers; found "${line}"`);
  });
  return { columns, rows };
}
