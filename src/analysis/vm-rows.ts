/** The VMs of hosts whose VMs are not alike: what each got done. Means over seeds. */
import type { CellResult } from "../sim/cell.ts";
import { hostCells, replicates, type Results } from "./results.ts";

/** Columns of a cell's `vms` that tables show, with their titles. */
export const VM_FIGURES = {
  cpu_ms: "CPU time, ms",
  throughput_rps: "throughput, requests/s",
  latency_mean_ms: "mean latency, ms",
} as const;

export interface VmRow {
  readonly block: string;
  readonly workload: string;
  readonly vms: number;
  readonly vmm: string;
  readonly ratio: number;
  /** Number of the VM on its host, from 0. */
  readonly vm: number;
  readonly seeds: number;
  /** In the order of {@link VM_FIGURES}. */
  readonly figures: readonly number[];
}

/** One row for each VM of a VMM and density, in the order of the cells; none where VMs are alike. */
export function vmRows(results: Results): VmRow[] {
  const cells = hostCells(results).filter(({ vms }) => vms !== undefined);
  return replicates(cells).flatMap((group) => {
    const { block, workload, vmm, vms = 1, overcommit: ratio = 1 } = group[0].spec;
    return valuesOf(group[0], "vm").map((vm) => {
      const figures = Object.keys(VM_FIGURES).map((name) => mean(group.map((cell) => figureOf(cell, vm, name))));
      return { block, workload, vms, vmm: vmm.label, ratio, vm, seeds: group.length, figures };
    });
  });
}

function valuesOf({ vms }: CellResult, name: string): readonly number[] {
  const column = vms?.columns.indexOf(name) ?? -1;
  return (vms?.rows ?? []).map((row) => row[column]);
}

/** A VM that did not start under one of the seeds did nothing there. */
function figureOf(cell: CellResult, vm: number, name: string): number {
  return valuesOf(cell, name)[valuesOf(cell, "vm").indexOf(vm)] ?? 0;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
