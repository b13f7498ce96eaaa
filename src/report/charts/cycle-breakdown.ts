import { percent } from "../../core/percent.ts";
import { cycleBreakdown, type CycleShare, NOT_BUSY } from "../../analysis/cycle-breakdown.ts";
import { groupBy, monitorCells, type Results } from "../../analysis/results.ts";
import { type Chart, chartIds, type ChartKind, chartOf, machineNote, seedNote } from "./chart.ts";
import { stackedCauses } from "./stacked-causes.ts";

type Share = CycleShare & { readonly ofNative: number };

/** Busy cycles by cause against native's: what is longer than 100 % is what the VMM adds. */
export const cycleBreakdownChart: ChartKind = {
  name: "cycles",
  summary: "where the cycles went, stacked by cause, one panel per workload",
  needs: "monitor cells (a block without vms), native among them",
  draw(results) {
    const rows = cycleBreakdown(results).filter(
      (row): row is Share => row.ofNative !== undefined && !NOT_BUSY.has(row.group),
    );
    const groups = [...groupBy(rows, (row) => JSON.stringify([row.block, row.machine])).values()];
    const ids = chartIds(
      "cycles",
      groups.map(([{ block, machine }]) => [block, machine]),
    );
    return groups.map((rows, index) => draw(results, rows, ids[index]));
  },
};

function draw(results: Results, rows: readonly Share[], id: string): Chart {
  const { block, machine } = rows[0];
  const cells = monitorCells(results).filter((cell) => cell.spec.block === block && cell.spec.machine === machine);
  const title = titleOf(rows);
  const subtitle =
    "Busy cycles for the same work, in percent of those on native; idle and waiting left out. " +
    `Mean over ${seedNote(cells)}, ${machineNote(cells)}.`;
  const { view, width } = stackedCauses(
    rows.map((row) => ({ panel: row.workload, vmm: row.vmm, group: row.group, amount: row.ofNative })),
    "busy cycles, % of native",
    ".0%",
  );
  return chartOf(results, { id, title, subtitle, width }, view, `${totals(rows)}.`);
}

/** The largest single cause that only virtualization brings. */
function titleOf(rows: readonly Share[]): string {
  const added = rows.filter((row) => row.group.startsWith("VMM") || row.group.startsWith("I/O: back end"));
  if (added.length === 0) return "Where the cycles went, by cause";
  const most = added.reduce((a, b) => (b.ofNative > a.ofNative ? b : a));
  const cause = most.group.replace(": ", " ");
  return `Dearest single cause: ${cause}, ${most.vmm} on ${most.workload}, ${percent(most.ofNative)} of native's cycles`;
}

function totals(rows: readonly Share[]): string {
  const groups = [...groupBy(rows, (row) => `${row.workload} on ${row.vmm}`)];
  return groups.map(([name, own]) => `${name}: ${percent(own.reduce((sum, row) => sum + row.ofNative, 0))}`).join("; ");
}
