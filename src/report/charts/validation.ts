import { percent } from "../../core/percent.ts";
import { counted } from "../../core/counted.ts";
import { groupBy } from "../../analysis/results.ts";
import { absoluteError, CLOSE, MISS, type ValidatedRow } from "../../analysis/validation/validated-row.ts";
import type { Role } from "../../analysis/validation/validation-set.ts";
import type { RoleSummary, Validation } from "../../analysis/validation/validation.ts";
import { figure } from "../document.ts";
import { type Chart, frame, logarithmicTicks, type View } from "./chart.ts";

const WIDTH = 580;
/** Pixels: distance of the centres of two dots that do not touch, most of a lane's height, and space around it. */
const DOT = 8;
const MOST_HEIGHT = 120;
const LANE_PADDING = 14;
const LABEL_HEIGHT = 22;

/** Predictions that the description names. */
const NAMED = 10;

const MARKS = {
  calibration: { colour: "#8c8c8c", shape: "circle" },
  prediction: { colour: "#1b6ca8", shape: "circle" },
  "more than 40 % off": { colour: "#b2182b", shape: "diamond" },
} as const;

const ROLES: readonly Role[] = ["calibration", "prediction"];

/** A row that can stand on a logarithmic axis. */
interface Dot {
  readonly row: ValidatedRow;
  readonly ratio: number;
}

interface Lane {
  readonly label: readonly string[];
  readonly dots: readonly Dot[];
}

interface PlacedLane {
  readonly label: readonly string[];
  readonly centre: number;
}

/**
 * Simulated over published, one dot a row, one lane for each source and role, on a logarithmic axis: half as much is as far
 * off as twice as much. Undefined when no row was simulated.
 */
export function validationChart({ rows, summary }: Validation): Chart | undefined {
  const dots = rows.flatMap((row): Dot[] => {
    if (row.simulated === null || row.published === 0 || row.bound !== undefined) return [];
    const ratio = row.simulated / row.published;
    return ratio > 0 ? [{ row, ratio }] : [];
  });
  if (dots.length === 0) return undefined;
  const title = titleOf(summary.roles.prediction);
  const subtitle =
    "Simulated over published value, one mark a figure; 1 = equal. Bands: within 15 % and within 40 %. Calibration: a number " +
    `of a machine profile was derived from the figure.${leftOut(rows, dots)}`;
  const source = `Source: vmmbench validate, against ${sourcesOf(rows)}. The VMMs are models.`;
  const spec = frame(view(lanesOf(dots), dots), { title, subtitle, source, width: WIDTH });
  return { id: "validation", title, description: `${title}. Predictions farthest off: ${farthest(dots)}.`, spec };
}

function leftOut(rows: readonly ValidatedRow[], dots: readonly Dot[]): string {
  const bounds = rows.filter(({ bound }) => bound !== undefined).length;
  const others = rows.length - dots.length - bounds;
  return [
    others === 0 ? "" : ` Left out, without a positive ratio: ${others}.`,
    bounds === 0 ? "" : ` Left out, with a bound instead of a value: ${bounds}.`,
  ].join("");
}

function titleOf({ rows, medianAbsoluteError, shareWithinMiss }: RoleSummary): string {
  if (medianAbsoluteError === null || shareWithinMiss === null) return "Simulated against published figures";
  const [median, within] = [medianAbsoluteError, shareWithinMiss].map(percent);
  return `Predictions: ${median} off in the median, ${within} of ${rows} within 40 %`;
}

function farthest(dots: readonly Dot[]): string {
  const predictions = dots.filter(({ row }) => row.role === "prediction").sort((a, b) => off(b) - off(a));
  const named = predictions.slice(0, NAMED).map(({ row, ratio }) => `${row.id} ${times(ratio)}`);
  return named.join("; ") || "none";
}

function lanesOf(dots: readonly Dot[]): Lane[] {
  return [...groupBy(dots, ({ row }) => row.source)].flatMap(([source, own]) =>
    ROLES.flatMap((role): Lane[] => {
      const lane = own.filter(({ row }) => row.role === role);
      const count = counted(lane.length, role);
      return lane.length === 0 ? [] : [{ label: [citation(source), count], dots: lane }];
    }),
  );
}

function view(lanes: readonly Lane[], dots: readonly Dot[]): View {
  const ratios = dots.map(({ ratio }) => ratio);
  const domain = [Math.min(0.5, ...ratios) / 1.15, Math.max(2, ...ratios) * 1.15] as const;
  const placed: PlacedLane[] = [];
  const values: Record<string, unknown>[] = [];
  let top = 0;
  for (const { label, dots: own } of lanes) {
    const levels = stack(own, domain);
    const count = Math.max(...levels) + 1;
    const pitch = Math.min(DOT, MOST_HEIGHT / count);
    const height = Math.max(LABEL_HEIGHT, count * pitch) + 2 * LANE_PADDING;
    placed.push({ label, centre: top + height / 2 });
    own.forEach((dot, i) => values.push(valueOf(dot, top + height / 2 + fromCentre(levels[i]) * pitch)));
    top += height;
  }
  return { width: WIDTH, height: top, layer: layers(values, placed, domain, top) };
}

/** How many levels up or down each dot goes so that it touches none on its left: 0 is the middle, then alternately. */
function stack(dots: readonly Dot[], [low, high]: readonly [number, number]): number[] {
  const position = (dot: Dot): number => (WIDTH * Math.log(dot.ratio / low)) / Math.log(high / low);
  const order = dots.map((_, index) => index).sort((a, b) => dots[a].ratio - dots[b].ratio);
  const ends: number[] = [];
  const levels = dots.map(() => 0);
  for (const index of order) {
    const x = position(dots[index]);
    const free = ends.findIndex((end) => x - end >= DOT);
    levels[index] = free === -1 ? ends.length : free;
    ends[levels[index]] = x;
  }
  return levels;
}

/** 0, 1, -1, 2, -2, ... */
function fromCentre(level: number): number {
  return level % 2 === 1 ? (level + 1) / 2 : -level / 2;
}

function valueOf({ row, ratio }: Dot, y: number): Record<string, unknown> {
  return {
    figure: row.id,
    system: row.system,
    published: `${figure(row.published)} ${row.unit}`,
    simulated: `${figure(row.simulated ?? 0)} ${row.unit}`,
    // As exact as a picture needs it.
    ratio: Number(ratio.toPrecision(5)),
    y: Number(y.toFixed(1)),
    kind: absoluteError(row) > MISS ? "more than 40 % off" : row.role,
  };
}

function layers(
  values: readonly Record<string, unknown>[],
  lanes: readonly PlacedLane[],
  domain: readonly [number, number],
  height: number,
): View[] {
  const scale = { type: "log", domain, nice: false };
  const ticks = logarithmicTicks(domain[0], domain[1]);
  const axis = { title: "simulated / published (logarithmic)", values: ticks, format: "~g" };
  const x = { type: "quantitative", scale, axis };
  const y = { field: "y", type: "quantitative", scale: { domain: [height, 0] }, axis: laneAxis(lanes) };
  const equal = {
    data: { values: [{ equal: 1 }] },
    mark: { type: "rule", color: "#4d4d4d", strokeWidth: 1.2 },
    encoding: { x: { ...x, field: "equal" } },
  };
  return [band(x, MISS, "#eef2f5"), band(x, CLOSE, "#d9e4ec"), equal, dotLayer(values, x, y)];
}

function dotLayer(values: readonly Record<string, unknown>[], x: View, y: View): View {
  const present = new Set(values.map(({ kind }) => kind));
  const marks = Object.entries(MARKS).filter(([kind]) => present.has(kind));
  const domain = marks.map(([kind]) => kind);
  const kind = { field: "kind", type: "nominal" };
  const tooltip = ["figure", "system", "published", "simulated"].map((field) => ({
    field,
    type: "nominal",
  }));
  return {
    data: { values },
    mark: { type: "point", filled: true, size: 42, opacity: 0.9 },
    encoding: {
      x: { ...x, field: "ratio" },
      y,
      color: {
        ...kind,
        scale: { domain, range: marks.map(([, { colour }]) => colour) },
        legend: { orient: "top", title: null, direction: "horizontal" },
      },
      shape: { ...kind, scale: { domain, range: marks.map(([, { shape }]) => shape) } },
      tooltip,
    },
  };
}

function band(x: View, width: number, color: string): View {
  return {
    data: { values: [{ low: 1 - width, high: 1 + width }] },
    mark: { type: "rect", color, opacity: 1 },
    encoding: { x: { ...x, field: "low" }, x2: { field: "high" } },
  };
}

/** The lanes are of different heights, so the axis is one of pixels with their names at their centres. */
function laneAxis(lanes: readonly PlacedLane[]): View {
  const labels = Object.fromEntries(lanes.map(({ centre, label }) => [String(centre), label]));
  return {
    title: null,
    values: lanes.map(({ centre }) => centre),
    labelExpr: `${JSON.stringify(labels)}[datum.value]`,
    labelPadding: 10,
    ticks: false,
    domain: false,
    grid: false,
  };
}

/** "Barham et al. 2003" of a citation with a title, "Amit, Wei and Tu 2017" of one with several names; without a year, what is before a comma. */
function citation(source: string): string {
  return /^.*?\d{4}(?=, )/.exec(source)?.[0] ?? source.split(",")[0];
}

function sourcesOf(rows: readonly ValidatedRow[]): string {
  return [...new Set(rows.map(({ source }) => citation(source)))].join("; ");
}

function off({ ratio }: Dot): number {
  return Math.abs(Math.log(ratio));
}

function times(value: number): string {
  return `${value.toPrecision(3)}×`;
}
