import { groupBy, type Results, serviceLevelOf } from "../../analysis/results.ts";
import { levelText } from "../../analysis/service-level.ts";
import { memoryText, type VmCountCurve, vmCountCurves, vmCountSentence } from "../../analysis/vm-count.ts";
import { fileTitle } from "../../sim/cell.ts";
import { vmmStyles } from "../colours.ts";
import { type Chart, type ChartKind, chartIds, chartOf, type View } from "./chart.ts";

const WIDTH = 480;
const ROW = 34;

/** How many VMs each strategy keeps on a host of given memory, with what the seeds do not rule out. */
export const vmCountChart: ChartKind = {
  name: "vm-count",
  summary: "how many VMs a host of given memory keeps, one mark per strategy",
  needs: "cells of hosts of given memory with several numbers of VMs (overcommit --search vms)",
  draw(results) {
    const answered = vmCountCurves(results).filter(({ verdict }) => verdict.most !== undefined);
    const groups = [...groupBy(answered, (curve) => JSON.stringify(partsOf(curve))).values()];
    const ids = chartIds(
      "vm-count",
      groups.map(([curve]) => partsOf(curve)),
    );
    return groups.map((curves, index) => draw(results, curves, ids[index]));
  },
};

/** What tells hosts of different charts apart. */
function partsOf({ block, workloads, machine, hostMib }: VmCountCurve): string[] {
  return [block, workloads.join("-"), machine, `${hostMib}-mib`];
}

function draw(results: Results, curves: readonly VmCountCurve[], id: string): Chart {
  const level = serviceLevelOf(results);
  const [{ hostMib, vmMib, workloads, machine, points }] = curves;
  const title = titleOf(hostMib, curves);
  const size = vmMib === undefined ? "" : `of ${memoryText(vmMib)} `;
  const each = workloads.length > 1 ? " by each kind of VM" : "";
  const sure = points[0].seeds === 1 ? "without a confidence interval" : "at 95 % confidence";
  const subtitle =
    `Dots: most VMs ${size}with ${levelText(level, "kept ")}${each}, ${sure}; lines: up to how many the seeds do not rule ` +
    "out; arrows: more were not measured. Dashed: configured memory of all VMs equals that of the host. " +
    `VMs of ${workloads.map(fileTitle).join(" and ")}, ${seedsText(points[0].seeds)}, machine ${fileTitle(machine)}.`;
  const told = curves.map(vmCountSentence).join(" ");
  return chartOf(results, { id, title, subtitle, width: WIDTH + 140 }, view(results, curves), told);
}

function titleOf(hostMib: number, curves: readonly VmCountCurve[]): string {
  const most = Math.max(...curves.map(({ verdict }) => verdict.most ?? 0));
  const best = curves.filter(({ verdict }) => verdict.most === most).map(({ strategy }) => strategy);
  const host = `On ${memoryText(hostMib)} of host memory`;
  if (best.length < curves.length) return `${host}, most VMs are kept by ${best.join(", ")}: ${most}`;
  return `${host}, ${best.length === 1 ? best[0] : "every strategy"} keeps ${most} ${most === 1 ? "VM" : "VMs"}`;
}

/** "14", "14 to 17", "14 or more". */
function answerText(most: number, atMost: number | undefined, open: boolean): string {
  if (open) return `${most} or more`;
  return atMost !== undefined && atMost > most ? `${most} to ${atMost}` : String(most);
}

function seedsText(seeds: number): string {
  return seeds === 1 ? "one seed" : `n = ${seeds} seeds`;
}

function view(results: Results, curves: readonly VmCountCurve[]): View {
  const styles = vmmStyles(results);
  const strategies = curves.map(({ strategy }) => strategy);
  const values = curves.map(({ strategy, verdict: { most = 0, atMost, open } }) => ({
    strategy,
    kept: most,
    atMost: Math.max(most, atMost ?? most),
    open: open || atMost === undefined,
    text: answerText(most, atMost, open),
  }));
  const [{ points }] = curves;
  // Where a ratio of 1 lies; a mix keeps its proportions only nearly, so this is where its mean VM would just fit.
  const last = points[points.length - 1];
  const fit = last.vms / last.ratio;
  const highest = Math.max(fit, ...values.map(({ atMost }) => atMost));
  const x: View = {
    type: "quantitative",
    title: "number of VMs",
    scale: { domain: [0, highest * 1.08], nice: true },
    axis: { format: ",d", tickMinStep: 1, tickCount: 8 },
  };
  const y = { field: "strategy", type: "nominal", title: null, sort: strategies };
  const color = {
    field: "strategy",
    type: "nominal",
    scale: { domain: strategies, range: strategies.map((name) => styles.get(name)?.colour ?? "#8c8c8c") },
    legend: null,
  };
  return {
    width: WIDTH,
    height: { step: ROW },
    data: { values },
    layer: [
      {
        data: { values: [{ fit }] },
        mark: { type: "rule", strokeDash: [4, 3], color: "#4d4d4d" },
        encoding: { x: { ...x, field: "fit" } },
      },
      ...answers(x, y, color),
    ],
  };
}

/** What is kept, what is not ruled out, whether more was measured, and the numbers in words. */
function answers(x: View, y: View, color: View): readonly View[] {
  return [
    {
      mark: { type: "rule", strokeWidth: 3 },
      encoding: { x: { ...x, field: "kept" }, x2: { field: "atMost" }, y, color },
    },
    {
      transform: [{ filter: "datum.open" }],
      mark: { type: "point", shape: "triangle-right", filled: true, size: 110, xOffset: 12, opacity: 1 },
      encoding: { x: { ...x, field: "atMost" }, y, color },
    },
    {
      mark: { type: "point", filled: true, size: 110, opacity: 1 },
      encoding: { x: { ...x, field: "kept" }, y, color, tooltip: TOOLTIP },
    },
    {
      mark: { type: "text", align: "left", baseline: "middle", fontSize: 12 },
      encoding: { x: { value: WIDTH + 10 }, y, text: { field: "text" } },
    },
  ];
}

const TOOLTIP: readonly View[] = [
  { field: "strategy", type: "nominal" },
  { field: "kept", type: "quantitative", title: "VMs kept" },
  { field: "atMost", type: "quantitative", title: "not ruled out up to" },
];
