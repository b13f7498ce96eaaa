import { counted } from "../../core/counted.ts";
import { distinct, groupBy, hostsInQuestion, type Results } from "../../analysis/results.ts";
import { type CellResult, fileTitle, workTitle } from "../../sim/cell.ts";
import { type Chart, chartIds, type ChartKind, chartOf, hostParts, panelOf, type View } from "./chart.ts";
import { stackedMemory } from "./stacked-memory.ts";

const PANEL = 330;
/** A series longer than this is thinned out: no eye tells the points apart. */
const MOST_POINTS = 80;

/** Columns of a host's series, as far as any has them, from the bottom of the stack upward; up to `free` they are machine frames. */
const LAYERS = [
  { column: "memory_overhead_mib", title: "VMM overhead", colour: "#8c8c8c" },
  { column: "memory_frontswap_mib", title: "kept for swap devices", colour: "#aa4499" },
  { column: "memory_private_mib", title: "private pages", colour: "#332288" },
  { column: "memory_shared_mib", title: "shared pages", colour: "#117733" },
  { column: "memory_free_mib", title: "free", colour: "#e6e6e6" },
  { column: "memory_shared_saved_mib", title: "saved by sharing", colour: "#9fd0a8" },
  { column: "memory_ballooned_mib", title: "in balloons", colour: "#88ccee" },
  { column: "memory_host_swapped_mib", title: "swapped out by the host", colour: "#cc6677" },
] as const;
const FRAMES = LAYERS.slice(0, 5).map((layer) => layer.column);

/** Memory of one host over time, one panel per VMM: machine frames up to the line, what stands in for more above it. */
export const hostMemoryChart: ChartKind = {
  name: "host-memory",
  summary:
    "memory of the host over time at the highest overcommit ratio that most VMMs of a block have, one panel per VMM",
  needs: "host cells (a block with vms)",
  draw(results) {
    const withSeries = hostsInQuestion(results).filter((cell) => (cell.series?.rows.length ?? 0) > 1);
    const groups = [...groupBy(withSeries, ({ spec }) => JSON.stringify(hostParts(spec))).values()];
    const ids = chartIds(
      "host-memory",
      groups.map(([{ spec }]) => hostParts(spec)),
    );
    return groups.map((cells, index) => draw(results, chosen(cells), ids[index]));
  },
};

/** The highest ratio that most VMMs were measured at, a search has ratios of its own for each, and the first seed. */
function chosen(cells: readonly CellResult[]): CellResult[] {
  const byRatio = [...groupBy(cells, ({ spec }) => String(spec.overcommit ?? 1))];
  const ranked = byRatio.map(([ratio, group]) => {
    return { ratio: Number(ratio), group, vmms: distinct(group, ({ spec }) => spec.vmm.label).length };
  });
  const [{ group: highest }] = ranked.sort((a, b) => b.vmms - a.vmms || b.ratio - a.ratio);
  const seed = Math.min(...highest.map((cell) => cell.spec.seed));
  return highest.filter((cell) => cell.spec.seed === seed);
}

function draw(results: Results, cells: readonly CellResult[], id: string): Chart {
  const { machine, vms = 1, overcommit = 1, seed } = cells[0].spec;
  const title = `Memory of the host over time at overcommit ${overcommit}`;
  const subtitle =
    "Up to the line: machine memory for VMs and what the VMM keeps besides. Above it: what guests are configured with and the host does not hold. " +
    `${counted(vms, "VM")} of ${workTitle(cells[0].spec)}; one run (seed ${seed}), machine ${fileTitle(machine)}.`;
  const told = cells.map(describe).join(" ");
  return chartOf(results, { id, title, subtitle, width: 2 * PANEL + 60 }, view(cells), told);
}

/** One moment of one host: MiB by layer, and of all its frames together. */
interface Moment {
  readonly VMM: string;
  readonly time: number;
  readonly host: number;
  readonly [layer: string]: number | string;
}

function view(cells: readonly CellResult[]): View {
  const layers = layersOf(cells);
  const values = cells.flatMap((cell) => momentsOf(cell, layers));
  const shown = LAYERS.filter(({ title }) => values.some((moment) => Number(moment[title] ?? 0) >= 0.5));
  const order = cells.map((cell) => cell.spec.vmm.label);
  return {
    data: { values },
    facet: panelOf("VMM", order, PANEL),
    columns: 2,
    spacing: { row: 24, column: 30 },
    spec: {
      width: PANEL,
      height: 190,
      layer: [
        stackedMemory(shown, { seconds: 7, mib: 5, legendColumns: 4 }),
        {
          mark: { type: "rule", color: "#000000", strokeWidth: 1.5 },
          encoding: { y: { field: "host", type: "quantitative", aggregate: "max" } },
        },
      ],
    },
    resolve: { axis: { x: "independent", y: "independent" } },
  };
}

/** A layer that one host has must have a value on all: they are stacked alike. */
function layersOf(cells: readonly CellResult[]): readonly (typeof LAYERS)[number][] {
  return LAYERS.filter(({ column }) => cells.some(({ series }) => series?.columns.includes(column)));
}

function momentsOf(cell: CellResult, there: readonly (typeof LAYERS)[number][]): Moment[] {
  const { columns = [], rows = [] } = cell.series ?? {};
  const step = Math.ceil(rows.length / MOST_POINTS);
  return rows
    .filter((_, index) => index % step === 0 || index === rows.length - 1)
    .map((row) => {
      const of = (column: string): number => round(row[columns.indexOf(column)] ?? 0);
      const layers = Object.fromEntries(there.map(({ column, title }) => [title, of(column)]));
      const host = round(FRAMES.reduce((sum, column) => sum + of(column), 0));
      return { VMM: cell.spec.vmm.label, time: of("time_s"), host, ...layers };
    });
}

function describe(cell: CellResult): string {
  const end = momentsOf(cell, layersOf([cell])).at(-1);
  const layers = LAYERS.map(({ title }) => [title, Number(end?.[title] ?? 0)] as const).filter(([, mib]) => mib >= 0.5);
  return `${cell.spec.vmm.label} at the end: ${layers.map(([title, mib]) => `${title} ${mib.toFixed(0)} MiB`).join(", ")}.`;
}

function round(mib: number): number {
  return Math.round(mib * 10) / 10;
}
