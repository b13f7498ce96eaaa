import { distinct, groupBy, monitorCells, type Results } from "../../analysis/results.ts";
import { type Slowdown, slowdowns } from "../../analysis/slowdown.ts";
import { type VmmStyle, vmmStyles } from "../colours.ts";
import {
  type Chart,
  chartIds,
  type ChartKind,
  chartOf,
  logarithmicTicks,
  machineNote,
  seedNote,
  type View,
} from "./chart.ts";

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
    `Time for the same work, idle time left out; 1 = bare metal${marksNote(rows)}; ${seedNote(cells)}, ` +
    `${machineNote(cells)}.`;
  const description = rows
    .map((row) => `${row.workload} on ${row.vmm}: ${times(row.estimate)}${interval(row)}`)
    .join("; ");
  const drawn = view(results, rows, [...byWorkload.keys()]);
  return chartOf(results, { id, title, subtitle, width: WIDTH }, drawn, `${description}.`);
}

/** Of one seed there is neither a mean nor an interval. */
function marksNote(rows: readonly Slowdown[]): string {
  if (rows.every(({ low }) => low === undefined)) return "";
  return ". Dots: geometric mean over paired seeds; lines: 95 % confidence interval";
}

function view(results: Results, rows: readonly Slowdown[], workloads: readonly string[]): View {
  const values = rows.map(rowOf);
  const vmms = distinct(rows, (row) => row.vmm);
  const x = slowdownAxis(values);
  const y = {
    field: "workload",
    type: "nominal",
    sort: workloads,
    title: null,
    axis: { ticks: false, domain: false, labelPadding: 10, grid: true, tickBand: "extent" },
  };
  return {
    width: WIDTH,
    height: workloads.length * (vmms.length + 1) * ROW,
    data: { values },
    encoding: { y },
    layer: [bareMetal(x), ...marks(x, vmms, vmmStyles(results))],
  };
}

interface Row {
  readonly workload: string;
  readonly VMM: string;
  readonly slowdown: number;
  readonly low: number;
  readonly high: number;
  readonly label: string;
  readonly interval: string;
  readonly verdict: string;
}

function rowOf(row: Slowdown): Row {
  return {
    workload: row.workload,
    VMM: row.vmm,
    slowdown: row.estimate,
    low: row.low ?? row.estimate,
    high: row.high ?? row.estimate,
    label: times(row.estimate),
    interval: interval(row),
    verdict: row.verdict,
  };
}

/** What every field on the axis has in common. */
function slowdownAxis(rows: readonly Row[]): View {
  const all = rows.flatMap((row) => [row.low, row.high, row.slowdown, 1]);
  const domain = [Math.min(...all) / 1.04, Math.max(...all) ** 1.08 * 1.06];
  return {
    type: "quantitative",
    scale: { type: "log", domain, nice: false },
    axis: {
      title: "slowdown against bare metal (times, logarithmic)",
      values: logarithmicTicks(domain[0], domain[1]),
      format: "~g",
    },
  };
}

function bareMetal(x: View): View {
  return {
    data: { values: [{ x: 1 }] },
    mark: { type: "rule", color: "#4d4d4d", strokeWidth: 1.5 },
    encoding: { y: null, x: { field: "x", ...x } },
  };
}

/** Interval, dot and label of each VMM. */
function marks(x: View, vmms: readonly string[], styles: ReadonlyMap<string, VmmStyle>): readonly View[] {
  const yOffset = { field: "VMM", type: "nominal", sort: vmms, scale: { paddingOuter: 0.6 } };
  const styled = (range: (vmm: string) => unknown): View => ({ domain: vmms, range: vmms.map(range) });
  const color = {
    field: "VMM",
    type: "nominal",
    scale: styled((vmm) => styles.get(vmm)?.colour),
    legend: { orient: "top", title: null, direction: "horizontal", symbolOpacity: 1, columns: 3 },
  };
  const shape = { field: "VMM", type: "nominal", scale: styled((vmm) => styles.get(vmm)?.shape) };
  return [
    {
      mark: { type: "rule", strokeWidth: 2 },
      encoding: { x: { field: "low", ...x }, x2: { field: "high" }, yOffset, color },
    },
    {
      mark: { type: "point", filled: true, size: 70, opacity: 1 },
      encoding: { x: { field: "slowdown", ...x }, yOffset, color, shape, tooltip: TOOLTIP },
    },
    {
      mark: { type: "text", align: "left", dx: 9, fontSize: 10.5 },
      encoding: { x: { field: "high", ...x }, yOffset, text: { field: "label" }, color },
    },
  ];
}

const TOOLTIP: readonly View[] = ["workload", "VMM", "label", "interval", "verdict"].map((field) => ({
  field,
  type: "nominal",
}));

function times(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 1)}×`;
}

function interval(row: Slowdown): string {
  return row.low === undefined || row.high === undefined ? "" : ` (${row.low.toFixed(3)} to ${row.high.toFixed(3)})`;
}
