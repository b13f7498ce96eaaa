import { distinct, groupBy, monitorCells, type Results } from "../../analysis/results.ts";
import { type Slowdown, slowdowns } from "../../analysis/slowdown.ts";
import { vmmStyles } from "../colours.ts";
import { type Chart, chartIds, type ChartKind, chartOf, logarithmicTicks, machineNote, seedNote } from "./chart.ts";

const WIDTH = 560;
const ROW = 19;

/** Dots with intervals on a logarithmic axis: twice as slow is as far from 1 as twice as fast. */
export const slowdownChart: ChartKind = {
  name: "slowdown",
  summary: "time for the same work against bare metal, per VMM and workload, with confidence intervals",
  needs: "monitor cells (a block without vms) of native and of another VMM",
  draw(results) {
    const groups = [...groupBy(slowdowns(results), (row) => JSON.stringify([row.block, row.machine])).values()];
    const ids = chartIds(
      "slowdown",
      groups.map(([{ block, machine }]) => [block, machine]),
    );
    return groups.map((rows, index) => draw(results, rows, ids[index]));
  },
};

function draw(results: Results, rows: readonly Slowdown[], id: string): Chart {
  const { block, machine } = rows[0];
  const cells = monitorCells(results).filter((cell) => cell.spec.block === block && cell.spec.machine === machine);
  const byWorkload = groupBy(rows, (row) => row.workload);
  const worst = rows.reduce((a, b) => (b.estimate > a.estimate ? b : a));
  const title = `Largest slowdown against bare metal: ${worst.vmm} on ${worst.workload}, ${times(worst.estimate)}`;
  const subtitle =
    "Time for the same work, idle time left out; 1 = bare metal. Dots: geometric mean over paired seeds; " +
    `lines: 95 % confidence interval; ${seedNote(cells)}, ${machineNote(cells)}.`;
  const description = rows
    .map((row) => `${row.workload} on ${row.vmm}: ${times(row.estimate)}${interval(row)}`)
    .join("; ");
  const drawn = view(results, rows, [...byWorkload.keys()]);
  return chartOf(results, { id, title, subtitle, width: WIDTH }, drawn, `${description}.`);
}

function view(results: Results, rows: readonly Slowdown[], workloads: readonly string[]): Record<string, unknown> {
  const styles = vmmStyles(results);
  const vmms = distinct(rows, (row) => row.vmm);
  const values = rows.map((row) => ({
    workload: row.workload,
    VMM: row.vmm,
    slowdown: row.estimate,
    low: row.low ?? row.estimate,
    high: row.high ?? row.estimate,
    label: times(row.estimate),
    interval: interval(row),
    verdict: row.verdict,
  }));
  const all = values.flatMap((row) => [row.low, row.high, row.slowdown, 1]);
  const domain = [Math.min(...all) / 1.04, Math.max(...all) ** 1.08 * 1.06];
  const scale = { type: "log", domain, nice: false };
  const axis = {
    title: "slowdown against bare metal (times, logarithmic)",
    values: logarithmicTicks(domain[0], domain[1]),
    format: "~g",
  };
  const y = {
    field: "workload",
    type: "nominal",
    sort: workloads,
    title: null,
    axis: { ticks: false, domain: false, labelPadding: 10, grid: true, tickBand: "extent" },
  };
  const yOffset = { field: "VMM", type: "nominal", sort: vmms, scale: { paddingOuter: 0.6 } };
  const styled = (range: (vmm: string) => unknown): Record<string, unknown> => ({
    domain: vmms,
    range: vmms.map(range),
  });
  const colour = {
    field: "VMM",
    type: "nominal",
    scale: styled((vmm) => styles.get(vmm)?.colour),
    legend: { orient: "top", title: null, direction: "horizontal", symbolOpacity: 1, columns: 3 },
  };
  const shape = { field: "VMM", type: "nominal", scale: styled((vmm) => styles.get(vmm)?.shape) };
  const tooltip = ["workload", "VMM", "label", "interval", "verdict"].map((field) => ({ field, type: "nominal" }));
  return {
    width: WIDTH,
    height: workloads.length * (vmms.length + 1) * ROW,
    data: { values },
    encoding: { y },
    layer: [
      {
        data: { values: [{ x: 1 }] },
        mark: { type: "rule", color: "#4d4d4d", strokeWidth: 1.5 },
        encoding: { y: null, x: { field: "x", type: "quantitative", scale, axis } },
      },
      {
        mark: { type: "rule", strokeWidth: 2 },
        encoding: {
          x: { field: "low", type: "quantitative", scale, axis },
          x2: { field: "high" },
          yOffset,
          color: colour,
        },
      },
      {
        mark: { type: "point", filled: true, size: 70, opacity: 1 },
        encoding: {
          x: { field: "slowdown", type: "quantitative", scale, axis },
          yOffset,
          color: colour,
          shape,
          tooltip,
        },
      },
      {
        mark: { type: "text", align: "left", dx: 9, fontSize: 10.5 },
        encoding: {
          x: { field: "high", type: "quantitative", scale, axis },
          yOffset,
          text: { field: "label" },
          color: colour,
        },
      },
    ],
  };
}

function times(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 1)}×`;
}

function interval(row: Slowdown): string {
  return row.low === undefined || row.high === undefined ? "" : ` (${row.low.toFixed(3)} to ${row.high.toFixed(3)})`;
}
