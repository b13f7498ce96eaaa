import type { View } from "./chart.ts";

/** A layer of memory, or a line over the layers. */
export interface Entry {
  readonly title: string;
  readonly colour: string;
}

/** How fine the axes are, and how wide the legend. */
interface Fineness {
  readonly seconds: number;
  readonly mib: number;
  readonly legendColumns: number;
}

/** Memory over time, one layer above the other, of rows with a `time` and a field for each layer. */
export function stackedMemory(layers: readonly Entry[], { seconds, mib, legendColumns }: Fineness): View {
  const titles = layers.map(({ title }) => title);
  return {
    transform: [
      { fold: titles, as: ["layer", "MiB"] },
      { calculate: `indexof(${JSON.stringify(titles)}, datum.layer)`, as: "stack" },
    ],
    mark: { type: "area", line: false },
    encoding: {
      x: timeAxis(seconds),
      y: {
        field: "MiB",
        type: "quantitative",
        title: "MiB",
        stack: "zero",
        axis: { tickCount: mib, format: ",.0f" },
      },
      color: legend("layer", layers, { columns: legendColumns }),
      order: { field: "stack", type: "quantitative" },
    },
  };
}

export function timeAxis(tickCount: number): View {
  return {
    field: "time",
    type: "quantitative",
    title: "simulated time, s",
    axis: { grid: false, tickCount },
    scale: { nice: false },
  };
}

export function legend(field: string, entries: readonly Entry[], look: View): View {
  return {
    field,
    type: "nominal",
    scale: { domain: entries.map(({ title }) => title), range: entries.map(({ colour }) => colour) },
    legend: { title: null, orient: "bottom", ...look },
  };
}
