/** What overcommit does to each group of VMs, where a host's VMs are not alike. */
import type { CellResult } from "../sim/cell.ts";
import { groupFigure, groupNumbers } from "./group-figures.ts";
import { factorEstimate, type GroupService, latencyFactor, throughputEstimate } from "./service-level.ts";
import { type Estimate, meanEstimate } from "./statistics.ts";
import { groupTitle, othersTitle } from "./vm-group-title.ts";
import { particularsOf } from "./vm-kinds.ts";

/** Throughput and p99 latency are absent without an uncommitted host on which these VMs did anything. */
export interface GroupPoint extends GroupService {
  /** Number in the settings of the cells, see GroupFigures. */
  readonly group: number;
  /** Absent where they finished no request. */
  readonly latencyP99Ms?: Estimate;
}

/** `uncommitted`: by seed. One for each group that occurs; none where VMs are alike, whether or not a matrix lists some apart. */
export function groupPoints(
  cells: readonly CellResult[],
  uncommitted: ReadonlyMap<number, CellResult>,
): readonly GroupPoint[] {
  const { spec } = cells[0];
  const { settings = [] } = spec;
  const groups = groupNumbers([...uncommitted.values(), ...cells]);
  if (new Set(groups.map((group) => particularsOf(spec, group))).size < 2) return [];
  return groups.map((group) => {
    const kept = cells.flatMap((cell) => {
      const base = uncommitted.get(cell.spec.seed);
      const before = (base && groupFigure(base, group, "throughput_rps")) ?? 0;
      return before > 0 ? [(groupFigure(cell, group, "throughput_rps") ?? 0) / before] : [];
    });
    const p99 = cells.flatMap((cell) => groupP99(cell, group) ?? []);
    const factors = cells.flatMap((cell) => {
      const before = uncommitted.get(cell.spec.seed);
      return latencyFactor(groupP99(cell, group), before && groupP99(before, group));
    });
    return {
      group,
      of: group in settings ? groupTitle(settings[group]) : othersTitle(spec),
      ...(kept.length > 0 && { throughput: throughputEstimate(kept) }),
      ...(factors.length > 0 && { p99Factor: factorEstimate(factors) }),
      ...(p99.length > 0 && { latencyP99Ms: meanEstimate(p99) }),
    };
  });
}

/** Undefined where the group finished no request. */
export function groupP99(cell: CellResult, group: number): number | undefined {
  return (groupFigure(cell, group, "requests_done") ?? 0) > 0 ? groupFigure(cell, group, "latency_p99_ms") : undefined;
}
