/** What a worker thread does: one timed cell after another. */
import { performance } from "node:perf_hooks";
import type { CellResult } from "../sim/cell.ts";
import { type PlannedCell, runCell } from "./run-cell.ts";

export interface TimedResult {
  readonly cell: CellResult;
  readonly milliseconds: number;
}

export async function runTimed(cell: PlannedCell): Promise<TimedResult> {
  const start = performance.now();
  const result = await runCell(cell);
  return { cell: result, milliseconds: performance.now() - start };
}
