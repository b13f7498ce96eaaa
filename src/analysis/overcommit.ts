/** How far each strategy can overcommit the memory of a host, what that costs, and where the memory comes from. */
import { sum } from "../core/sum.ts";
import type { ServiceLevel } from "../experiment/matrix.ts";
import { type CellResult, workTitle } from "../sim/cell.ts";
import { busiestOf } from "./busiest-resource.ts";
import { memoryControl } from "./memory-control.ts";
import { groupPoints } from "./overcommit-groups.ts";
import { memorySources } from "./memory-sources.ts";
import type { OvercommitPoint } from "./overcommit-point.ts";
import { type OvercommitVerdict, overcommitVerdict, withheldVerdict } from "./overcommit-verdict.ts";
import { distinct, groupBy, hostsOfGivenVms, requireIdenticalWork, type Results, serviceLevelOf } from "./results.ts";
import { factorEstimate, latencyFactor, throughputEstimate } from "./service-level.ts";
import { meanEstimate } from "./statistics.ts";

/** One strategy on one workload, over all its ratios. */
export interface OvercommitCurve {
  readonly block: string;
  readonly workload: string;
  /** What the VMs run, where some run another workload, too: see {@link workTitle}. */
  readonly work: string;
  readonly machine: string;
  readonly vms: number;
  readonly strategy: string;
  /** By ascending ratio. */
  readonly points: readonly OvercommitPoint[];
  /** Ratios at which hosts could not be simulated; absent: none. */
  readonly failedRatios?: readonly number[];
  readonly verdict: OvercommitVerdict;
}

/** Those of blocks that only vary an input of another, too. */
export function allOvercommitCurves(results: Results): OvercommitCurve[] {
  return overcommitCurves({ ...results, variations: undefined });
}

/** Curves of all blocks that vary the overcommit ratio. Throws an InputError if operation streams differ. */
export function overcommitCurves(results: Results): OvercommitCurve[] {
  const cells = hostsOfGivenVms(results).filter(({ spec }) => spec.overcommit !== undefined);
  requireIdenticalWork(cells);
  return [...groupBy(cells, curveKey).values()]
    .filter((group) => distinct(group, (cell) => cell.spec.overcommit).length > 1)
    .map((group) => curveOf(group, failedRatios(results, curveKey(group[0])), serviceLevelOf(results)));
}

function curveKey({ spec }: CellResult): string {
  return JSON.stringify([spec.block, spec.workload, spec.machine, spec.vms, spec.vmm.label]);
}

function failedRatios({ cells }: Results, key: string): readonly number[] {
  const failed = cells.filter((cell) => cell.status === "failed" && curveKey(cell) === key);
  return distinct(failed, ({ spec }) => spec.overcommit ?? 1).sort((a, b) => a - b);
}

function curveOf(cells: readonly CellResult[], failed: readonly number[], level: ServiceLevel): OvercommitCurve {
  const { block, workload, machine, vms = 1, vmm } = cells[0].spec;
  const byRatio = [...groupBy(cells, ({ spec }) => String(spec.overcommit))].map(
    ([ratio, group]) => [Number(ratio), group] as const,
  );
  byRatio.sort(([a], [b]) => a - b);
  // The uncommitted host: all configured memory fits; of several, the roomiest.
  const roomiest = byRatio.find(([ratio]) => ratio <= 1)?.[1] ?? [];
  const short = roomiest.some(isShortOfMemory);
  const points = byRatio.map(([ratio, group]) => pointOf(ratio, group, roomiest, short ? [] : roomiest));
  const verdict = short
    ? withheldVerdict(vmm.label, points[0].ratio)
    : overcommitVerdict(vmm.label, points, level, failed[0]);
  const work = workTitle(cells[0].spec);
  return {
    block,
    workload,
    work,
    machine,
    vms,
    strategy: vmm.label,
    points,
    ...(failed.length > 0 && { failedRatios: failed }),
    verdict,
  };
}

/** `roomiest`: the same VMs on the host with most memory; `uncommitted`: the same, unless it is short of memory itself. */
export function pointOf(
  ratio: number,
  cells: readonly CellResult[],
  roomiest: readonly CellResult[],
  uncommitted: readonly CellResult[],
): OvercommitPoint {
  const baseline = new Map(uncommitted.map((cell) => [cell.spec.seed, cell]));
  const relative = cells.flatMap((cell) => relativeThroughput(cell, baseline.get(cell.spec.seed)));
  const p99 = metricValues(cells, "latency_p99_ms");
  const groups = groupPoints(cells, baseline);
  const evicted = cells.reduce((sum, { metrics }) => sum + (metrics.vms_evicted ?? 0), 0) / cells.length;
  const p99Factors = cells.flatMap((cell) => relativeP99(cell, baseline.get(cell.spec.seed)));
  return {
    ratio,
    seeds: cells.length,
    ...(relative.length > 0 && { throughput: throughputEstimate(relative) }),
    ...(p99.length > 0 && { latencyP99Ms: meanEstimate(p99) }),
    ...(p99Factors.length > 0 && { p99Factor: factorEstimate(p99Factors) }),
    vmsConfigured: mean(metricValues(cells, "vms_configured")) || (cells[0].spec.vms ?? 1),
    vmsAdmitted: mean(metricValues(cells, "vms_admitted")),
    ...(evicted > 0 && { vmsEvicted: evicted }),
    sources: memorySources(cells, roomiest),
    control: memoryControl(cells),
    busiest: busiestOf(cells),
    ...(groups.length > 0 && { groups }),
  };
}

export function relativeP99(cell: CellResult, uncommitted: CellResult | undefined): number[] {
  return latencyFactor(cell.metrics.latency_p99_ms, uncommitted?.metrics.latency_p99_ms);
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
 * little. A hundredth of the memory in balloons is still room for the VMM, not shortage; nor is it where a twentieth would be free
 * even without any balloon: some policies take what nobody lacks. A guest that swaps without a balloon is short of its own memory,
 * on whatever host.
 */
export function isShortOfMemory({ metrics }: CellResult): boolean {
  const { host_swap_ins: host = 0, guest_swap_ins: guest = 0, host_memory_mib: memory = 0 } = metrics;
  const {
    memory_ballooned_mib: ballooned = 0,
    memory_compressed_mib: compressed = 0,
    memory_free_mib: free = 0,
  } = metrics;
  if (host > 0 || (guest > 0 && ballooned > 0) || compressed > 0) return true;
  const spare = free - ballooned;
  return ballooned > 0.01 * memory && spare < 0.05 * memory;
}

function metricValues(cells: readonly CellResult[], metric: string): number[] {
  return cells.flatMap((cell) => cell.metrics[metric] ?? []);
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : sum(values) / values.length;
}
