import { counted } from "../../core/counted.ts";
import { type IsolationRow, isolationRows } from "../../analysis/isolation.ts";
import { distinct, groupBy, hostCells, type Results } from "../../analysis/results.ts";
import { NONE_FINISHED } from "../../analysis/service-level.ts";
import { type VmmStyle, vmmStyles } from "../colours.ts";
import { type Chart, chartIds, type ChartKind, chartOf, logarithmicTicks, seedNote, type View } from "./chart.ts";
import { fileTitle } from "../../sim/cell.ts";

const PANEL = 280;
const ROW = 19;

/** How much longer the neighbours of a VM that misbehaves wait: one panel for each way to misbehave, one line a VMM. */
export const isolationChart: ChartKind = {
  name: "isolation",
  summary: "p99 latency of well-behaved VMs next to one that misbehaves, against the same VMs without it, by VMM",
  needs: "host cells with settings for single VMs, and the same with nothing particular about them",
  draw(results) {
    const rows = isolationRows(results).filter(({ neighbours, against }) => neighbours && against !== undefined);
    const groups = [...groupBy(rows, ({ machine, vms, ratio }) => JSON.stringify([machine, vms, ratio])).values()];
    const ids = chartIds(
      "isolation",
      groups.map(([{ machine, vms, ratio }]) => [machine, `${vms}-vms`, String(ratio)]),
    );
    return groups.map((group, index) => draw(results, group, ids[index]));
  },
};

interface Mark {
  readonly fault: string;
  readonly VMM: string;
  /** Absent where the neighbours finished no request. */
  readonly factor?: number;
  readonly low?: number;
  readonly high?: number;
  readonly none?: string;
}

function draw(results: Results, rows: readonly IsolationRow[], id: string): Chart {
  const [{ vms, machine, ratio }] = rows;
  const cells = hostCells(results).filter(({ groups }) => groups !== undefined);
  const title = `What one VM does to the p99 latency of the others at overcommit ${ratio}`;
  const marks = rows.map(markOf);
  const lines = marks.some(({ low }) => low !== undefined) ? "; lines: 95 % confidence intervals" : "";
  const subtitle =
    `Times the p99 latency of the same VMs on the host where all VMs are alike, same seeds${lines}. ` +
    `${counted(vms, "VM")}, ${seedNote(cells)}, machine ${fileTitle(machine)}.`;
  const told = marks.map(describe).join(" ");
  return chartOf(results, { id, title, subtitle, width: 3 * PANEL }, view(marks, vmmStyles(results)), told);
}

function markOf({ fault, vmm, against }: IsolationRow): Mark {
  const figure = against?.p99Factor ?? NONE_FINISHED;
  if (figure === NONE_FINISHED) return { fault, VMM: vmm, none: NONE_FINISHED };
  const { estimate: factor, low, high } = figure;
  return { fault, VMM: vmm, factor, ...(low !== undefined && high !== undefined && { low, high }) };
}

function view(marks: readonly Mark[], styles: ReadonlyMap<string, VmmStyle>): View {
  const vmms = distinct(marks, ({ VMM }) => VMM);
  const all = marks.flatMap(({ factor }) => factor ?? []);
  // Intervals of few seeds may be wider than everything else; they are cut off at the edge.
  const domain = [Math.min(0.9, ...all.map((factor) => factor / 1.2)), Math.max(2, ...all) * 1.3];
  const x = {
    type: "quantitative",
    title: "times the p99 latency (logarithmic)",
    scale: { type: "log", domain, nice: false, clamp: true },
    axis: { values: logarithmicTicks(domain[0], domain[1]), format: "~g" },
  };
  const y = { field: "VMM", type: "nominal", sort: vmms, title: null };
  const colours = vmms.map((label) => styles.get(label)?.colour ?? "#8c8c8c");
  const color = { field: "VMM", type: "nominal", scale: { domain: vmms, range: colours }, legend: null };
  return {
    data: { values: marks },
    facet: { field: "fault", type: "nominal", sort: distinct(marks, ({ fault }) => fault), title: null },
    columns: 2,
    spacing: { row: 22, column: 30 },
    spec: {
      width: PANEL,
      height: ROW * vmms.length,
      layer: [
        { mark: { type: "rule", color: "#8c8c8c" }, encoding: { x: { ...x, datum: 1 } } },
        {
          transform: [has("low")],
          mark: { type: "rule", strokeWidth: 1.5 },
          encoding: { x: { ...x, field: "low" }, x2: { field: "high" }, y, color },
        },
        {
          transform: [has("factor")],
          mark: { type: "point", filled: true, size: 70, opacity: 1 },
          encoding: { x: { ...x, field: "factor" }, y, color, tooltip: TOOLTIP },
        },
        {
          transform: [has("none")],
          mark: { type: "text", align: "left", dx: 4, fontSize: 10.5 },
          encoding: { x: { ...x, datum: 1 }, y, text: { field: "none", type: "nominal" }, color },
        },
      ],
    },
    resolve: { axis: { x: "independent" } },
  };
}

/** Keeps the marks that have a field. */
function has(field: string): View {
  return { filter: `isValid(datum.${field})` };
}

const TOOLTIP: readonly View[] = ["VMM", "fault", "factor", "low", "high"].map((field) => ({
  field,
  type: field === "VMM" || field === "fault" ? "nominal" : "quantitative",
  ...(field !== "VMM" && field !== "fault" && { format: ",.3~r" }),
}));

function describe({ fault, VMM, factor }: Mark): string {
  return `${fault}, ${VMM}: ${factor === undefined ? NONE_FINISHED : `${factor.toPrecision(3)} times`}.`;
}
