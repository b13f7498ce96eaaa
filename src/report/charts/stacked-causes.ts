/** The view that both breakdown charts share: bars stacked by group of causes, one panel per workload or operation. */
import { CAUSE_GROUPS, type CauseGroup } from "../../analysis/cycle-breakdown.ts";
import { distinct } from "../../analysis/results.ts";
import { CAUSE_COLOURS } from "../colours.ts";
import type { View } from "./chart.ts";

const BAR = 22;
/** Many panels are drawn smaller and three abreast. */
const MANY_PANELS = 12;
const DIGITS = 7;

export interface StackedRow {
  readonly panel: string;
  readonly vmm: string;
  readonly group: CauseGroup;
  readonly amount: number;
}

interface StackedView {
  readonly view: View;
  /** Pixels of all columns together. */
  readonly width: number;
}

/** `format` is a d3 format for the totals at the ends of the bars. Every panel has its own scale. */
export function stackedCauses(rows: readonly StackedRow[], axisTitle: string, format: string): StackedView {
  const vmms = distinct(rows, (row) => row.vmm);
  const panels = distinct(rows, (row) => row.panel);
  const groups = CAUSE_GROUPS.map((group) => group.name).filter((name) => rows.some((row) => row.group === name));
  const y = { field: "VMM", type: "nominal", sort: vmms, title: null, axis: { ticks: false, domain: false } };
  // Panels have their own scales: where labels would touch, every other one is left out.
  const axis = { title: axisTitle, tickCount: 5, format, labelOverlap: "parity", labelSeparation: 6 };
  const x = { type: "quantitative", axis, scale: { nice: false } };
  const [columns, width] = panels.length > MANY_PANELS ? [3, 205] : [2, 300];
  const view = {
    data: { values: rows.map((row) => datumOf(row, groups)) },
    facet: { field: "panel", type: "nominal", sort: panels, title: null },
    columns,
    spacing: { row: 22, column: 36 },
    spec: {
      width,
      height: BAR * vmms.length,
      layer: [barLayer(y, x, groups, axisTitle), roomLayer(y, x), totalLayer(y, x, format)],
    },
    resolve: { scale: { x: "independent" }, axis: { x: "independent" } },
  };
  return { view, width: columns * (width + 36) };
}

/** More digits than {@link DIGITS} nobody sees: a bar is some hundred pixels long, and a tooltip tells four. */
function datumOf(
  { panel, vmm, group, amount }: StackedRow,
  groups: readonly CauseGroup[],
): Readonly<Record<string, unknown>> {
  return { panel, VMM: vmm, group, amount: Number(amount.toPrecision(DIGITS)), stack: groups.indexOf(group) };
}

function barLayer(y: View, x: View, groups: readonly CauseGroup[], axisTitle: string): View {
  const colour = { domain: groups, range: groups.map((group) => CAUSE_COLOURS[group]) };
  const legend = { title: null, orient: "bottom", columns: 3 };
  return {
    mark: { type: "bar", height: { band: 0.78 } },
    encoding: {
      y,
      x: { ...x, field: "amount", stack: "zero" },
      color: { field: "group", type: "nominal", scale: colour, legend },
      order: { field: "stack", type: "quantitative" },
      tooltip: [
        { field: "panel", type: "nominal", title: "of" },
        { field: "VMM", type: "nominal" },
        { field: "group", type: "nominal", title: "cause" },
        { field: "amount", type: "quantitative", title: axisTitle, format: ",.4~r" },
      ],
    },
  };
}

const TOTAL: View = { aggregate: [{ op: "sum", field: "amount", as: "total" }], groupby: ["panel", "VMM"] };

/** Invisible: makes room for the figure at the end of the longest bar. */
function roomLayer(y: View, x: View): View {
  return {
    transform: [TOTAL, { calculate: "datum.total * 1.25", as: "reach" }],
    mark: { type: "point", opacity: 0, tooltip: null },
    encoding: { y, x: { ...x, field: "reach" } },
  };
}

function totalLayer(y: View, x: View, format: string): View {
  return {
    transform: [TOTAL],
    mark: { type: "text", align: "left", dx: 5, fontSize: 10.5, color: "#222222" },
    encoding: { y, x: { ...x, field: "total" }, text: { field: "total", type: "quantitative", format } },
  };
}
