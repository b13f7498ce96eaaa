import { type OvercommitCurve, overcommitCurves, TOLERATED_LOSS } from "../../analysis/overcommit.ts";
import { groupBy, hostCells, type Results } from "../../analysis/results.ts";
import { vmmStyles } from "../colours.ts";
import {
  type Chart,
  type ChartKind,
  chartIds,
  frame,
  logarithmicTicks,
  machineNote,
  seedNote,
  sourceNote,
  type View,
} from "./chart.ts";

const WIDTH = 500;

/** Throughput and p99 latency over the overcommit ratio, one line per strategy, bands for the confidence intervals. */
export const overcommitChart: ChartKind = {
  name: "overcommit",
  summary: "throughput and p99 latency against the overcommit ratio, one line per strategy",
  needs: "host cells (a block with vms) at several overcommit ratios",
  draw(results) {
    const groups = curvesByHost(results);
    const ids = chartIds("overcommit", groups.map(hostParts));
    return groups.map((curves, index) => draw(results, curves, ids[index]));
  },
};

/** Curves that belong into one picture: same block, workload, machine and number of guests. */
export function curvesByHost(results: Results): OvercommitCurve[][] {
  const keyed = groupBy(overcommitCurves(results), ({ block, workload, machine, vms }) =>
    JSON.stringify([block, workload, machine, vms]),
  );
  return [...keyed.values()];
}

/** What tells the pictures of several hosts apart. */
export function hostParts([{ block, workload, machine, vms }]: readonly OvercommitCurve[]): string[] {
  return [block, workload, machine, `${vms}-vms`];
}

/** "8 VMs of typical-server; n = 3 seeds (1, 2, 3), machine m". */
export function hostNote(results: Results, { block, workload, machine, vms }: OvercommitCurve): string {
  const cells = hostCells(results).filter(
    ({ spec }) =>
      spec.block === block && spec.workload === workload && spec.machine === machine && (spec.vms ?? 1) === vms,
  );
  return `${vms} VMs of ${workload}; ${seedNote(cells)}, ${machineNote(cells)}`;
}

function draw(results: Results, curves: readonly OvercommitCurve[], id: string): Chart {
  const title = titleOf(curves);
  const subtitle =
    "Throughput against the same VMs on a host whose memory they just fit, and p99 latency. Bands: 95 % confidence " +
    `interval; dashed: 5 % loss. ${missingNote(curves)}${hostNote(results, curves[0])}.`;
  const spec = frame(view(results, curves), { title, subtitle, source: sourceNote(results), width: WIDTH });
  return { id, title, description: `${title}. ${curves.map((curve) => curve.verdict.sentence).join(" ")}`, spec };
}

/** Strategies without a host to compare with have a latency, but no line above. */
function missingNote(curves: readonly OvercommitCurve[]): string {
  const missing = curves.filter(({ points }) => points.every((point) => point.throughput === undefined));
  if (missing.length === 0) return "";
  return `No uncommitted host to compare with: ${missing.map((curve) => curve.strategy).join(", ")}. `;
}

function titleOf(curves: readonly OvercommitCurve[]): string {
  const able = curves.filter((curve) => curve.verdict.highestRatio !== undefined);
  if (able.length === 0) return "No strategy keeps throughput within 5 % at any overcommit measured";
  const highest = Math.max(...able.map((curve) => curve.verdict.highestRatio ?? 0));
  const best = able.filter((curve) => curve.verdict.highestRatio === highest).map((curve) => curve.strategy);
  const who = best.length === curves.length ? "every strategy" : best.join(", ");
  return `Overcommit with throughput kept within 5 %: up to ${highest} (${who})`;
}

function view(results: Results, curves: readonly OvercommitCurve[]): View {
  // Dashed lines are drawn over solid ones, so that equal curves both show.
  const styles = vmmStyles(results);
  const dashes = ({ strategy }: OvercommitCurve): number => styles.get(strategy)?.dash.length ?? 0;
  const drawn = curves.toSorted((a, b) => dashes(a) - dashes(b));
  const values = drawn.flatMap(valuesOf);
  const throughput = {
    title: "throughput, % of uncommitted",
    axis: { format: ".0%", tickCount: 6 },
    scale: { domainMin: 0, nice: true },
  };
  const tolerated = {
    data: { values: [{ tolerated: 1 - TOLERATED_LOSS }] },
    mark: { type: "rule", strokeDash: [4, 3], color: "#4d4d4d" },
    encoding: { y: { field: "tolerated", type: "quantitative" } },
  };
  const panels = [panel(results, drawn, ratioAxis(null), "throughput", throughput, [tolerated])];
  const latencies = values.flatMap((row) => [row.p99, row.p99Low, row.p99High]).filter((value) => value !== null);
  if (latencies.length > 0) {
    const title = "overcommit ratio: configured memory of all VMs / host memory for VMs";
    panels.push(panel(results, drawn, ratioAxis(title), "p99", latencyAxis(latencies), []));
  }
  return {
    data: { values },
    vconcat: panels,
    spacing: 18,
    resolve: { scale: { color: "shared", shape: "shared" } },
  };
}

type Value = Readonly<Record<"ratio" | "VMs running", number>> & { readonly strategy: string } & Readonly<
    Record<"throughput" | "throughputLow" | "throughputHigh" | "p99" | "p99Low" | "p99High", number | null>
  >;

function valuesOf({ strategy, points }: OvercommitCurve): Value[] {
  return points.map(({ ratio, throughput, latencyP99Ms, vmsAdmitted }) => ({
    strategy,
    ratio,
    throughput: throughput?.estimate ?? null,
    throughputLow: throughput?.low ?? null,
    throughputHigh: throughput?.high ?? null,
    p99: latencyP99Ms?.estimate ?? null,
    // A logarithmic axis has no place for a lower bound of zero or less.
    p99Low: latencyP99Ms?.low === undefined ? null : Math.max(latencyP99Ms.low, latencyP99Ms.estimate / 10),
    p99High: latencyP99Ms?.high ?? null,
    "VMs running": vmsAdmitted,
  }));
}

function ratioAxis(title: string | null): View {
  return {
    field: "ratio",
    type: "quantitative",
    title,
    scale: { zero: false, nice: false, padding: 8 },
    axis: { tickCount: 8, format: "~g" },
  };
}

function latencyAxis(latencies: readonly number[]): View {
  const domain = [Math.min(...latencies) / 1.15, Math.max(...latencies) * 1.15];
  return {
    title: "p99 latency, ms (logarithmic)",
    axis: { values: logarithmicTicks(domain[0], domain[1]), format: ",~g" },
    scale: { type: "log", domain, nice: false },
  };
}

function panel(
  results: Results,
  curves: readonly OvercommitCurve[],
  x: View,
  field: "throughput" | "p99",
  y: View,
  extra: readonly View[],
): View {
  const styles = vmmStyles(results);
  const domain = curves.map((curve) => curve.strategy);
  const styled = (of: (strategy: string) => unknown, legend: View | null): View => ({
    field: "strategy",
    type: "nominal",
    scale: { domain, range: domain.map(of) },
    legend,
  });
  const legend = {
    title: "strategy",
    orient: "right",
    symbolSize: 180,
    symbolStrokeWidth: 2,
    symbolOpacity: 1,
    symbolType: "circle",
  };
  const color = styled((strategy) => styles.get(strategy)?.colour, legend);
  const band = { ...color, legend: null };
  const shape = styled((strategy) => styles.get(strategy)?.shape, legend);
  const tooltip = ["strategy", "ratio", field, `${field}Low`, `${field}High`, "VMs running"].map((name) => ({
    field: name,
    type: name === "strategy" ? "nominal" : "quantitative",
    ...(name !== "strategy" && { format: ".3~r" }),
  }));
  const own = { field, type: "quantitative", ...y };
  return {
    width: WIDTH,
    height: 210,
    layer: [
      ...extra,
      {
        transform: [{ filter: `datum.${field}Low !== null` }],
        mark: { type: "area", opacity: 0.18 },
        encoding: { x, y: { ...own, field: `${field}Low` }, y2: { field: `${field}High` }, fill: band },
      },
      // A layer for each line: as a channel, the dashes would also frame the symbols of the legend.
      ...curves.map(({ strategy }) => ({
        transform: [{ filter: { field: "strategy", equal: strategy } }],
        mark: { type: "line", strokeWidth: 2, strokeDash: styles.get(strategy)?.dash ?? [] },
        encoding: { x, y: own, color },
      })),
      { mark: { type: "point", filled: true, size: 55, opacity: 1 }, encoding: { x, y: own, color, shape, tooltip } },
    ],
  };
}
