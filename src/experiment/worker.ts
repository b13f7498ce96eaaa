/** What a worker thread does: one timed cell after another. */
import { performance } from "node:perf_hooks";
import type { CellResult } from "../sim/cell.ts";
import { HostWatch } from "../sim/host-watch.ts";
import type { Watched } from "./decision-files.ts";
import { type PlannedCell, runCell } from "./run-cell.ts";

export interface TimedResult {
  readonly cell: CellResult;
  readonly milliseconds: number;
  /** Only of a cell that is watched, and has run. */
  readonly watched?: Watched;
}

export async function runTimed(cell: PlannedCell): Promise<TimedResult> {
  const start = performance.now();
  const watch = cell.watched === true ? new HostWatch() : undefined;
  const result = await runCell(cell, watch);
  const milliseconds = performance.now() - start;
  if (watch === undefined || result.status === "skipped") return { cell: result, milliseconds };
  const { log, timeline } = watch;
  const watched = { decisions: log.decisions, leftOut: log.leftOut, timeline: timeline.rows };
  return { cell: result, milliseconds, watched };
}
