/** How far each strategy can overcommit the memory of a host, what that costs, and where the memory comes from. */
import type { CellResult } from "../sim/cell.ts";
import { memorySources, type MemorySources } from "./memory-sources.ts";
import { distinct, groupBy, hostCells, requireIdenticalWork, type Results } from "./results.ts";
import { type Estimate, meanEstimate, ratioEstimate } from "./statistics.ts";

/** A strategy "keeps throughput" while it loses at most this much of it. */
export const TOLERATED_LOSS = 0.05;

export interface OvercommitPoint {
  /** Sum of configured guest memory over host memory for VMs. */
  readonly ratio: number;
  readonly seeds: number;
  /** Against all configured VMs on an uncommitted host, same seeds; absent without a host that is not short of memory. */
  readonly throughput?: Estimate;
  readonly latencyP99Ms?: Estimate;
  readonly vmsConfigured: number;
  /** Mean over seeds. */
  readonly vmsAdmitted: number;
  readonly sources: MemorySources;
}

/** One strategy on one workload, over all its ratios. */
export interface OvercommitCurve {
  readonly block: string;
  readonly workload: string;
  readonly machine: string;
  readonly vms: number;
  readonly strategy: string;
  /** By ascending ratio. */
  readonly points: readonly OvercommitPoint[];
  readonly verdict: OvercommitVerdict;
}

export interface OvercommitVerdict {
  /** Highest ratio up to which throughput stays within {@link TOLERATED_LOSS}; absent when there is none or none measured. */
  readonly highestRatio?: number;
  /** No higher ratio was measured, so that the limit may lie beyond. */
  readonly open: boolean;
  readonly sentence: string;
}

/** Curves of all blocks that vary the overcommit ratio. Throws an InputError if operation streams differ. */
export function overcommitCurves(results: Results): OvercommitCurve[] {
  const cells = hostCells(results).filter((cell) => cell.spec.overcommit !== undefined);
  requireIdenticalWork(cells);
  return [...groupBy(cells, curveKey).values()]
    .filter((group) => distinct(group, (cell) => cell.spec.overcommit).length > 1)
    .map(curveOf);
}

function curveKey({ spec }: CellResult): string {
  return JSON.stringify([spec.block, spec.workload, spec.machine, spec.vms, spec.vmm.label]);
}

function curveOf(cells: readonly CellResult[]): OvercommitCurve {
  const { block, workload, machine, vms = 1, vmm } = cells[0].spec;
  const byRatio = [...groupBy(cells, ({ spec }) => String(spec.overcommit))].map(
    ([ratio, group]) => [Number(ratio), group] as const,
  );
  byRatio.sort(([a], [b]) => a - b);
  // The uncommitted host: all configured memory fits; of several, the roomiest.
  const roomiest = byRatio.find(([ratio]) => ratio <= 1)?.[1] ?? [];
  const short = roomiest.some(isShortOfMemory);
  const points = byRatio.map(([ratio, group]) => pointOf(ratio, group, roomiest, short ? [] : roomiest));
  const verdict = short ? withheld(vmm.label, points[0].ratio) : verdictOf(vmm.label, points);
  return { block, workload, machine, vms, strategy: vmm.label, points, verdict };
}

function pointOf(
  ratio: number,
  cells: readonly CellResult[],
  roomiest: readonly CellResult[],
  uncommitted: readonly CellResult[],
): OvercommitPoint {
  const baseline = new Map(uncommitted.map((cell) => [cell.spec.seed, cell]));
  const relative = cells.flatMap((cell) => relativeThroughput(cell, baseline.get(cell.spec.seed)));
  const p99 = metricValues(cells, "latency_p99_ms");
  return {
    ratio,
    seeds: cells.length,
    ...(relative.length > 0 && { throughput: throughputEstimate(relative) }),
    ...(p99.length > 0 && { latencyP99Ms: meanEstimate(p99) }),
    vmsConfigured: mean(metricValues(cells, "vms_configured")) || (cells[0].spec.vms ?? 1),
    vmsAdmitted: mean(metricValues(cells, "vms_admitted")),
    sources: memorySources(cells, roomiest),
  };
}

/** A host on which nothing runs has no logarithm: then the plain mean. */
function throughputEstimate(relative: readonly number[]): Estimate {
  return relative.every((value) => value > 0) ? ratioEstimate(relative) : meanEstimate(relative);
}

/** If the uncommitted host too admits only some of its VMs, the baseline is what all of them would do. */
function relativeThroughput(cell: CellResult, uncommitted: CellResult | undefined): number[] {
  const { throughput_rps: all, vms_configured: configured, vms_admitted: admitted } = uncommitted?.metrics ?? {};
  if (all === undefined || !(all > 0) || cell.metrics.throughput_rps === undefined) return [];
  const shortfall = configured && admitted ? configured / admitted : 1;
  return [cell.metrics.throughput_rps / (all * shortfall)];
}

/**
 * VMMs need memory of their own, so that a host at ratio 1 may be short already; what is measured against such a host says
 * little. A hundredth of the memory in balloons is still room for the VMM, not shortage.
 */
function isShortOfMemory({ metrics }: CellResult): boolean {
  const { host_swap_ins: host = 0, guest_swap_ins: guest = 0, memory_ballooned_mib: ballooned = 0 } = metrics;
  return host > 0 || guest > 0 || ballooned > 0.01 * (metrics.host_memory_mib ?? 0);
}

function withheld(strategy: string, ratio: number): OvercommitVerdict {
  const sentence =
    `${strategy}: no verdict: its roomiest host (ratio ${format(ratio)}) is short of memory already, with what the VMM ` +
    "itself needs; add a lower ratio to compare with.";
  return { open: false, sentence };
}

function verdictOf(strategy: string, points: readonly OvercommitPoint[]): OvercommitVerdict {
  const measured = points.filter((point) => point.throughput !== undefined);
  if (measured.length === 0) {
    const sentence = `${strategy}: no uncommitted host (ratio 1.0 or less) to compare with, so no verdict.`;
    return { open: true, sentence };
  }
  const failing = measured.findIndex((point) => lowerBound(point) < 1 - TOLERATED_LOSS || !allStart(point));
  const kept = failing === -1 ? measured : measured.slice(0, failing);
  const beyond = failing === -1 ? undefined : measured[failing];
  const highest = kept.filter((point) => point.ratio > 1).at(-1);
  const confidence = measured.some((point) => point.throughput?.low === undefined)
    ? "one seed, no confidence interval"
    : "95 % confidence";
  const first = beyond === undefined ? "" : `; at ${format(beyond.ratio)}, ${lossOf(beyond)}`;
  if (highest === undefined) {
    return { open: false, sentence: `${strategy}: no overcommit keeps throughput within 5 % (${confidence})${first}.` };
  }
  const limit = `${format(highest.ratio)}${beyond === undefined ? ", the highest ratio measured" : ""}`;
  const p99 = latencyNote(points, highest);
  const sentence = `${strategy}: throughput stays within 5 % up to ${limit} (${confidence})${p99}${first}.`;
  return { highestRatio: highest.ratio, open: beyond === undefined, sentence };
}

/** Fewer VMs may do as much together, on a slow disk for instance; those left out do nothing all the same. */
function allStart({ vmsAdmitted, vmsConfigured }: OvercommitPoint): boolean {
  return vmsAdmitted >= vmsConfigured;
}

/** The bound that must stay above the tolerated throughput; the estimate itself when there is no interval. */
function lowerBound({ throughput }: OvercommitPoint): number {
  return throughput?.low ?? throughput?.estimate ?? 0;
}

function lossOf(point: OvercommitPoint): string {
  const kept = point.throughput?.estimate ?? 0;
  const started = `only ${format(point.vmsAdmitted)} of ${format(point.vmsConfigured)} VMs start`;
  if (lowerBound(point) >= 1 - TOLERATED_LOSS) return `${started}, though these do ${percent(kept)} of the work`;
  const admitted = allStart(point) ? "" : ` (${started})`;
  if (kept >= 1 - TOLERATED_LOSS)
    return `${percent(kept)} remains on average, but the seeds differ too much to be sure${admitted}`;
  return `${percent(kept)} of it remains${admitted}`;
}

function latencyNote(points: readonly OvercommitPoint[], at: OvercommitPoint): string {
  const before = points[0].latencyP99Ms?.estimate;
  const then = at.latencyP99Ms?.estimate;
  if (before === undefined || then === undefined || !(before > 0)) return "";
  const factor = then / before;
  if (factor < 1.1) return ", p99 latency as before";
  return `, p99 latency ${factor.toFixed(factor < 10 ? 1 : 0)} times that of ratio ${format(points[0].ratio)}`;
}

function metricValues(cells: readonly CellResult[], metric: string): number[] {
  return cells.flatMap((cell) => cell.metrics[metric] ?? []);
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
}

function format(value: number): string {
  return String(Math.round(value * 100) / 100);
}
