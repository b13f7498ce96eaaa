import { NOT_BUSY } from "../../analysis/cycle-breakdown.ts";
import { operationBreakdown, type OperationShare } from "../../analysis/operation-breakdown.ts";
import { groupBy, isNative, monitorCells, type Results } from "../../analysis/results.ts";
import { type Chart, chartIds, type ChartKind, chartOf, machineNote, seedNote } from "./chart.ts";
import { stackedCauses } from "./stacked-causes.ts";

/** Cycles of one basic operation, by cause; every panel has its own scale, for a fork costs a thousand system calls. */
export const operationBreakdownChart: ChartKind = {
  name: "operations",
  summary: "what each basic operation (fork, page fault, packet, ...) costs, stacked by cause, per VMM",
  needs: "monitor cells (a block without vms) whose workloads do more than compute",
  draw(results) {
    const busy = operationBreakdown(results).filter((row) => !NOT_BUSY.has(row.group));
    const groups = [...groupBy(busy, (row) => JSON.stringify([row.block, row.machine])).values()];
    const ids = chartIds(
      "operations",
      groups.map(([{ block, machine }]) => [block, machine]),
    );
    return groups.map((rows, index) => draw(results, rows, ids[index]));
  },
};

function draw(results: Results, rows: readonly OperationShare[], id: string): Chart {
  const { block, machine } = rows[0];
  const cells = monitorCells(results).filter((cell) => cell.spec.block === block && cell.spec.machine === machine);
  const native = cells.find(isNative)?.spec.vmm.label;
  const title = titleOf(rows, native);
  const subtitle =
    "Mean CPU cycles of one operation by cause, waiting left out, over the same operations under every VMM; each panel has its own scale. " +
    `Pooled over the workloads and ${seedNote(cells)}, ${machineNote(cells)}.`;
  const { view, width } = stackedCauses(
    rows.map((row) => ({ panel: row.operation, vmm: row.vmm, group: row.group, amount: row.cycles })),
    "CPU cycles per operation",
    ".3~s",
  );
  const costs = [...groupBy(rows, (row) => `${row.operation} on ${row.vmm}`)].map(
    ([name, own]) => `${name}: ${Math.round(total(own))}`,
  );
  return chartOf(results, { id, title, subtitle, width }, view, `Cycles per operation: ${costs.join("; ")}.`);
}

/** The operation that a VMM makes dearest, relative to native. */
function titleOf(rows: readonly OperationShare[], native: string | undefined): string {
  let title = "What one basic operation costs, by cause";
  let most = 1;
  for (const [operation, own] of groupBy(rows, (row) => row.operation)) {
    const costs = new Map([...groupBy(own, (row) => row.vmm)].map(([vmm, shares]) => [vmm, total(shares)]));
    const base = costs.get(native ?? "");
    for (const [vmm, cycles] of costs) {
      if (!base || cycles / base <= most) continue;
      most = cycles / base;
      title = `Dearest operation against native: ${operation} on ${vmm}, ${most.toFixed(1)} times the cycles`;
    }
  }
  return title;
}

function total(rows: readonly OperationShare[]): number {
  return rows.reduce((sum, row) => sum + row.cycles, 0);
}
