/** The view that both breakdown charts share: bars stacked by group of causes, one panel per workload or operation. */
import { CAUSE_GROUPS, type CauseGroup } from "../../analysis/cycle-breakdown.ts";
import { distinct } from "../../analysis/results.ts";
import { CAUSE_COLOURS } from "../colours.ts";
import type { View } from "./chart.ts";

export const PANEL_WIDTH = 300;
const BAR = 22;

export interface StackedRow {
  readonly panel: string;
  readonly vmm: string;
  readonly group: CauseGroup;
  readonly amount: number;
}

/** `format` is a d3 format for the totals at the ends of the bars; `shared`: all panels have the same scale. */
export function stackedCauses(
  rows: readonly StackedRow[],
  { axisTitle, format, shared }: { axisTitle: string; format: string; shared: boolean },
): View {
  const groups = CAUSE_GROUPS.map((group) => group.name).filter((name) => rows.some((row) => row.group === name));
  const vmms = distinct(rows, (row) => row.vmm);
  const values = rows.map((row) => ({ ...row, VMM: row.vmm, stack: groups.indexOf(row.group) }));
  const y = { field: "VMM", type: "nominal", sort: vmms, title: null, axis: { ticks: false, domain: false } };
  const axis = { title: axisTitle, tickCount: 5, format };
  const legend = { title: null, orient: "bottom", columns: 3 };
  const colour = { domain: groups, range: groups.map((group) => CAUSE_COLOURS[group]) };
  const scale = { nice: false };
  return {
    data: { values },
    facet: { field: "panel", type: "nominal", sort: distinct(rows, (row) => row.panel), title: null },
    columns: 2,
    spacing: { row: 22, column: 36 },
    spec: {
      width: PANEL_WIDTH,
      height: BAR * vmms.length,
      layer: [
        {
          mark: { type: "bar", height: { band: 0.78 } },
          encoding: {
            y,
            x: { field: "amount", type: "quantitative", stack: "zero", axis, scale },
            color: { field: "group", type: "nominal", scale: colour, legend },
            order: { field: "stack", type: "quantitative" },
            tooltip: [
              { field: "panel", type: "nominal", title: "of" },
              { field: "VMM", type: "nominal" },
              { field: "group", type: "nominal", title: "cause" },
              { field: "amount", type: "quantitative", title: axisTitle, format: ",.4~r" },
            ],
          },
        },
        {
          // Invisible, to make room for the figure at the end of the longest bar.
          transform: [
            { aggregate: [{ op: "sum", field: "amount", as: "total" }], groupby: ["panel", "VMM"] },
            { calculate: "datum.total * 1.18", as: "reach" },
          ],
          mark: { type: "point", opacity: 0, tooltip: null },
          encoding: { y, x: { field: "reach", type: "quantitative", axis, scale } },
        },
        {
          transform: [{ aggregate: [{ op: "sum", field: "amount", as: "total" }], groupby: ["panel", "VMM"] }],
          mark: { type: "text", align: "left", dx: 5, fontSize: 10.5, color: "#222222" },
          encoding: {
            y,
            x: { field: "total", type: "quantitative", axis, scale },
            text: { field: "total", type: "quantitative", format },
          },
        },
      ],
    },
    resolve: { scale: { x: shared ? "shared" : "independent" }, axis: { x: "independent" } },
  };
}
