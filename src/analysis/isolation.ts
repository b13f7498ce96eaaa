/**
 * What VMs that are not like the others do to their neighbours: figures of each group of VMs apart, and against the same VMs
 * of the host on which all are alike (Matthews et al. 2007 hold well-behaved VMs next to a misbehaving one against the same
 * VMs alone with each other).
 */
import { type CellResult, type CellSpec, workTitle } from "../sim/cell.ts";
import { type VmGroup, vmsOfGroup } from "../workload/vm-settings.ts";
import { groupFigure, groupNumbers, OTHERS } from "./group-figures.ts";
import { hostsOfGivenVms, replicates, requireIdenticalWork, type Results } from "./results.ts";
import { NONE_FINISHED } from "./service-level.ts";
import { type Estimate, meanEstimate, ratioEstimate } from "./statistics.ts";
import { groupTitle } from "./vm-group-title.ts";

export interface IsolationRow {
  readonly block: string;
  /** See {@link workTitle}. */
  readonly workload: string;
  readonly machine: string;
  readonly vmm: string;
  readonly vms: number;
  readonly ratio: number;
  /** What is particular about single VMs of the host. */
  readonly fault: string;
  /** The VMs that the row is about: "the others", or those of a group. */
  readonly of: string;
  readonly neighbours: boolean;
  readonly seeds: number;
  /** Mean over seeds. */
  readonly started: number;
  readonly throughputRps: Estimate;
  /** Absent where no request was finished under any seed. */
  readonly latencyMeanMs?: Estimate;
  readonly latencyP99Ms?: Estimate;
  /** The same figures over those of the host on which all VMs are alike; absent without one, and for VMs with other work there. */
  readonly against?: Comparison;
}

export interface Comparison {
  /** What is lost of the throughput, percent. */
  readonly lossPercent: Estimate;
  readonly meanFactor: Estimate | typeof NONE_FINISHED;
  readonly p99Factor: Estimate | typeof NONE_FINISHED;
}

/** One row for each group of each host, in the order of the cells. Throws an InputError if operation streams differ. */
export function isolationRows(results: Results): IsolationRow[] {
  const cells = hostsOfGivenVms(results).filter(({ groups }) => groups !== undefined);
  requireIdenticalWork(cells);
  const alike = new Map(cells.filter(({ spec }) => allAlike(spec)).map((cell) => [hostKey(cell.spec), cell]));
  return replicates(cells).flatMap((group) => {
    return groupNumbers(group).map((number) => rowOf(group, number, alike));
  });
}

/** Nothing is particular about any VM; groups only tell apart whom to look at. */
function allAlike({ settings = [] }: CellSpec): boolean {
  return settings.every((group) => Object.keys(group).every((key) => key === "first" || key === "last"));
}

/** What a host and the one on which all VMs are alike have in common. */
function hostKey({ vmm, workload, machine, seed, vms, overcommit, settings = [] }: CellSpec): string {
  const ranges = settings.map(({ first, last }) => [first, last]);
  return JSON.stringify([vmm.label, workload, machine, seed, vms, overcommit, ranges]);
}

function rowOf(cells: readonly CellResult[], number: number, alike: ReadonlyMap<string, CellResult>): IsolationRow {
  const { spec } = cells[0];
  const { block, machine, vmm, vms = 1, overcommit: ratio = 1, settings = [] } = spec;
  const own = settings[number] as VmGroup | undefined;
  const values = (name: string): number[] => cells.map((cell) => groupFigure(cell, number, name) ?? 0);
  const finished = cells.filter((cell) => (groupFigure(cell, number, "requests_done") ?? 0) > 0);
  const latency = (name: string): Estimate =>
    meanEstimate(finished.map((cell) => groupFigure(cell, number, name) ?? 0));
  const sameWork = own?.workload === undefined || own.workload === spec.workload;
  const pairs = cells.flatMap((cell) => {
    const base = allAlike(cell.spec) ? undefined : alike.get(hostKey(cell.spec));
    return base === undefined || !((groupFigure(base, number, "requests_done") ?? 0) > 0) ? [] : [{ cell, base }];
  });
  return {
    block,
    workload: workTitle(spec),
    machine,
    vmm: vmm.label,
    vms,
    ratio,
    fault: settings.map(groupTitle).join("; "),
    of: own === undefined ? "the others" : vmsOfGroup(own),
    neighbours: number === OTHERS,
    seeds: cells.length,
    started: meanEstimate(values("vms")).estimate,
    throughputRps: meanEstimate(values("throughput_rps")),
    ...(finished.length > 0 && {
      latencyMeanMs: latency("latency_mean_ms"),
      latencyP99Ms: latency("latency_p99_ms"),
    }),
    ...(sameWork && pairs.length > 0 && { against: compare(pairs, number) }),
  };
}

interface Pair {
  readonly cell: CellResult;
  /** The host on which all VMs are alike, under the same seed. */
  readonly base: CellResult;
}

function compare(pairs: readonly Pair[], number: number): Comparison {
  const ratios = (name: string): number[] =>
    pairs.map(({ cell, base }) => (groupFigure(cell, number, name) ?? 0) / (groupFigure(base, number, name) ?? 0));
  const factor = (name: string): Estimate | typeof NONE_FINISHED => {
    const factors = ratios(name);
    return factors.every((value) => value > 0) ? ratioEstimate(factors) : NONE_FINISHED;
  };
  return {
    lossPercent: meanEstimate(ratios("throughput_rps").map((kept) => 100 * (1 - kept))),
    meanFactor: factor("latency_mean_ms"),
    p99Factor: factor("latency_p99_ms"),
  };
}
