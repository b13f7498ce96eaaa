/** What overcommit does to each group of VMs, where a host's VMs are not alike. */
import type { CellResult } from "../sim/cell.ts";
import { groupFigure, groupNumbers } from "./group-figures.ts";
import { type Estimate, meanEstimate, ratioEstimate } from "./statistics.ts";
import { groupTitle } from "./vm-group-title.ts";

export interface GroupPoint {
  /** "file-server in VMs 6 to 7", "the others". */
  readonly of: string;
  /** Against the same VMs on the uncommitted host, same seeds; absent without one on which they did anything. */
  readonly throughput?: Estimate;
  /** Absent where they finished no request. */
  readonly latencyP99Ms?: Estimate;
}

/** `uncommitted`: by seed. One for each group that occurs; none where VMs are alike. */
export function groupPoints(
  cells: readonly CellResult[],
  uncommitted: ReadonlyMap<number, CellResult>,
): readonly GroupPoint[] {
  const { settings = [] } = cells[0].spec;
  return groupNumbers([...uncommitted.values(), ...cells]).map((group) => {
    const kept = cells.flatMap((cell) => {
      const base = uncommitted.get(cell.spec.seed);
      const before = (base && groupFigure(base, group, "throughput_rps")) ?? 0;
      return before > 0 ? [(groupFigure(cell, group, "throughput_rps") ?? 0) / before] : [];
    });
    const finished = cells.filter((cell) => (groupFigure(cell, group, "requests_done") ?? 0) > 0);
    const p99 = finished.map((cell) => groupFigure(cell, group, "latency_p99_ms") ?? 0);
    return {
      of: group in settings ? groupTitle(settings[group]) : "the others",
      ...(kept.length > 0 && {
        throughput: kept.every((value) => value > 0) ? ratioEstimate(kept) : meanEstimate(kept),
      }),
      ...(p99.length > 0 && { latencyP99Ms: meanEstimate(p99) }),
    };
  });
}
