/** Charts as SVG, PNG and Vega-Lite JSON. The same chart always gives the same bytes. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Resvg } from "@resvg/resvg-js";
import * as vega from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import { type Chart, FONT } from "./charts/chart.ts";
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
  const view = new vega.View(vega.parse(compileStrictly(spec)), { renderer: "none" });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
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
  return `${JSON.stringify({ description: chart.description, ...chart.spec })}\n`;
}

export async function renderChart(chart: Chart, format: ChartFormat): Promise<string | Uint8Array> {
  if (format === "vl.json") return renderJson(chart);
  const svg = await renderSvg(chart.spec);
  return format === "svg" ? svg : renderPng(svg);
}

/** Vega-Lite to Vega, with warnings as errors. */
export function compileStrictly(spec: TopLevelSpec): ReturnType<typeof compile>["spec"] {
  const complaints: string[] = [];
  const logger = {
    level: () => logger,
    error: (...message: readonly unknown[]) => (complaints.push(message.join(" ")), logger),
    warn: (...message: readonly unknown[]) => (complaints.push(message.join(" ")), logger),
    info: () => logger,
    debug: () => logger,
  };
  const compiled = compile(spec, { logger: logger as never });
  if (complaints.length > 0) throw new Error(`Vega-Lite complains about a chart: ${complaints.join("; ")}`);
  return compiled.spec;
}

/** The browser builds that an interactive page needs, in loading order. Their packages' exports hide these files. */
export function browserScripts(): string[] {
  return ["vega", "vega-lite", "vega-embed"].map((name) => {
    const main = fileURLToPath(import.meta.resolve(name));
    return readFileSync(join(dirname(main), `${name}.min.js`), "utf8");
  });
}
