/** Hosts with several guests side by side: what ran, how fast, and how the memory was held. Means over seeds. */
import { workTitle } from "../sim/cell.ts";
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
  readonly figures: Readonly<Record<HostFigure, Estimate>>;
}

/** One row for each VMM and density, in the order of the cells. Throws an InputError if operation streams differ. */
export function hostRows(results: Results): HostRow[] {
  const cells = hostCells(results);
  requireIdenticalWork(cells);
  return replicates(cells).map((group) => {
    const { block, machine, vmm, vms = 1, overcommit = 1 } = group[0].spec;
    const workload = workTitle(group[0].spec);
    const of = (metric: string): Estimate => meanEstimate(group.map(({ metrics }) => metrics[metric] ?? 0));
    const names = Object.keys(HOST_FIGURES) as HostFigure[];
    const figures = Object.fromEntries(names.map((name) => [name, of(name)])) as HostRow["figures"];
    const seeds = distinct(group, ({ spec }) => spec.seed).length;
    const admitted = of("vms_admitted").estimate;
    return { block, workload, machine, vmm: vmm.label, vms, ratio: overcommit, seeds, admitted, figures };
  });
}
