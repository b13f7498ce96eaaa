import { counted } from "../../core/counted.ts";
import { groupBy, hostsInQuestion, type Results } from "../../analysis/results.ts";
import { type CellResult, fileTitle, workTitle } from "../../sim/cell.ts";
import { type Chart, chartIds, type ChartKind, chartOf, hostParts, type View } from "./chart.ts";
import { type Entry, legend, stackedMemory, timeAxis } from "./stacked-memory.ts";

const PANEL = 168;
/** Marks on the axis of time: panels are small. */
const SECONDS = 3;
const COLUMNS = 6;
/** Two minutes by the second, so that memory that goes to and fro is seen to; a longer time is thinned out. */
const MOST_POINTS = 130;
/** More panels than this nobody looks at. */
const MOST_VMS = 16;

/** Frames of the host with pages of the guest's swap device. */
const KEPT = { column: "frontswap_mib", title: "kept for its swap device, besides", colour: "#aa4499" } as const;

/** Parts of a VM's configured memory, from the bottom of the stack upward; on top, what it has besides. */
const LAYERS = [
  { column: "private_mib", title: "private pages", colour: "#332288" },
  { column: "shared_mib", title: "shared pages", colour: "#117733" },
  { column: "compressed_mib", title: "compressed", colour: "#ddcc77" },
  { column: "patched_mib", title: "kept as patches", colour: "#999933" },
  { column: "swapped_mib", title: "swapped out by the host", colour: "#cc6677" },
  { column: "ballooned_mib", title: "in the balloon", colour: "#88ccee" },
  { column: "unbacked_mib", title: "unused, not backed", colour: "#eeeeee" },
  KEPT,
] as const;

const LINES = [
  { column: "configured_mib", title: "configured", colour: "#000000" },
  { column: "target_mib", title: "target", colour: "#ee7733" },
  { column: "active_mib", title: "taken to be active", colour: "#ffee55" },
] as const;

/** Best first: the shorter free memory is, the darker. */
const STATES = [
  { name: "high", colour: "#e5f5e0" },
  { name: "clear", colour: "#a1d99b" },
  { name: "soft", colour: "#fec44f" },
  { name: "hard", colour: "#ec7014" },
  { name: "low", colour: "#8c2d04" },
] as const;

/** Memory of each VM of a host over time, one panel per VM: where what it is configured with is, and what it is granted. */
export const vmMemoryChart: ChartKind = {
  name: "vm-memory",
  summary:
    "memory of each VM over time at the highest overcommit ratio of a block, one chart per VMM, one panel per VM",
  needs: "watched host cells (a run with --why)",
  draw(results) {
    const watched = hostsInQuestion(results).filter(({ timeline }) => (timeline?.rows.length ?? 0) > 0);
    const groups = groupBy(watched, ({ spec }) => JSON.stringify([...hostParts(spec), spec.vmm.label]));
    const cells = [...groups.values()].map(highestRatio);
    const ids = chartIds(
      "vm-memory",
      cells.map(({ spec }) => [...hostParts(spec), spec.vmm.label]),
    );
    return cells.map((cell, index) => draw(results, cell, ids[index]));
  },
};

function highestRatio(cells: readonly CellResult[]): CellResult {
  return cells.reduce((best, cell) => ((cell.spec.overcommit ?? 1) > (best.spec.overcommit ?? 1) ? cell : best));
}

function draw(results: Results, cell: CellResult, id: string): Chart {
  const { machine, vms = 1, overcommit = 1, seed, vmm } = cell.spec;
  const moments = momentsOf(cell);
  const names = [...new Set(moments.map(({ VM }) => VM))];
  const { vms_admitted: started = vms } = cell.metrics;
  const all = started < vms ? `${counted(started, "VM")}, all that start of ${vms},` : counted(vms, "VM");
  const shown = names.length < started ? `The first ${names.length} of ${all}` : all;
  const title = `Memory of each VM under ${vmm.label} at overcommit ${overcommit}`;
  const states = statesOf(cell);
  const besides = KEPT.title in moments[0] ? ", and on top frames with pages of its swap device" : "";
  const band =
    states.length > 0 ? " The band above a panel is the state of the host's free memory, the same for all." : "";
  const subtitle =
    `Stacked: where the memory is that a VM is configured with${besides}. Lines: what it may have, and what it is taken to use.` +
    `${band} ${shown} of ${workTitle(cell.spec)}; one run (seed ${seed}), machine ${fileTitle(machine)}.`;
  const columns = names.length <= 4 ? 2 : 4;
  const frameOf = { id, title, subtitle, width: columns * (PANEL + 40), legends: ["color", "stroke", "fill"] };
  const told = names.map((name) => describe(name, moments)).join(" ");
  return chartOf(results, frameOf, view(moments, names, states, columns), told);
}

/** One moment of one VM: MiB by layer and by line. */
interface Moment {
  readonly VM: string;
  readonly time: number;
  readonly [figure: string]: number | string;
}

interface StateSpan {
  readonly state: string;
  readonly from: number;
  readonly to: number;
}

/** What occurs at all; the rest would only make the file larger. */
function occurring<T extends { readonly column: string }>(entries: readonly T[], cell: CellResult, least: number): T[] {
  const { columns = [], rows = [] } = cell.timeline ?? {};
  return entries.filter(({ column }) => rows.some((row) => Number(row[columns.indexOf(column)]) >= least));
}

function view(
  moments: readonly Moment[],
  names: readonly string[],
  states: readonly StateSpan[],
  columns: number,
): View {
  const layers = LAYERS.filter(({ title }) => title in moments[0]);
  const lines = LINES.filter(({ title }) => title in moments[0]);
  return {
    data: { values: moments },
    facet: { field: "VM", type: "nominal", sort: names, title: null },
    columns,
    spacing: { row: 22, column: 26 },
    spec: {
      width: PANEL,
      height: 130,
      layer: [
        stackedMemory(layers, { seconds: SECONDS, mib: 4, legendColumns: COLUMNS }),
        linesOver(lines),
        ...(states.length > 0 ? [stateBand(states)] : []),
      ],
    },
    resolve: { axis: { x: "independent", y: "independent" } },
  };
}

function linesOver(lines: readonly Entry[]): View {
  return {
    transform: [{ fold: lines.map(({ title }) => title), as: ["line", "MiB"] }],
    mark: { type: "line", strokeWidth: 1.2, interpolate: "step-after" },
    encoding: {
      x: timeAxis(SECONDS),
      y: { field: "MiB", type: "quantitative" },
      stroke: legend("line", lines, { columns: COLUMNS, symbolType: "stroke" }),
    },
  };
}

/** Above the panel, so that it hides nothing. */
function stateBand(states: readonly StateSpan[]): View {
  const known = STATES.filter(({ name }) => states.some(({ state }) => state === name));
  return {
    data: { values: states },
    mark: { type: "rect", clip: false },
    encoding: {
      x: { field: "from", type: "quantitative" },
      x2: { field: "to" },
      y: { value: -7 },
      y2: { value: -1 },
      fill: {
        field: "state",
        type: "nominal",
        scale: { domain: known.map(({ name }) => name), range: known.map(({ colour }) => colour) },
        legend: { title: "state of the host", orient: "top", direction: "horizontal", titleOrient: "left" },
      },
    },
  };
}

/** Rows of the timeline as the chart needs them, the same moments for every VM. */
function momentsOf(cell: CellResult): Moment[] {
  const { columns = [], rows = [] } = cell.timeline ?? {};
  const shown = [...occurring(LAYERS, cell, 0.5), ...occurring(LINES, cell, 0.05)];
  const [time, vm] = [columns.indexOf("time_s"), columns.indexOf("vm")];
  const times = [...new Set(rows.map((row) => Number(row[time])))];
  const step = Math.ceil(times.length / MOST_POINTS);
  const kept = new Set(times.filter((_, index) => index % step === 0 || index === times.length - 1));
  return rows
    .filter((row) => kept.has(Number(row[time])) && Number(row[vm]) < MOST_VMS)
    .map((row) => {
      const of = (column: string): number => Math.round(Number(row[columns.indexOf(column)] ?? 0) * 10) / 10;
      const figures = shown.map(({ column, title }) => [title, of(column)]);
      return { VM: `VM ${row[vm]}`, time: Number(row[time]), ...Object.fromEntries(figures) };
    });
}

/** Times of the same state together; none where the host has no states. */
function statesOf({ timeline }: CellResult): StateSpan[] {
  const { columns = [], rows = [] } = timeline ?? {};
  const [time, state] = [columns.indexOf("time_s"), columns.indexOf("host_state")];
  const spans: { state: string; from: number; to: number }[] = [];
  for (const row of rows) {
    const [at, name] = [Number(row[time]), String(row[state])];
    const last = spans.at(-1);
    if (last !== undefined) last.to = at;
    if (name !== "" && name !== last?.state) spans.push({ state: name, from: at, to: at });
  }
  return spans;
}

function describe(name: string, moments: readonly Moment[]): string {
  const end = moments.findLast(({ VM }) => VM === name);
  const parts = LAYERS.map(({ title }) => [title, Number(end?.[title] ?? 0)] as const).filter(([, mib]) => mib >= 0.5);
  return `${name} at the end: ${parts.map(([title, mib]) => `${title} ${mib.toFixed(0)} MiB`).join(", ")}.`;
}
