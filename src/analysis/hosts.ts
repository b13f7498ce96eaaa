/** Hosts with several guests side by side: what ran, how fast, and how the memory was held. Means over seeds. */
import { sum } from "../core/sum.ts";
import { counted } from "../core/counted.ts";
import { type CellResult, workTitle } from "../sim/cell.ts";
import { distinct, hostCells, replicates, requireIdenticalWork, type Results } from "./results.ts";
import { type Estimate, meanEstimate } from "./statistics.ts";

/** Figures of a host by the metric they come from, in the order of tables; all but the first two are in MiB. */
export const HOST_FIGURES = {
  throughput_rps: "throughput, requests/s",
  latency_p99_ms: "p99 latency, ms",
  memory_free_mib: "free, MiB",
  memory_shared_saved_mib: "saved by sharing, MiB",
  memory_ballooned_mib: "in balloons, MiB",
  memory_host_swapped_mib: "swapped by the host, MiB",
  memory_guest_swapped_mib: "swapped by guests, MiB",
  memory_overhead_mib: "kept by the VMM besides, MiB",
} as const;
export type HostFigure = keyof typeof HOST_FIGURES;

/** Figures by metric that a host has only where there is something to tell; the first two are no counts. */
export const OCCASIONAL_FIGURES = [
  "start_delay_mean_ms",
  "dom0_memory_mib",
  "dom0_swap_ins",
  "vms_evicted",
  "vmm_text_faults",
  "oom_kills",
  "memory_frontswap_mib",
  "frontswap_puts",
  "frontswap_refused_puts",
  "frontswap_gets",
  "frontswap_flushes",
  "vmfs_metadata_operations",
  "vmfs_lock_wait_ms",
  "packets_lost",
] as const;
export type OccasionalFigure = (typeof OCCASIONAL_FIGURES)[number];
const NO_COUNTS: readonly OccasionalFigure[] = ["start_delay_mean_ms", "dom0_memory_mib", "memory_frontswap_mib"];

export interface HostRow {
  readonly block: string;
  /** What the VMs run, see {@link workTitle}. */
  readonly workload: string;
  readonly machine: string;
  readonly vmm: string;
  readonly vms: number;
  readonly ratio: number;
  readonly seeds: number;
  readonly admitted: number;
  /** Without a latency where no request was finished under any seed. */
  readonly figures: Readonly<Partial<Record<HostFigure, Estimate>>>;
  /** Means over seeds; what is absent was never counted. */
  readonly occasional: Readonly<Partial<Record<OccasionalFigure, number>>>;
}

/** "1 VM of compute", "8 VMs of typical-server". */
export function vmsOf(vms: number, workload: string): string {
  return `${counted(vms, "VM")} of ${workload}`;
}

/** One row for each VMM and density, in the order of the cells. Throws an InputError if operation streams differ. */
export function hostRows(results: Results): HostRow[] {
  const cells = hostCells(results);
  requireIdenticalWork(cells);
  return replicates(cells).map((group) => {
    const { block, machine, vmm, vms = 1, overcommit = 1 } = group[0].spec;
    const workload = workTitle(group[0].spec);
    const seeds = distinct(group, ({ spec }) => spec.seed).length;
    const admitted = meanEstimate(group.map(({ metrics }) => metrics.vms_admitted ?? 0)).estimate;
    const figures = hostFigures(group);
    const occasional = occasionalFigures(group);
    return { block, workload, machine, vmm: vmm.label, vms, ratio: overcommit, seeds, admitted, figures, occasional };
  });
}

/** A latency that a seed lacks is of nothing: no request was finished there. What else it lacks is none. */
function hostFigures(group: readonly CellResult[]): HostRow["figures"] {
  const names = Object.keys(HOST_FIGURES) as HostFigure[];
  const figures = names.flatMap((name) => {
    const none = name === "latency_p99_ms" ? [] : 0;
    const values = group.flatMap(({ metrics }) => metrics[name] ?? none);
    return values.length === 0 ? [] : [[name, meanEstimate(values)] as const];
  });
  return Object.fromEntries(figures);
}

/** A count that a seed lacks is none; a mean that it lacks is of nothing. */
function occasionalFigures(group: readonly CellResult[]): HostRow["occasional"] {
  const means = OCCASIONAL_FIGURES.flatMap((name) => {
    const values = group.flatMap(({ metrics }) => metrics[name] ?? []);
    if (values.length === 0) return [];
    const cells = NO_COUNTS.includes(name) ? values.length : group.length;
    return [[name, sum(values) / cells] as const];
  });
  return Object.fromEntries(means);
}
