/** How much longer the same work takes than on bare metal. */
import { RandomStream } from "../core/random.ts";
import type { CellResult } from "../sim/cell.ts";
import { distinct, groupBy, isNative, monitorCells, requireIdenticalWork, type Results } from "./results.ts";
import { bootstrapEstimate, covers, type Estimate, ratioEstimate } from "./statistics.ts";

/** Time for the work itself: idle waiting for arrivals would hide every slowdown of an open-loop workload. */
const METRIC = "work_ms";

export interface Slowdown extends Estimate {
  readonly block: string;
  readonly workload: string;
  readonly machine: string;
  readonly vmm: string;
  /** Seeds on which both sides are done. */
  readonly seeds: readonly number[];
  /** Percentile bootstrap of the same ratios, for comparison; only from {@link BOOTSTRAP_FROM} values on. */
  readonly bootstrap?: Estimate;
  readonly verdict: "slower" | "faster" | "no difference" | "one stream";
}

/** Below this many values a percentile bootstrap promises more than it keeps. */
const BOOTSTRAP_FROM = 8;

/**
 * Slowdown of every VMM on every workload of the monitor cells: per seed the ratio to native on the same operation stream
 * (common random numbers), over seeds their geometric mean. VMMs without a native partner are left out.
 * Throws an InputError if the streams differ.
 */
export function slowdowns(results: Results): Slowdown[] {
  const cells = monitorCells(results);
  requireIdenticalWork(cells);
  const rows: Slowdown[] = [];
  for (const group of groupBy(cells, ({ spec }) =>
    JSON.stringify([spec.block, spec.workload, spec.machine]),
  ).values()) {
    const native = new Map(group.filter(isNative).map((cell) => [cell.spec.seed, cell]));
    for (const [, replicates] of groupBy(
      group.filter((cell) => !isNative(cell)),
      ({ spec }) => spec.vmm.label,
    )) {
      const pairs = pairUp(replicates, native);
      if (pairs.length > 0) rows.push(compare(pairs));
    }
  }
  return rows;
}

interface Pair {
  readonly cell: CellResult;
  readonly ratio: number;
}

function pairUp(replicates: readonly CellResult[], native: ReadonlyMap<number, CellResult>): Pair[] {
  return replicates.flatMap((cell): Pair[] => {
    const base = native.get(cell.spec.seed)?.metrics[METRIC];
    const own = cell.metrics[METRIC];
    return base !== undefined && base > 0 && own !== undefined && own > 0 ? [{ cell, ratio: own / base }] : [];
  });
}

function compare(pairs: readonly Pair[]): Slowdown {
  const { block, workload, machine, vmm } = pairs[0].cell.spec;
  // Seeds that gave the same stream are the same measurement, not further evidence.
  const independent = [...groupBy(pairs, (pair) => pair.cell.streamDigest).values()].map(([pair]) => pair.ratio);
  const estimate = ratioEstimate(independent);
  return {
    block,
    workload,
    machine,
    vmm: vmm.label,
    seeds: distinct(pairs, (pair) => pair.cell.spec.seed).sort((a, b) => a - b),
    ...estimate,
    ...(independent.length >= BOOTSTRAP_FROM && {
      bootstrap: bootstrapEstimate(
        independent,
        geometricMean,
        new RandomStream(1, `${block}/${workload}/${vmm.label}`),
      ),
    }),
    verdict: verdictOf(estimate),
  };
}

function verdictOf(estimate: Estimate): Slowdown["verdict"] {
  if (estimate.low === undefined) return "one stream";
  if (covers(estimate, 1)) return "no difference";
  return estimate.estimate > 1 ? "slower" : "faster";
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
