/** The VMs of hosts whose VMs are not alike: what each got done. Means over seeds. */
import { type CellResult, workTitle } from "../sim/cell.ts";
import { hostsOfGivenVms, replicates, type Results } from "./results.ts";

/** Columns of a cell's `vms` that tables show, with their titles. */
export const VM_FIGURES = {
  cpu_ms: "CPU time, ms",
  throughput_rps: "throughput, requests/s",
  latency_mean_ms: "mean latency, ms",
} as const;

export interface VmRow {
  readonly block: string;
  /** What the VMs run, see {@link workTitle}. */
  readonly workload: string;
  readonly vms: number;
  readonly vmm: string;
  readonly ratio: number;
  /** Number of the VM on its host, from 0. */
  readonly vm: number;
  readonly seeds: number;
  /** In the order of {@link VM_FIGURES}; undefined: a latency where no request was finished under any seed. */
  readonly figures: readonly (number | undefined)[];
}

/** One row for each VM of a VMM and density, in the order of the cells; none where VMs are alike. */
export function vmRows(results: Results): VmRow[] {
  const cells = hostsOfGivenVms(results).filter(({ vms }) => vms !== undefined);
  return replicates(cells).flatMap((group) => {
    const { block, vmm, vms = 1, overcommit: ratio = 1 } = group[0].spec;
    const workload = workTitle(group[0].spec);
    const started = [...new Set(group.flatMap((cell) => valuesOf(cell, "vm")))].sort((a, b) => a - b);
    return started.map((vm) => {
      const figures = Object.keys(VM_FIGURES).map((name) => meanOverSeeds(group, vm, name));
      return { block, workload, vms, vmm: vmm.label, ratio, vm, seeds: group.length, figures };
    });
  });
}

/** A VM that did not start under one of the seeds did nothing there; where it finished no request, there is no latency. */
function meanOverSeeds(cells: readonly CellResult[], vm: number, name: string): number | undefined {
  const isLatency = name.startsWith("latency");
  const counted = isLatency ? cells.filter((cell) => (figureOf(cell, vm, "requests_done") ?? 0) > 0) : cells;
  if (counted.length === 0) return undefined;
  return counted.reduce((sum, cell) => sum + (figureOf(cell, vm, name) ?? 0), 0) / counted.length;
}

function figureOf(cell: CellResult, vm: number, name: string): number | undefined {
  return valuesOf(cell, name)[valuesOf(cell, "vm").indexOf(vm)];
}

function valuesOf({ vms }: CellResult, name: string): readonly number[] {
  const column = vms?.columns.indexOf(name) ?? -1;
  return (vms?.rows ?? []).map((row) => row[column]);
}
