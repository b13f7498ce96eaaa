/** What every chart shares: its frame (title that states the content, subtitle, source line) and its fonts. */
import type { Config, TopLevelSpec } from "vega-lite";
import { distinct, type Results } from "../../analysis/results.ts";
import { type CellResult, type CellSpec, fileTitle } from "../../sim/cell.ts";
import { wrapText } from "../wrap-text.ts";

/** A drawn chart: a Vega-Lite specification with its values inlined. */
export interface Chart {
  /** File name without ending. */
  readonly id: string;
  readonly title: string;
  /** What a reader who cannot see the picture needs to know. */
  readonly description: string;
  readonly spec: TopLevelSpec;
}

/** A kind of chart; one run may have several of a kind (one for each block), or none. */
export interface ChartKind {
  readonly name: string;
  readonly summary: string;
  /** What a run must contain so that there is something to draw. */
  readonly needs: string;
  readonly draw: (results: Results) => readonly Chart[];
}

const INK = "#222222";
const QUIET = "#595959";
export const FONT = "DejaVu Sans";
const FONTS = `${FONT}, Verdana, sans-serif`;

const CONFIG: Config = {
  background: "#ffffff",
  // Pages describe a chart as a whole; a label on each of hundreds of marks doubles the size and helps nobody.
  aria: false,
  font: FONTS,
  padding: 16,
  view: { stroke: null },
  axis: {
    labelFontSize: 11,
    titleFontSize: 11,
    titleFontWeight: "normal",
    labelColor: INK,
    titleColor: INK,
    labelLimit: 320,
    titleLimit: 600,
    gridColor: "#e3e3e3",
    domainColor: "#8c8c8c",
    tickColor: "#8c8c8c",
    titlePadding: 8,
  },
  legend: {
    labelFontSize: 11,
    titleFontSize: 11,
    titleFontWeight: "normal",
    labelColor: INK,
    titleColor: INK,
    labelLimit: 320,
    symbolSize: 110,
    symbolType: "square",
    symbolOpacity: 1,
    rowPadding: 3,
    columnPadding: 18,
  },
  header: { labelFontSize: 12, labelFontWeight: "bold", labelColor: INK, titleColor: INK, labelLimit: 360 },
  title: {
    anchor: "start",
    fontSize: 15,
    fontWeight: "bold",
    color: INK,
    subtitleFontSize: 11.5,
    subtitleColor: QUIET,
    subtitlePadding: 6,
    offset: 14,
    limit: 2000,
  },
};

/** Channels that most views have legends for. */
const LEGENDS = ["color", "shape", "strokeDash"];

export interface Frame {
  readonly title: string;
  readonly subtitle: string;
  readonly source: string;
  readonly width: number;
  /** Channels that the view has legends for. */
  readonly legends?: readonly string[];
}

/** One view of a chart, without frame: any unit, layer, facet or concatenation. */
export type View = Record<string, unknown>;

/** Set a frame around a view that is about `width` pixels wide, labels and legends not counted. */
export function frame(view: View, { title, subtitle, source, width, legends = LEGENDS }: Frame): TopLevelSpec {
  const caption = {
    width,
    height: 14,
    data: { values: [{}] },
    mark: {
      type: "text",
      align: "left",
      baseline: "top",
      x: 0,
      y: 0,
      fontSize: 10,
      color: QUIET,
      limit: 0,
      text: wrapText(source, width / 6),
      lineHeight: 13,
    },
  };
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    title: { text: wrapText(title, (width + 90) / 10), subtitle: wrapText(subtitle, (width + 90) / 6.6) },
    spacing: 14,
    bounds: "full",
    config: CONFIG,
    vconcat: [view, caption],
    // Keeps the legends of the view above the source line.
    resolve: { scale: Object.fromEntries(legends.map((channel) => [channel, "independent"])) },
  } as unknown as TopLevelSpec;
}

/** Ticks of a logarithmic axis at 1, 1.5, 2, 3, 5, 7 times powers of ten; few decades get all, many only 1, 2 and 5. */
export function logarithmicTicks(low: number, high: number): number[] {
  const decades = Math.log10(high / low);
  const steps =
    decades > 3
      ? [1]
      : decades > 1.2
        ? [1, 2, 5]
        : decades > 0.5
          ? [1, 1.5, 2, 3, 4, 5, 7]
          : [1, 1.1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 4, 5, 6, 7, 8, 9];
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const step of steps) {
      const tick = Number((step * 10 ** power).toPrecision(3));
      if (tick >= low && tick <= high) ticks.push(tick);
    }
  }
  return ticks;
}

/** One panel a name, in the order given; names longer than a panel of `width` pixels is wide take several lines. */
export function panelOf(field: string, names: readonly string[], width: number): View {
  const lines = Object.fromEntries(names.map((name) => [name, wrapText(name, width / 7.5)]));
  const header = { labelExpr: `${JSON.stringify(lines)}[datum.value]` };
  return { field, type: "nominal", sort: names, title: null, header };
}

/** What marks stand for, as the beginning of a subtitle's sentences: "Bands: 95 % confidence interval; dashed: 5 % loss. ". */
export function markNote(marks: readonly string[]): string {
  const text = marks.join("; ");
  return text === "" ? "" : `${text.charAt(0).toUpperCase()}${text.slice(1)}. `;
}

/** "n = 3 seeds (1, 2, 3)". */
export function seedNote(cells: readonly CellResult[]): string {
  const seeds = distinct(cells, (cell) => cell.spec.seed).sort((a, b) => a - b);
  const list = seeds.length > 6 ? `${seeds[0]} to ${seeds.at(-1)}` : seeds.join(", ");
  return seeds.length === 1 ? `one seed (${list})` : `n = ${seeds.length} seeds (${list})`;
}

/** "machine xeon-2.4-sosp03". */
export function machineNote(cells: readonly CellResult[]): string {
  const machines = distinct(cells, (cell) => fileTitle(cell.spec.machine));
  return `${machines.length === 1 ? "machine" : "machines"} ${machines.join(", ")}`;
}

/** A chart of results: `view` in its frame, with the results as its source; `told` is what it shows, in sentences. */
export function chartOf(
  { name }: Results,
  { id, ...frameOf }: { readonly id: string } & Omit<Frame, "source">,
  view: View,
  told: string,
): Chart {
  const { title } = frameOf;
  const source = `Source: vmmbench, results ${name}. The VMMs are models.`;
  return { id, title, description: `${title}. ${told}`, spec: frame(view, { ...frameOf, source }) };
}

type HostOf = Pick<CellSpec, "block" | "workload" | "machine" | "vms" | "hostPages">;

/** What tells hosts of different charts apart; on hosts of given memory, any number of VMs is in question. */
export function hostParts({ block, workload, machine, vms, hostPages }: HostOf): string[] {
  return [block, workload, machine, hostPages === undefined ? `${vms}-vms` : "vms"];
}

/**
 * Ids of the charts of a kind, from what tells them apart (block, workload, machine, ...): the plain name if there is only
 * one, or for the block that is called like the chart; otherwise name and the parts that differ.
 */
export function chartIds(name: string, parts: readonly (readonly string[])[]): string[] {
  const telling = parts[0]?.map((first, index) => parts.some((other) => other[index] !== first)) ?? [];
  return parts.map((own) => {
    const words = own.filter((part, index) => telling[index] && part !== name);
    return [name, ...words.map((part) => part.toLowerCase().replace(/[^a-z0-9.]+/g, "-"))].join("-");
  });
}
