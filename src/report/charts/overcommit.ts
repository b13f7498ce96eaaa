import { counted } from "../../core/counted.ts";
import { type OvercommitCurve, overcommitCurves } from "../../analysis/overcommit.ts";
import type { OvercommitPoint } from "../../analysis/overcommit-point.ts";
import { groupBy, hostCells, type Results, serviceLevelOf } from "../../analysis/results.ts";
import { levelText, lossText } from "../../analysis/service-level.ts";
import type { ServiceLevel } from "../../experiment/matrix.ts";
import { vmmStyles } from "../colours.ts";
import { latencyAxis, panel, panelRows, WIDTH } from "./overcommit-panel.ts";
import {
  type Chart,
  chartIds,
  type ChartKind,
  chartOf,
  hostParts,
  machineNote,
  markNote,
  seedNote,
  type View,
} from "./chart.ts";

/** Throughput and p99 latency over the overcommit ratio, one line per strategy, bands for the confidence intervals. */
export const overcommitChart: ChartKind = {
  name: "overcommit",
  summary: "throughput and p99 latency against the overcommit ratio, one line per strategy",
  needs: "host cells (a block with vms) at several overcommit ratios",
  draw(results) {
    const groups = curvesByHost(results).filter(hasFigures);
    const ids = chartIds(
      "overcommit",
      groups.map(([curve]) => hostParts(curve)),
    );
    return groups.map((curves, index) => draw(results, curves, ids[index]));
  },
};

function hasFigures(curves: readonly OvercommitCurve[]): boolean {
  return curves.some(({ points }) => points.some((point) => point.throughput ?? point.latencyP99Ms));
}

/** Curves that belong into one picture: same block, workload, machine and number of guests. */
export function curvesByHost(results: Results): OvercommitCurve[][] {
  return [...groupBy(overcommitCurves(results), (curve) => JSON.stringify(hostParts(curve))).values()];
}

/** "8 VMs of typical-server; n = 3 seeds (1, 2, 3), machine m". */
export function hostNote(results: Results, { block, workload, work, machine, vms }: OvercommitCurve): string {
  const cells = hostCells(results).filter(
    ({ spec }) =>
      spec.block === block && spec.workload === workload && spec.machine === machine && (spec.vms ?? 1) === vms,
  );
  return `${counted(vms, "VM")} of ${work}; ${seedNote(cells)}, ${machineNote(cells)}`;
}

function draw(results: Results, curves: readonly OvercommitCurve[], id: string): Chart {
  const level = serviceLevelOf(results);
  const title = titleOf(curves, level);
  const marks = [
    ...(hasInterval(curves) ? ["bands: 95 % confidence interval"] : []),
    ...(level.metric === "throughput" ? [`dashed: ${lossText(level.bound)} loss`] : []),
  ];
  const each = judgedKinds(curves).length > 1 ? ", for each kind of VM, which has to keep the level by itself" : "";
  const subtitle =
    `Throughput against the same VMs on a host whose memory they just fit, and p99 latency${each}. ` +
    `${markNote(marks)}${missingNote(curves)}${hostNote(results, curves[0])}.`;
  const told = curves.map((curve) => curve.verdict.sentence).join(" ");
  return chartOf(results, { id, title, subtitle, width: WIDTH }, view(results, curves, level), told);
}

/** Of one seed there is none, and so no band. */
function hasInterval(curves: readonly OvercommitCurve[]): boolean {
  const all = curves.flatMap(({ points }) => points.flatMap((point) => [point, ...(point.groups ?? [])]));
  return all.some(({ throughput, latencyP99Ms }) => (throughput?.low ?? latencyP99Ms?.low) !== undefined);
}

/** Strategies without a host to compare with have a latency, but no line above. */
function missingNote(curves: readonly OvercommitCurve[]): string {
  const missing = curves.filter(({ points }) => points.every((point) => point.throughput === undefined));
  if (missing.length === 0) return "";
  return `No uncommitted host to compare with: ${missing.map((curve) => curve.strategy).join(", ")}. `;
}

const NAMED_AT_MOST = 3;

function titleOf(curves: readonly OvercommitCurve[], level: ServiceLevel): string {
  const able = curves.filter((curve) => curve.verdict.highestRatio !== undefined);
  if (able.length === 0) return `No strategy keeps ${levelText(level)} at any overcommit measured`;
  const highest = Math.max(...able.map((curve) => curve.verdict.highestRatio ?? 0));
  const best = able.filter((curve) => curve.verdict.highestRatio === highest).map((curve) => curve.strategy);
  const some = best.length > NAMED_AT_MOST ? `${best.length} of ${curves.length} strategies` : best.join(", ");
  const who = best.length === curves.length && best.length > 1 ? "every strategy" : some;
  return `Overcommit with ${levelText(level, "kept ")}: up to ${highest} (${who})`;
}

function view(results: Results, curves: readonly OvercommitCurve[], level: ServiceLevel): View {
  const styles = vmmStyles(results);
  const strategies = curves.map(({ strategy }) => ({ name: strategy, style: styles.get(strategy) }));
  const panels = judgedKinds(curves).flatMap((kind) => {
    const of = kind === undefined ? [] : [kind];
    const throughput = panelRows(curves, (point) => figuresOf(point, kind)?.throughput);
    const p99 = panelRows(curves, (point) => figuresOf(point, kind)?.latencyP99Ms);
    return [
      ...(throughput.length > 0 ? [panel(throughput, strategies, throughputAxis(of), tolerated(level))] : []),
      ...(p99.length > 0 ? [panel(p99, strategies, latencyAxis(p99, of), [])] : []),
    ];
  });
  return { vconcat: panels, spacing: 18, resolve: { scale: { color: "shared", shape: "shared" } } };
}

/** What verdicts are about: each kind of VM where they are not alike, else (undefined) all VMs together. */
function judgedKinds(curves: readonly OvercommitCurve[]): readonly (string | undefined)[] {
  const kinds = curves.flatMap(({ points }) => points.flatMap(({ groups = [] }) => groups.map(({ of }) => of)));
  return kinds.length === 0 ? [undefined] : [...new Set(kinds)];
}

function figuresOf(
  point: OvercommitPoint,
  kind: string | undefined,
): Pick<OvercommitPoint, "throughput" | "latencyP99Ms"> | undefined {
  return kind === undefined ? point : point.groups?.find(({ of }) => of === kind);
}

/** `of`: a kind of VM, a line of its own beside the panel, or nothing. */
function throughputAxis(of: readonly string[]): View {
  return {
    title: [...of, "throughput, % of uncommitted"],
    axis: { format: ".0%", tickCount: 6 },
    scale: { domainMin: 0, nice: true },
  };
}

function tolerated({ metric, bound }: ServiceLevel): View[] {
  if (metric !== "throughput") return [];
  return [
    {
      data: { values: [{ tolerated: bound }] },
      mark: { type: "rule", strokeDash: [4, 3], color: "#4d4d4d" },
      encoding: { y: { field: "tolerated", type: "quantitative" } },
    },
  ];
}
