/** Charts as SVG, PNG and Vega-Lite JSON. The same chart always gives the same bytes. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Resvg } from "@resvg/resvg-js";
import * as vega from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import { type Chart, FONT } from "./charts/chart.ts";
import { withColumnData } from "./column-data.ts";
import { FONT_FILES, textWidth } from "./text-width.ts";

export const CHART_FORMATS = ["svg", "png", "vl.json"] as const;
export type ChartFormat = (typeof CHART_FORMATS)[number];

/** Pixels of a PNG per pixel of the SVG: sharp on high-resolution displays and in print. */
const PNG_SCALE = 2;

interface TextMetrics {
  width(item: { fontSize?: number; fontWeight?: string | number }, text: unknown): number;
}
// Vega's hook for such measures is missing from its types. Setting it also keeps a canvas package that happens to be
// installed from changing the layout.
(vega as unknown as { textMetrics: TextMetrics }).textMetrics.width = (item, text) =>
  textWidth(String(text ?? ""), item.fontSize ?? 11, item.fontWeight === "bold" || Number(item.fontWeight) >= 600);

/** An SVG document. Throws if Vega-Lite has anything to complain about: a warning means that the chart is not as meant. */
export async function renderSvg(spec: TopLevelSpec): Promise<string> {
  const compiled = compileStrictly(spec);
  const complaints: string[] = [];
  const logger = complaintLogger(complaints);
  const view = new vega.View(vega.parse(compiled), { renderer: "none", logger: logger as never });
  try {
    const svg = await view.toSVG();
    requireNone(complaints);
    return withoutRepetition(withoutEmptyPaths(roundCoordinates(svg)));
  } finally {
    view.finalize();
  }
}

/** Tenths of a pixel: more digits make a file half as large again and change no picture that anybody could tell apart. */
function roundCoordinates(svg: string): string {
  return svg.replace(/ (d|transform|width|height|x|y|x1|x2|y1|y2)="[^"]*"/g, (attribute) =>
    attribute.replace(/\d+\.\d{2,}(?!\d*e)/g, (number) => String(Math.round(Number(number) * 10) / 10)),
  );
}

/** Vega gives every group a background and a foreground, though most draw nothing and hear no mouse in a still picture. */
function withoutEmptyPaths(svg: string): string {
  return svg.replace(/<path class="(?:background|foreground)"(?![^>]* (?:fill|stroke)=)[^>]*\/>/g, "");
}

/** What holds without being said, in a still picture that hears no mouse. */
const DEFAULTS = / (?:(?:opacity|stroke-width)="1"|text-anchor="start"|pointer-events="none")(?=[^<]*>)/g;

/** Of labels, most of the texts of a chart. */
const SIZE = ' font-size="11px"';

/** The width of a line that is not drawn. */
const NO_LINE = /(<(?:path|rect|line)(?![^>]* stroke=)[^>]*?) stroke-width="[^"]*"/g;

/** Vega writes the font on every text, which can inherit it, and values that hold anyhow: a tenth of the file. */
function withoutRepetition(svg: string): string {
  const [font = ""] = / font-family="[^"]*"/.exec(svg) ?? [];
  const lean = svg.replaceAll(font, "").replaceAll(SIZE, "").replace(DEFAULTS, "").replace(NO_LINE, "$1");
  return lean.replace("<svg", `<svg${font}${SIZE}`);
}

/** A PNG of an SVG that {@link renderSvg} made, at twice its size. */
export function renderPng(svg: string): Uint8Array {
  const options = {
    background: "#ffffff",
    fitTo: { mode: "zoom" as const, value: PNG_SCALE },
    // Without fonts of our own, text would vanish on machines that have none.
    font: { loadSystemFonts: false, fontFiles: FONT_FILES, defaultFontFamily: FONT, sansSerifFamily: FONT },
  };
  return new Resvg(svg, options).render().asPng();
}

/** The chart's specification as a file that the Vega editor and notebooks open. */
export function renderJson(chart: Chart): string {
  return `${JSON.stringify(withColumnData({ description: chart.description, ...chart.spec }))}\n`;
}

export async function renderChart(chart: Chart, format: ChartFormat): Promise<string | Uint8Array> {
  if (format === "vl.json") return renderJson(chart);
  const svg = await renderSvg(chart.spec);
  return format === "svg" ? svg : renderPng(svg);
}

/** Vega-Lite to Vega, with warnings as errors. */
export function compileStrictly(spec: TopLevelSpec): ReturnType<typeof compile>["spec"] {
  const complaints: string[] = [];
  const compiled = compile(spec, { logger: complaintLogger(complaints) as never });
  requireNone(complaints);
  return compiled.spec;
}

/** Collects warnings and errors. */
function complaintLogger(complaints: string[]): Logger {
  const complain = (...message: readonly unknown[]): Logger => {
    complaints.push(message.join(" "));
    return logger;
  };
  const ignore = (): Logger => logger;
  const logger: Logger = { level: ignore, error: complain, warn: complain, info: ignore, debug: ignore };
  return logger;
}

function requireNone(complaints: readonly string[]): void {
  if (complaints.length > 0) throw new Error(`a chart is not as it should be: ${complaints.join("; ")}`);
}

type Logger = Record<"level" | "error" | "warn" | "info" | "debug", (...message: readonly unknown[]) => Logger>;

/** The browser builds that an interactive page needs, in loading order. Their packages' exports hide these files. */
export function browserScripts(): string[] {
  return ["vega", "vega-lite", "vega-embed"].map((name) => {
    const main = fileURLToPath(import.meta.resolve(name));
    return readFileSync(join(dirname(main), `${name}.min.js`), "utf8");
  });
}
