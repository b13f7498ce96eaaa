/** One panel of the overcommit chart: a figure over the overcommit ratio, a line with a band for each strategy. */
import type { OvercommitCurve } from "../../analysis/overcommit.ts";
import type { OvercommitPoint } from "../../analysis/overcommit-point.ts";
import type { Estimate } from "../../analysis/statistics.ts";
import type { VmmStyle } from "../colours.ts";
import { logarithmicTicks, type View } from "./chart.ts";

export const WIDTH = 500;

export interface PanelRow {
  readonly strategy: string;
  readonly ratio: number;
  readonly value: number;
  /** Only with several seeds. */
  readonly low?: number;
  readonly high?: number;
  readonly "VMs running": number;
}

export interface Strategy {
  readonly name: string;
  readonly style: VmmStyle | undefined;
}

/** The points that have the figure. */
export function panelRows(
  curves: readonly OvercommitCurve[],
  figureOf: (point: OvercommitPoint) => Estimate | undefined,
): PanelRow[] {
  return curves.flatMap(({ strategy, points }) =>
    points.flatMap((point): PanelRow[] => {
      const figure = figureOf(point);
      if (figure === undefined) return [];
      const { estimate, low, high } = figure;
      const interval = low === undefined || high === undefined ? {} : { low, high };
      return [{ strategy, ratio: point.ratio, value: estimate, ...interval, "VMs running": point.vmsAdmitted }];
    }),
  );
}

/** A logarithmic axis in ms; `of`: a kind of VM, a line of its own beside the panel, or nothing. It has no place for a lower bound of zero or less: bands reach down a decade at most. */
export function latencyAxis(rows: readonly PanelRow[], of: readonly string[]): View {
  const all = rows.flatMap(({ value, low = value, high = value }) => [Math.max(low, value / 10), value, high]);
  const domain = [Math.min(...all) / 1.15, Math.max(...all) * 1.15];
  return {
    title: [...of, "p99 latency, ms (logarithmic)"],
    axis: { values: logarithmicTicks(domain[0], domain[1]), format: ",~g" },
    scale: { type: "log", domain, nice: false, clamp: true },
  };
}

export function panel(
  rows: readonly PanelRow[],
  strategies: readonly Strategy[],
  axis: View,
  extra: readonly View[],
): View {
  // Dashed lines are drawn over solid ones, so that equal curves both show.
  const shown = strategies
    .filter(({ name }) => rows.some((row) => row.strategy === name))
    .toSorted((a, b) => dashes(a) - dashes(b));
  const color = styled(strategies, (style) => style.colour, LEGEND);
  const shape = styled(strategies, (style) => style.shape, LEGEND);
  const y = { field: "value", type: "quantitative", ...axis };
  const banded = rows.filter((row) => row.low !== undefined);
  const band = {
    data: { values: banded },
    mark: { type: "area", opacity: 0.18 },
    encoding: { x: RATIO, y: { ...y, field: "low" }, y2: { field: "high" }, fill: { ...color, legend: null } },
  };
  return {
    width: WIDTH,
    height: 210,
    data: { values: rows },
    layer: [
      ...extra,
      ...(banded.length > 0 ? [band] : []),
      // A layer for each line: as a channel, the dashes would also frame the symbols of the legend.
      ...shown.map(({ name, style }) => ({
        transform: [{ filter: { field: "strategy", equal: name } }],
        mark: { type: "line", strokeWidth: 2, strokeDash: style?.dash ?? [] },
        encoding: { x: RATIO, y, color },
      })),
      {
        mark: { type: "point", filled: true, size: 55, opacity: 1 },
        encoding: { x: RATIO, y, color, shape, tooltip: TOOLTIP },
      },
    ],
  };
}

function dashes({ style }: Strategy): number {
  return style?.dash.length ?? 0;
}

const RATIO: View = {
  field: "ratio",
  type: "quantitative",
  title: "overcommit ratio: configured memory of all VMs / host memory for VMs",
  scale: { zero: false, nice: false, padding: 8 },
  axis: { tickCount: 8, format: "~g" },
};

const LEGEND: View = {
  title: "strategy",
  orient: "right",
  symbolSize: 180,
  symbolStrokeWidth: 2,
  symbolOpacity: 1,
  symbolType: "circle",
};

const TOOLTIP: readonly View[] = ["strategy", "ratio", "value", "low", "high", "VMs running"].map((field) => ({
  field,
  type: field === "strategy" ? "nominal" : "quantitative",
  ...(field !== "strategy" && { format: ",.4~r" }),
}));

function styled(strategies: readonly Strategy[], of: (style: VmmStyle) => unknown, legend: View): View {
  const domain = strategies.map(({ name }) => name);
  const range = strategies.map(({ style }) => (style === undefined ? "#8c8c8c" : of(style)));
  return { field: "strategy", type: "nominal", scale: { domain, range }, legend };
}
