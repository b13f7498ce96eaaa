/**
 * How many VMs a host of given memory holds. Each number of VMs is held against the same VMs, on the same seeds, on a host with
 * memory for all (what the lack of memory does), and that host against the one with the fewest VMs (what the lack of anything
 * else does: CPU, disks, network).
 */
import type { ServiceLevel } from "../experiment/matrix.ts";
import { PAGES_PER_MIB } from "../machine/page.ts";
import type { CellResult } from "../sim/cell.ts";
import { busiestOf, type BusiestResource } from "./busiest-resource.ts";
import { groupFigure } from "./group-figures.ts";
import { isShortOfMemory, pointOf, relativeP99 } from "./overcommit.ts";
import type { OvercommitPoint } from "./overcommit-point.ts";
import { groupP99 } from "./overcommit-groups.ts";
import { blocksOfFixedHosts, distinct, groupBy, hostCells, requireIdenticalWork } from "./results.ts";
import { type Results, serviceLevelOf } from "./results.ts";
import {
  factorEstimate,
  type GroupService,
  type HostService,
  latencyFactor,
  throughputEstimate,
} from "./service-level.ts";
import { ratioEstimate } from "./statistics.ts";
import { vmCountVerdict, type VmCountVerdict } from "./vm-count-verdict.ts";
import { type VmKind, vmKinds } from "./vm-kinds.ts";

/** A host with memory for all its VMs, held against the one with the fewest VMs. */
export interface RoomyHost extends HostService {
  /** Number of VMs of the host that it is held against. */
  readonly fewest: number;
  readonly busiest: BusiestResource;
}

export interface VmCountPoint extends OvercommitPoint {
  readonly vms: number;
  /** VMs by kind; {@link OvercommitPoint.groups} are called the same. */
  readonly kinds: readonly VmKind[];
  /** VMs by workload. */
  readonly work: readonly { readonly workload: string; readonly vms: number }[];
  /** Absent where no host has memory for all these VMs. */
  readonly roomy?: RoomyHost;
}

/** One strategy on a host of one size. */
export interface VmCountCurve {
  readonly block: string;
  /** Names, those of a mix in its order. */
  readonly workloads: readonly string[];
  readonly machine: string;
  readonly hostMib: number;
  /** Configured memory of a VM, where all have the same. */
  readonly vmMib?: number;
  readonly strategy: string;
  /** By ascending number of VMs. */
  readonly points: readonly VmCountPoint[];
  /** Numbers of VMs with which hosts could not be simulated; absent: none. */
  readonly failedCounts?: readonly number[];
  readonly verdict: VmCountVerdict;
}

/** Curves of all blocks that give the memory of hosts. Throws an InputError if operation streams differ. */
export function vmCountCurves(results: Results): VmCountCurve[] {
  const blocks = blocksOfFixedHosts(results);
  const cells = hostCells(results).filter(({ spec }) => blocks.has(spec.block));
  requireIdenticalWork(cells);
  const fixed = cells.filter(({ spec }) => spec.hostPages !== undefined);
  return [...groupBy(fixed, hostKey).values()].map((group) => {
    const roomy = cells.filter(({ spec }) => spec.hostPages === undefined && workKey(spec) === workKey(group[0].spec));
    const failed = results.cells.filter((cell) => cell.status === "failed" && hostKey(cell) === hostKey(group[0]));
    return curveOf(
      group,
      roomy,
      distinct(failed, ({ spec }) => spec.vms ?? 1),
      serviceLevelOf(results),
    );
  });
}

function workKey({ block, workload, machine, vmm }: CellResult["spec"]): string {
  return JSON.stringify([block, workload, machine, vmm.label]);
}

function hostKey({ spec }: CellResult): string {
  return JSON.stringify([workKey(spec), spec.hostPages]);
}

type ByCount = ReadonlyMap<number, readonly CellResult[]>;

function curveOf(
  cells: readonly CellResult[],
  roomyCells: readonly CellResult[],
  failed: readonly number[],
  level: ServiceLevel,
): VmCountCurve {
  const { block, machine, vmm, hostPages = 0 } = cells[0].spec;
  const roomy = byCount(roomyCells);
  const points = [...byCount(cells)].map(([vms, group]) => pointAt(vms, group, roomy));
  const workloads = distinct(
    points.flatMap(({ work }) => work),
    ({ workload }) => workload,
  );
  const hostMib = hostPages / PAGES_PER_MIB;
  const { ratio, vms } = points[points.length - 1];
  const failedCounts = failed.toSorted((a, b) => a - b);
  return {
    block,
    workloads,
    machine,
    hostMib,
    // Ratios have four decimals.
    ...(workloads.length === 1 && { vmMib: Number(((ratio * hostMib) / vms).toPrecision(3)) }),
    strategy: vmm.label,
    points,
    ...(failed.length > 0 && { failedCounts }),
    verdict: vmCountVerdict(points, level, failedCounts[0]),
  };
}

/** By ascending number of VMs. */
function byCount(cells: readonly CellResult[]): ByCount {
  const groups = [...groupBy(cells, ({ spec }) => String(spec.vms ?? 1))];
  return new Map(groups.map(([vms, group]) => [Number(vms), group] as const).sort(([a], [b]) => a - b));
}

function pointAt(vms: number, cells: readonly CellResult[], roomy: ByCount): VmCountPoint {
  const same = roomy.get(vms) ?? [];
  const uncommitted = same.some(isShortOfMemory) ? [] : same;
  const [[fewest, baseline] = [vms, uncommitted]] = roomy;
  const { groups = [], ...point } = pointOf(cells[0].spec.overcommit ?? 1, cells, same, uncommitted);
  const kinds = vmKinds(cells[0].spec);
  // Which VMs a group is differs with their number; which kind, does not.
  const named = groups.map((one) => ({ ...one, of: kinds.find(({ group }) => group === one.group)?.of ?? one.of }));
  return {
    ...point,
    ...(named.length > 0 && { groups: named }),
    vms,
    kinds,
    work: workOf(kinds),
    ...(uncommitted.length > 0 && { roomy: roomyHost(uncommitted, baseline, fewest) }),
  };
}

function workOf(kinds: readonly VmKind[]): VmCountPoint["work"] {
  return [...groupBy(kinds, ({ workload }) => workload)].map(([workload, of]) => ({
    workload,
    vms: of.reduce((sum, { vms }) => sum + vms, 0),
  }));
}

function roomyHost(cells: readonly CellResult[], baseline: readonly CellResult[], fewest: number): RoomyHost {
  const before = new Map(baseline.map((cell) => [cell.spec.seed, cell]));
  const throughput = cells.flatMap((cell) => throughputPerVm(cell, before.get(cell.spec.seed)) ?? []);
  const p99Factors = cells.flatMap((cell) => relativeP99(cell, before.get(cell.spec.seed)));
  const groups = vmKinds(cells[0].spec).map((kind) => roomyGroup(kind, cells, before));
  return {
    fewest,
    ...(throughput.length > 0 && { throughput: ratioEstimate(throughput) }),
    ...(p99Factors.length > 0 && { p99Factor: factorEstimate(p99Factors) }),
    ...(groups.length > 1 && { groups }),
    busiest: busiestOf(cells),
  };
}

/** The same of the VMs of one kind. */
function roomyGroup(
  { id, of }: VmKind,
  cells: readonly CellResult[],
  baseline: ReadonlyMap<number, CellResult>,
): GroupService {
  const pairs = cells.flatMap((cell) => {
    const other = baseline.get(cell.spec.seed);
    const [now, before] = [partsByKind(cell).get(id), other && partsByKind(other).get(id)];
    return now && before && before.rps > 0 ? [{ now, before }] : [];
  });
  const throughput = pairs.map(({ now, before }) => now.rps / now.vms / (before.rps / before.vms));
  const p99Factors = pairs.flatMap(({ now, before }) => latencyFactor(now.p99, before.p99));
  return {
    of,
    ...(throughput.length > 0 && { throughput: throughputEstimate(throughput) }),
    ...(p99Factors.length > 0 && { p99Factor: factorEstimate(p99Factors) }),
  };
}

/** What VMs do against what as many VMs of the same kinds would do if each did what one does on the other host. */
function throughputPerVm(cell: CellResult, baseline: CellResult | undefined): number | undefined {
  if (baseline === undefined) return undefined;
  let done = 0;
  let expected = 0;
  for (const [kind, { vms, rps }] of partsByKind(cell)) {
    const before = partsByKind(baseline).get(kind);
    if (before === undefined || before.vms === 0) return undefined;
    done += rps;
    expected += (before.rps / before.vms) * vms;
  }
  return done > 0 && expected > 0 ? done / expected : undefined;
}

/** The VMs of a host that are of one kind, those of them that have started. */
interface KindPart {
  readonly vms: number;
  readonly rps: number;
  readonly p99: number | undefined;
}

/** By the kinds' ids. */
function partsByKind(cell: CellResult): ReadonlyMap<string, KindPart> {
  const { throughput_rps: rps = 0, vms_admitted: vms = 0, latency_p99_ms: p99 } = cell.metrics;
  const kinds = vmKinds(cell.spec);
  if (kinds.length === 1) return new Map([[kinds[0].id, { vms, rps, p99 }]]);
  const parts = kinds.map(({ group, id }): readonly [string, KindPart] => {
    const figure = (name: string): number => groupFigure(cell, group, name) ?? 0;
    return [id, { vms: figure("vms"), rps: figure("throughput_rps"), p99: groupP99(cell, group) }];
  });
  return new Map(parts.filter(([, { vms: started }]) => started > 0));
}

/** "esx keeps 14 VMs of 256 MiB on 2 GiB (overcommit 1.75): ..." */
export function vmCountSentence({ strategy, hostMib, vmMib, verdict }: VmCountCurve): string {
  const host = memoryText(hostMib);
  const size = vmMib === undefined ? "" : ` of ${memoryText(vmMib)}`;
  const { most } = verdict;
  if (most === undefined) return `${strategy} on ${host}: ${verdict.reason}.`;
  if (most === 0) return `${strategy} keeps no VM${size} on ${host}: ${verdict.reason}.`;
  return `${strategy} keeps ${most} VM${most === 1 ? "" : "s"}${size} on ${host}${verdict.reason}.`;
}

/** "2 GiB", "1.5 GiB", "256 MiB". */
export function memoryText(mib: number): string {
  const [value, unit] = mib >= 1024 ? [mib / 1024, "GiB"] : [mib, "MiB"];
  return `${Number(value.toFixed(2))} ${unit}`;
}
