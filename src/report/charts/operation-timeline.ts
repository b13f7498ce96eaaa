/** Who is at work when in one operation: a row of lanes per VMM over the same time axis. Drawn from an explanation. */
import { CAUSE_GROUPS } from "../../analysis/cycle-breakdown.ts";
import { type Stretch, type Timeline, timelineOf } from "../../analysis/operation-timeline.ts";
import type { ExplainedVmm, Explanation } from "../../sim/explain/explanation.ts";
import { CAUSE_COLOURS } from "../colours.ts";
import { textWidth } from "../text-width.ts";
import { type Chart, frame, type View } from "./chart.ts";

const WIDTH = 800;
const LANE = 22;
const LABEL_SIZE = 10;
/** Narrower bars, in pixels, are drawn together with their neighbours: one does not read them, nor point at them. */
const NARROWEST = 6;
const INK = "#222222";
/** Alternating grounds of the phases. */
const GROUNDS = ["#e3e3e3", "#f2f2f2"];

export function operationTimelineChart(explanation: Explanation): Chart {
  const { operation, machine, unit, vmms } = explanation;
  const longest = Math.max(1, ...vmms.map(({ total }) => total));
  const timelines = vmms.map((vmm) => ({
    vmm,
    timeline: timelineOf(vmm, explanation.calls, (NARROWEST * longest) / WIDTH),
  }));
  const groups = CAUSE_GROUPS.map(({ name }) => name).filter((name) =>
    timelines.some(({ timeline }) => timeline.stretches.some(({ group }) => group === name)),
  );
  const axis = { longest, unit, colours: { domain: groups, range: groups.map((group) => CAUSE_COLOURS[group]) } };
  const view: View = {
    vconcat: timelines.map(({ vmm, timeline }) => vmmView(vmm, timeline, explanation, axis)),
    spacing: 10,
  };
  const title = titleOf(explanation);
  const subtitle =
    `${explanation.summary}, on machine ${machine}. Who is at work, from left to right in true scale; a bar that is not ` +
    "full stands for turns too short to be drawn one by one, its height for its share of that time.";
  const source = `Source: vmmbench explain ${operation}; costs of events: machine profile ${machine}. The VMMs are models.`;
  const totals = vmms.map(({ name, total }) => `${name}: ${total.toLocaleString("en-US")} ${unit}`);
  return {
    id: `explain-${operation}-${machine}`.toLowerCase().replace(/[^a-z0-9.]+/g, "-"),
    title,
    description: `${title}. ${totals.join("; ")}.`,
    spec: frame(view, { title, subtitle, source, width: WIDTH }),
  };
}

function titleOf({ operation, unit, vmms }: Explanation): string {
  const [least, most] = [
    vmms.reduce((a, b) => (b.total < a.total ? b : a)),
    vmms.reduce((a, b) => (b.total > a.total ? b : a)),
  ];
  if (least.total === most.total) return `What happens in ${operation}: ${most.total.toLocaleString("en-US")} ${unit}`;
  return `What makes ${operation} ${(most.total / least.total).toFixed(1)} times as dear on ${most.name} as on ${least.name}`;
}

interface Axis {
  readonly longest: number;
  readonly unit: string;
  readonly colours: { readonly domain: readonly string[]; readonly range: readonly string[] };
}

function vmmView(vmm: ExplainedVmm, timeline: Timeline, { vmms }: Explanation, axis: Axis): View {
  const { lanes } = timeline;
  // The lane above all others has the phases: what the guest is doing, whatever it runs on.
  const rows = lanes.length + 1;
  const bottomOf = (lane: string): number => lanes.length - 1 - lanes.indexOf(lane);
  const isLast = vmm === vmms[vmms.length - 1];
  const names = JSON.stringify([...lanes.toReversed(), "operation"]);
  const y = {
    type: "quantitative",
    scale: { domain: [0, rows], nice: false },
    axis: {
      title: null,
      values: Array.from({ length: rows }, (_, row) => row + 0.5),
      labelExpr: `${names}[floor(datum.value)]`,
      grid: false,
      ticks: false,
      domain: false,
    },
  };
  const x = {
    type: "quantitative",
    scale: { domain: [0, axis.longest], nice: false },
    axis: isLast
      ? { title: `${axis.unit} since the operation began`, format: ",d", tickCount: 8 }
      : { title: null, labels: false, ticks: false, domain: false, tickCount: 8 },
  };
  return {
    width: WIDTH,
    height: LANE * rows,
    title: { text: vmmTitle(vmm, vmms, axis.unit), fontSize: 12, offset: 4, anchor: "start" },
    layer: [
      phaseLayer(timeline, x, y, rows),
      phaseNameLayer(timeline, x, y, rows, axis.longest),
      stretchLayer(timeline, x, y, bottomOf, axis),
      stretchNameLayer(timeline, x, y, bottomOf, axis.longest),
    ],
  };
}

function vmmTitle({ name, kernelRing, total }: ExplainedVmm, vmms: readonly ExplainedVmm[], unit: string): string {
  const native = vmms.find((each) => each.name === "native");
  const ratio =
    native === undefined || native.name === name ? "" : `, ${(total / native.total).toFixed(2)} times native`;
  const ring = kernelRing === null ? "" : ` (guest kernel in ring ${kernelRing})`;
  return `${name}: ${total.toLocaleString("en-US")} ${unit}${ratio}${ring}`;
}

function phaseLayer({ phases }: Timeline, x: View, y: View, rows: number): View {
  const values = phases.map(({ start, end }, index) => ({
    start,
    end,
    low: rows - 1,
    high: rows,
    ground: GROUNDS[index % 2],
  }));
  return {
    data: { values },
    mark: { type: "rect", stroke: "#ffffff", strokeWidth: 0.5, tooltip: null },
    encoding: {
      x: { ...x, field: "start" },
      x2: { field: "end" },
      y: { ...y, field: "low" },
      y2: { field: "high" },
      fill: { field: "ground", type: "nominal", scale: null },
    },
  };
}

function phaseNameLayer({ phases }: Timeline, x: View, y: View, rows: number, longest: number): View {
  const values = phases
    .filter(({ title, start, end }) => fits(title, end - start, longest))
    .map(({ title, start, end }) => ({ title, middle: (start + end) / 2, row: rows - 0.5 }));
  return nameLayer(values, x, y, { value: INK });
}

function stretchLayer(
  { lanes, stretches }: Timeline,
  x: View,
  y: View,
  bottomOf: (lane: string) => number,
  axis: Axis,
): View {
  const values = stretches.map(({ start, end, lane, cause, cost, low, high }) => {
    const bottom = bottomOf(lane) + 0.08;
    return { start, end, cause, cost, low: thousandths(bottom + 0.84 * low), high: thousandths(bottom + 0.84 * high) };
  });
  // Said once instead of in each of hundreds of bars.
  const groups = Object.fromEntries(stretches.map(({ cause, group }) => [cause, group]));
  const transform = [
    { calculate: `${JSON.stringify(groups)}[datum.cause]`, as: "group" },
    { calculate: `${JSON.stringify(lanes.toReversed())}[floor(datum.low)]`, as: "lane" },
  ];
  return {
    data: { values },
    transform,
    mark: { type: "rect" },
    encoding: {
      x: { ...x, field: "start" },
      x2: { field: "end" },
      y: { ...y, field: "low" },
      y2: { field: "high" },
      color: {
        field: "group",
        type: "nominal",
        scale: axis.colours,
        legend: { title: null, orient: "bottom", columns: 3 },
      },
      tooltip: [
        { field: "lane", type: "nominal", title: "at work" },
        { field: "cause", type: "nominal", title: "cause" },
        { field: "cost", type: "quantitative", title: axis.unit, format: "," },
        { field: "start", type: "quantitative", title: "from", format: "," },
      ],
    },
  };
}

/** Of a lane: a fiftieth of a pixel. */
function thousandths(height: number): number {
  return Math.round(height * 1000) / 1000;
}

/** The cause, and what it costs, in bars that are wide enough. */
function stretchNameLayer(
  { stretches }: Timeline,
  x: View,
  y: View,
  bottomOf: (lane: string) => number,
  longest: number,
): View {
  const whole = stretches.filter(({ low, high }) => low === 0 && high === 1);
  const values = whole.flatMap((stretch) => {
    const { start, end, lane } = stretch;
    const title = namesOf(stretch).find((name) => fits(name, end - start, longest));
    if (title === undefined) return [];
    return [{ title, middle: (start + end) / 2, row: bottomOf(lane) + 0.5, ink: inkOn(CAUSE_COLOURS[stretch.group]) }];
  });
  return nameLayer(values, x, y, { field: "ink", type: "nominal", scale: null });
}

/** From the longest to the shortest. */
function namesOf({ cause, cost }: Stretch): string[] {
  const amount = cost.toLocaleString("en-US");
  return [`${cause} ${amount}`, `${cause.slice(cause.lastIndexOf(".") + 1)} ${amount}`, amount];
}

function nameLayer(values: readonly object[], x: View, y: View, fill: View): View {
  return {
    data: { values },
    mark: { type: "text", fontSize: LABEL_SIZE, baseline: "middle", align: "center", tooltip: null },
    encoding: {
      x: { ...x, field: "middle" },
      y: { ...y, field: "row" },
      text: { field: "title", type: "nominal" },
      fill,
    },
  };
}

function fits(text: string, cost: number, longest: number): boolean {
  return textWidth(text, LABEL_SIZE, false) + 6 <= (cost / longest) * WIDTH;
}

/** Black or white, whichever is easier to read on a colour: by relative luminance (WCAG 2.2). */
function inkOn(colour: string): string {
  const [red, green, blue] = [1, 3, 5].map((at) => (Number.parseInt(colour.slice(at, at + 2), 16) / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 ? INK : "#ffffff";
}
