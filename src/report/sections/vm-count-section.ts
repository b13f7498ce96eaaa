import { MEMORY_SOURCES } from "../../analysis/memory-sources.ts";
import { serviceLevelOf } from "../../analysis/results.ts";
import { eachKindNote, levelText, NONE_FINISHED, type RelativeService } from "../../analysis/service-level.ts";
import type { Estimate } from "../../analysis/statistics.ts";
import {
  memoryText,
  type VmCountCurve,
  vmCountCurves,
  type VmCountPoint,
  vmCountSentence,
} from "../../analysis/vm-count.ts";
import { vmCountChart } from "../charts/vm-count.ts";
import { type Block, leftOut, list, paragraph, type Section } from "../document.ts";
import type { Run } from "../load-run.ts";

/** How many VMs fit on a host of given memory, strategy by strategy. */
export function vmCountSection({ results }: Run): Section {
  const curves = vmCountCurves(results);
  const level = serviceLevelOf(results);
  const blocks: Block[] =
    curves.length === 0
      ? [leftOut(vmCountChart.needs)]
      : [
          paragraph(
            `A number of VMs counts as kept when ${levelText(level)} holds at the worse end of the 95 % confidence interval and all ` +
              "VMs start, with it and with all lower numbers measured. The level is held against the same VMs, on the same seeds, " +
              "on a host with memory for all of them. More VMs also share CPU, disks and network: a number is not kept either " +
              "when the host with memory for all surely loses the level against the one with the fewest VMs, VM by VM. A workload " +
              "has the measured memory of some guests at most: further VMs start as copies of these, and page sharing then looks " +
              "better than it is." +
              eachKindNote(curves.flatMap(({ points }) => points)),
          ),
          list(curves.map(vmCountSentence)),
          ...vmCountChart.draw(results).map((chart): Block => ({ kind: "chart", chart })),
          table(curves),
        ];
  return { id: "vm-count", title: "How many VMs a host holds", blocks };
}

function table(curves: readonly VmCountCurve[]): Block {
  // Where VMs are not alike, each kind of them has a row of its own.
  const areUnlike = curves.some(({ points }) => points.some(({ groups }) => groups !== undefined));
  return {
    kind: "table",
    caption: "Hosts of given memory by strategy and number of VMs; memory in MiB",
    columns: [
      "strategy",
      "host memory",
      "VMs",
      ...(areUnlike ? ["of"] : []),
      "VMs running",
      "overcommit ratio",
      "throughput, %",
      "95 % interval",
      "p99, ms",
      "p99, times",
      "throughput per VM with memory for all, %",
      "busiest with memory for all",
      ...MEMORY_SOURCES.map(({ title }) => title),
    ],
    rows: curves.flatMap(({ strategy, hostMib, points }) =>
      points.flatMap((point) => [
        [
          strategy,
          memoryText(hostMib),
          point.vms,
          ...(areUnlike ? ["all VMs"] : []),
          point.vmsAdmitted,
          point.ratio,
          ...service(point, point.roomy),
          point.roomy === undefined
            ? ""
            : `${point.roomy.busiest.resource} ${point.roomy.busiest.percent.toFixed(0)} %`,
          ...MEMORY_SOURCES.map(({ key }) => Math.round(point.sources.mib[key])),
        ],
        ...(point.groups ?? []).map((group) => [
          strategy,
          memoryText(hostMib),
          point.kinds.find(({ of }) => of === group.of)?.vms ?? "",
          group.of,
          "",
          point.ratio,
          ...service(group, roomyOf(point, group.of)),
          "",
          ...MEMORY_SOURCES.map(() => ""),
        ]),
      ]),
    ),
    folded: true,
  };
}

function roomyOf({ roomy }: VmCountPoint, kind: string): RelativeService | undefined {
  return roomy?.groups?.find(({ of }) => of === kind);
}

function service(
  { throughput, latencyP99Ms, p99Factor }: Pick<VmCountPoint, "throughput" | "latencyP99Ms" | "p99Factor">,
  roomy: RelativeService | undefined,
): readonly (string | number)[] {
  return [
    percent(throughput?.estimate),
    interval(throughput),
    latencyP99Ms?.estimate ?? "",
    times(p99Factor),
    percent(roomy?.throughput?.estimate),
  ];
}

function percent(share: number | undefined): string {
  return share === undefined ? "" : (100 * share).toFixed(1);
}

function times(factor: Estimate | typeof NONE_FINISHED | undefined): string {
  if (factor === undefined || factor === NONE_FINISHED) return factor ?? "";
  return factor.estimate.toFixed(2);
}

function interval(estimate: Estimate | undefined): string {
  if (estimate?.low === undefined || estimate.high === undefined) return "";
  return `${percent(estimate.low)} to ${percent(estimate.high)}`;
}
