import { groupBy, hostCells, type Results } from "../../analysis/results.ts";
import type { CellResult } from "../../sim/cell.ts";
import { type Chart, type ChartKind, chartIds, frame, sourceNote, type View } from "./chart.ts";

const PANEL = 330;
/** A series longer than this is thinned out: no eye tells the points apart. */
const MOST_POINTS = 80;

/** Columns of a host's series, from the bottom of the stack upward; up to `free` they are machine frames. */
const LAYERS = [
  { column: "memory_overhead_mib", title: "VMM overhead", colour: "#8c8c8c" },
  { column: "memory_private_mib", title: "private pages", colour: "#332288" },
  { column: "memory_shared_mib", title: "shared pages", colour: "#117733" },
  { column: "memory_free_mib", title: "free", colour: "#e6e6e6" },
  { column: "memory_shared_saved_mib", title: "saved by sharing", colour: "#9fd0a8" },
  { column: "memory_ballooned_mib", title: "in balloons", colour: "#88ccee" },
  { column: "memory_host_swapped_mib", title: "swapped out by the host", colour: "#cc6677" },
] as const;
const FRAMES: ReadonlySet<string> = new Set(LAYERS.slice(0, 4).map((layer) => layer.column));

/** Memory of one host over time, one panel per VMM: machine frames up to the line, what stands in for more above it. */
export const hostMemoryChart: ChartKind = {
  name: "host-memory",
  summary: "memory of the host over time at the highest overcommit ratio of a block, one panel per VMM",
  needs: "host cells (a block with vms)",
  draw(results) {
    const withSeries = hostCells(results).filter((cell) => (cell.series?.rows.length ?? 0) > 1);
    const groups = [
      ...groupBy(withSeries, ({ spec }) =>
        JSON.stringify([spec.block, spec.workload, spec.machine, spec.vms]),
      ).values(),
    ];
    const ids = chartIds(
      "host-memory",
      groups.map(([{ spec }]) => [spec.block, spec.workload, spec.machine, `${spec.vms}-vms`]),
    );
    return groups.map((cells, index) => draw(results, chosen(cells), ids[index]));
  },
};

/** The highest ratio and the first seed, for every VMM that has them. */
function chosen(cells: readonly CellResult[]): CellResult[] {
  const ratio = Math.max(...cells.map((cell) => cell.spec.overcommit ?? 1));
  const highest = cells.filter((cell) => (cell.spec.overcommit ?? 1) === ratio);
  const seed = Math.min(...highest.map((cell) => cell.spec.seed));
  return highest.filter((cell) => cell.spec.seed === seed);
}

function draw(results: Results, cells: readonly CellResult[], id: string): Chart {
  const { workload, machine, vms = 1, overcommit = 1, seed } = cells[0].spec;
  const title = `Memory of the host over time at overcommit ${overcommit}`;
  const subtitle =
    "Up to the line: machine memory for VMs. Above it: what guests are configured with and the host does not hold. " +
    `${vms} VMs of ${workload}; one run (seed ${seed}), machine ${machine}.`;
  const spec = frame(view(cells), { title, subtitle, source: sourceNote(results), width: 2 * PANEL + 60 });
  return { id, title, description: `${title}. ${cells.map(describe).join(" ")}`, spec };
}

interface Point {
  readonly VMM: string;
  readonly time: number;
  readonly layer: string;
  readonly stack: number;
  readonly MiB: number;
}

function view(cells: readonly CellResult[]): View {
  const values = cells.flatMap(pointsOf);
  const shown = LAYERS.filter(({ title }) => values.some((point) => point.layer === title && point.MiB >= 0.5));
  const order = cells.map((cell) => cell.spec.vmm.label);
  return {
    data: {
      values: [...values.filter((point) => shown.some(({ title }) => title === point.layer)), ...cells.map(lineOf)],
    },
    facet: { field: "VMM", type: "nominal", sort: order, title: null },
    columns: 2,
    spacing: { row: 24, column: 30 },
    spec: {
      width: PANEL,
      height: 190,
      layer: [
        {
          transform: [{ filter: "isValid(datum.MiB)" }],
          mark: { type: "area", line: false },
          encoding: {
            x: {
              field: "time",
              type: "quantitative",
              title: "simulated time, s",
              axis: { grid: false, tickCount: 7 },
              scale: { nice: false },
            },
            y: {
              field: "MiB",
              type: "quantitative",
              title: "MiB",
              stack: "zero",
              axis: { tickCount: 5, format: ",.0f" },
            },
            color: {
              field: "layer",
              type: "nominal",
              scale: { domain: shown.map(({ title }) => title), range: shown.map(({ colour }) => colour) },
              legend: { title: null, orient: "bottom", columns: 4 },
            },
            order: { field: "stack", type: "quantitative" },
          },
        },
        {
          transform: [{ filter: "isValid(datum.host)" }],
          mark: { type: "rule", color: "#000000", strokeWidth: 1.5 },
          encoding: { y: { field: "host", type: "quantitative", aggregate: "max" } },
        },
      ],
    },
    resolve: { axis: { x: "independent", y: "independent" } },
  };
}

function pointsOf(cell: CellResult): Point[] {
  const { columns = [], rows = [] } = cell.series ?? {};
  const time = columns.indexOf("time_s");
  const step = Math.ceil(rows.length / MOST_POINTS);
  return rows
    .filter((_, index) => index % step === 0 || index === rows.length - 1)
    .flatMap((row) =>
      LAYERS.flatMap(({ column, title }, stack): Point[] => {
        const index = columns.indexOf(column);
        if (index === -1) return [];
        return [{ VMM: cell.spec.vmm.label, time: row[time], layer: title, stack, MiB: round(row[index]) }];
      }),
    );
}

/** The frames of a host are always as many; the last row has settled. */
function lineOf(cell: CellResult): { VMM: string; host: number } {
  const last = pointsOf(cell).slice(-LAYERS.length);
  const titles = new Set<string>(LAYERS.filter(({ column }) => FRAMES.has(column)).map(({ title }) => title));
  const latest = Math.max(...last.map((point) => point.time));
  const frames = last.filter((point) => point.time === latest && titles.has(point.layer));
  return { VMM: cell.spec.vmm.label, host: round(frames.reduce((sum, point) => sum + point.MiB, 0)) };
}

function describe(cell: CellResult): string {
  const points = pointsOf(cell);
  const latest = Math.max(...points.map((point) => point.time));
  const end = points.filter((point) => point.time === latest && point.MiB >= 0.5);
  return `${cell.spec.vmm.label} at the end: ${end.map((point) => `${point.layer} ${point.MiB.toFixed(0)} MiB`).join(", ")}.`;
}

function round(mib: number): number {
  return Math.round(mib * 10) / 10;
}
