import { counted } from "../../core/counted.ts";
import { CONTROL_FIGURES, type ControlFigure } from "../../analysis/memory-control.ts";
import { MEMORY_SOURCES } from "../../analysis/memory-sources.ts";
import { notDone, notDoneSentence } from "../../analysis/not-done.ts";
import { type OvercommitCurve, overcommitCurves } from "../../analysis/overcommit.ts";
import type { OvercommitPoint } from "../../analysis/overcommit-point.ts";
import { type Results, serviceLevelOf } from "../../analysis/results.ts";
import { sensitivities } from "../../analysis/sensitivity.ts";
import { eachKindNote, levelText } from "../../analysis/service-level.ts";
import type { Estimate } from "../../analysis/statistics.ts";
import { memorySourcesChart } from "../charts/memory-sources.ts";
import { overcommitChart } from "../charts/overcommit.ts";
import { sensitivityChart } from "../charts/sensitivity.ts";
import { type Block, leftOut, list, paragraph, type Section } from "../document.ts";
import type { Run } from "../load-run.ts";

/** How far each strategy goes, and where the memory comes from. */
export function overcommitSection({ results }: Run): Section {
  const curves = overcommitCurves(results);
  const level = serviceLevelOf(results);
  const blocks: Block[] =
    curves.length === 0
      ? [leftOut(overcommitChart.needs)]
      : [
          paragraph(
            "Throughput of all VMs together against the same strategy's roomiest host (lowest ratio, 1.0 or less), on the same " +
              `seeds; VMs that a strategy does not start count as configured. A ratio counts as kept when ${levelText(level)} ` +
              "holds at the worse end of the 95 % confidence interval and all VMs start, at it and at all lower ratios." +
              eachKindNote(curves.flatMap(({ points }) => points)),
          ),
          list([
            ...curves.map(
              (curve) =>
                `${curve.verdict.sentence} (${counted(curve.vms, "VM")} of ${curve.work}, block ${curve.block})`,
            ),
            ...withoutResult(results, curves),
          ]),
          ...sensitivityBlocks(results),
          ...[
            ...overcommitChart.draw(results),
            ...memorySourcesChart.draw(results),
            ...sensitivityChart.draw(results),
          ].map((chart): Block => ({ kind: "chart", chart })),
          table(curves),
          paragraph(
            "How steadily, how promptly and how fairly memory was managed. A VM's memory (configured less what balloon, compression " +
              "and host swap hold of it) changes direction when it turns by a twentieth of what is configured; it is away from its " +
              "target when its balloon is off by as much, and a time that had not ended counts as far as it went. Paged twice: a " +
              "guest read or wrote on its own disk what the host had swapped out. Entitlement: by shares, reservation and limit " +
              "alone, within what a VM has used. Jain's index is 1 where all VMs get their part, 1/n where one gets all. CPU: scans, " +
              "samples, moves of balloons, compression and page-outs; a policy's own run has no price here.",
          ),
          controlTable(curves),
        ];
  return { id: "overcommit", title: "How far memory can be overcommitted", blocks };
}

/** Who was to be compared with these and has no result, or not all: nobody should have to look for them elsewhere. */
function withoutResult({ cells }: Results, curves: readonly OvercommitCurve[]): readonly string[] {
  const blocks = new Set(curves.map(({ block }) => block));
  return notDone(cells)
    .filter(({ block }) => blocks.has(block))
    .map((one) => `${notDoneSentence(one)} (${one.work}, block ${one.block})`);
}

/** What the answers hang on, where that was asked. */
function sensitivityBlocks(results: Results): Block[] {
  const answers = sensitivities(results);
  return answers.length === 0 ? [] : [list(answers.map(({ sentence }) => sentence))];
}

function table(curves: readonly OvercommitCurve[]): Block {
  return {
    kind: "table",
    caption: "Overcommit by strategy and ratio; memory in MiB",
    columns: [
      "strategy",
      "block",
      "ratio",
      ...(areUnlike(curves) ? ["of"] : []),
      "VMs running",
      "throughput, %",
      "95 % interval",
      "p99, ms",
      ...MEMORY_SOURCES.map(({ title }) => title),
    ],
    rows: curves.flatMap(({ strategy, block, points }) =>
      points.flatMap((point) => [
        [
          strategy,
          block,
          point.ratio,
          ...(areUnlike(curves) ? ["all VMs"] : []),
          `${point.vmsAdmitted} of ${point.vmsConfigured}`,
          ...service(point),
          ...MEMORY_SOURCES.map(({ key }) => Math.round(point.sources.mib[key])),
        ],
        ...(point.groups ?? []).map((group) => [
          strategy,
          block,
          point.ratio,
          group.of,
          "",
          ...service(group),
          ...MEMORY_SOURCES.map(() => ""),
        ]),
      ]),
    ),
    folded: true,
  };
}

/** Some VMs are not like others, so that each kind of them has a row of its own. */
function areUnlike(curves: readonly OvercommitCurve[]): boolean {
  return curves.some(({ points }) => points.some(({ groups }) => groups !== undefined));
}

function service({
  throughput,
  latencyP99Ms,
}: Pick<OvercommitPoint, "throughput" | "latencyP99Ms">): readonly (string | number)[] {
  const percent = throughput === undefined ? "" : (100 * throughput.estimate).toFixed(1);
  return [percent, interval(throughput), latencyP99Ms?.estimate ?? ""];
}

function controlTable(curves: readonly OvercommitCurve[]): Block {
  const names = Object.keys(CONTROL_FIGURES) as ControlFigure[];
  return {
    kind: "table",
    caption: "Management of memory by strategy and ratio; means over seeds and the measured time",
    columns: ["strategy", "block", "ratio", ...names.map((name) => CONTROL_FIGURES[name].title)],
    rows: curves.flatMap(({ strategy, block, points }) =>
      points.map(({ ratio, control }) => [strategy, block, ratio, ...names.map((name) => control[name] ?? "")]),
    ),
    folded: true,
  };
}

function interval(estimate: Estimate | undefined): string {
  if (estimate?.low === undefined || estimate.high === undefined) return "";
  return `${(100 * estimate.low).toFixed(1)} to ${(100 * estimate.high).toFixed(1)}`;
}
