import { MEMORY_SOURCES } from "../../analysis/memory-sources.ts";
import type { OvercommitCurve } from "../../analysis/overcommit.ts";
import type { Results } from "../../analysis/results.ts";
import { SOURCE_COLOURS } from "../colours.ts";
import { type Chart, chartIds, type ChartKind, chartOf, hostParts, panelOf, type View } from "./chart.ts";
import { curvesByHost, hostNote } from "./overcommit.ts";

const PANEL = 230;

/** What stands in for the memory that the host does not have, per strategy and ratio. */
export const memorySourcesChart: ChartKind = {
  name: "memory-sources",
  summary: "where an overcommitted host takes memory from: sharing, balloon, guest cache, swap, VMs not started",
  needs: "host cells (a block with vms) at several overcommit ratios",
  draw(results) {
    const groups = curvesByHost(results);
    const ids = chartIds(
      "memory-sources",
      groups.map(([curve]) => hostParts(curve)),
    );
    return groups.map((curves, index) => draw(results, curves, ids[index]));
  },
};

function draw(results: Results, curves: readonly OvercommitCurve[], id: string): Chart {
  const title = "Where each strategy takes the memory from that the host does not have";
  const subtitle =
    "Bars: means over the measured window and seeds. Black marks: configured memory of all VMs minus host memory; " +
    `what a bar has above its mark is free on the host or used by the VMM itself. ${hostNote(results, curves[0])}.`;
  return chartOf(results, { id, title, subtitle, width: 3 * PANEL + 60 }, view(curves), describe(curves));
}

function view(curves: readonly OvercommitCurve[]): View {
  const values = curves.flatMap((curve) =>
    curve.points.flatMap(({ ratio, sources }) =>
      MEMORY_SOURCES.map(({ key, title }, stack) => ({
        strategy: curve.strategy,
        ratio,
        source: title,
        stack,
        MiB: sources.mib[key],
        missing: sources.missingMib,
      })),
    ),
  );
  const shown = MEMORY_SOURCES.filter(({ title }) => values.some((row) => row.source === title && row.MiB >= 0.5));
  return {
    data: { values: values.filter((row) => shown.some(({ title }) => title === row.source)) },
    facet: panelOf(
      "strategy",
      curves.map((curve) => curve.strategy),
      PANEL,
    ),
    columns: 3,
    spacing: { row: 24, column: 24 },
    spec: {
      width: PANEL,
      height: 170,
      layer: [
        bars(shown),
        {
          mark: { type: "tick", color: "#000000", thickness: 2.5, width: { band: 1 } },
          encoding: { x: RATIO, y: { ...MIB, field: "missing", aggregate: "max" } },
        },
      ],
    },
    resolve: { axis: { x: "independent", y: "independent" } },
  };
}

/** A search measures more ratios than there is room for labels. */
const RATIO: View = {
  field: "ratio",
  type: "ordinal",
  title: "overcommit ratio",
  axis: { labelAngle: 0, ticks: false, labelOverlap: "greedy", labelSeparation: 3 },
};
const MIB: View = { type: "quantitative", title: "MiB", axis: { tickCount: 5, format: ",.0f" } };

const TOOLTIP: readonly View[] = ["strategy", "ratio", "source", "MiB"].map((field) => ({
  field,
  type: field === "MiB" ? "quantitative" : "nominal",
  ...(field === "MiB" && { format: ",.1f" }),
}));

/** Sources of memory, one above the other. */
function bars(shown: readonly (typeof MEMORY_SOURCES)[number][]): View {
  return {
    mark: { type: "bar", width: { band: 0.8 } },
    encoding: {
      x: RATIO,
      y: { ...MIB, field: "MiB", stack: "zero" },
      color: {
        field: "source",
        type: "nominal",
        scale: { domain: shown.map(({ title }) => title), range: shown.map(({ key }) => SOURCE_COLOURS[key]) },
        legend: { title: null, orient: "bottom", columns: 3 },
      },
      order: { field: "stack", type: "quantitative" },
      tooltip: TOOLTIP,
    },
  };
}

function describe(curves: readonly OvercommitCurve[]): string {
  const sentences = curves.map((curve) => {
    const last = curve.points[curve.points.length - 1];
    const parts = MEMORY_SOURCES.filter(({ key }) => last.sources.mib[key] >= 0.5).map(
      ({ key, title }) => `${title} ${last.sources.mib[key].toFixed(0)} MiB`,
    );
    return `${curve.strategy} at ratio ${last.ratio}: ${parts.join(", ") || "nothing"}.`;
  });
  return sentences.join(" ");
}
