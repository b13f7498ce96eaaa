/** An explanation as a picture, or as an HTML file with everything in it. */
import { InputError } from "../core/input-error.ts";
import { writeOutput } from "../experiment/output-files.ts";
import type { Explanation } from "../sim/explain/explanation.ts";
import { operationTimelineChart } from "./charts/operation-timeline.ts";
import { renderHtml } from "./html.ts";
import { browserScripts, CHART_FORMATS, renderChart, renderSvg } from "./render-chart.ts";
import { explanationBlocks } from "./sections/explanation-section.ts";

/**
 * Write the diagram (.svg, .png, .vl.json) or the whole explanation (.html). Returns the path. Throws an
 * {@link InputError} for any other ending.
 */
export async function writeExplanation(explanation: Explanation, out: string): Promise<string> {
  const content = await contentFor(explanation, out);
  await writeOutput(out, content);
  return out;
}

async function contentFor(explanation: Explanation, out: string): Promise<string | Uint8Array> {
  const chart = operationTimelineChart(explanation);
  if (out.endsWith(".html")) {
    const { operation, machine } = explanation;
    const sections = [{ id: "steps", title: explanation.summary, blocks: explanationBlocks(explanation) }];
    const pictures = {
      svg: new Map([[chart.id, await renderSvg(chart.spec)]]),
      scripts: browserScripts(),
      beside: false,
    };
    return renderHtml({ title: `What happens in ${operation} on ${machine}`, sections }, pictures);
  }
  const format = CHART_FORMATS.find((ending) => out.endsWith(`.${ending}`));
  if (format !== undefined) return renderChart(chart, format);
  throw new InputError(
    `${out}: no explanation can be written like that; expected a file ending in .svg, .png, .vl.json or .html`,
  );
}
