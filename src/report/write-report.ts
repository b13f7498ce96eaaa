/** Writes the report of a run: one HTML file, Markdown, CSV tables, and every chart in three formats. */
import { join } from "node:path";
import { loadAcceptedFigures } from "../analysis/validation/accepted-figures.ts";
import type { Validation } from "../analysis/validation/validation.ts";
import { writeOutput } from "../experiment/output-files.ts";
import type { Chart } from "./charts/chart.ts";
import { answersFirst, type Document } from "./document.ts";
import { renderHtml } from "./html.ts";
import { loadRun, type Run } from "./load-run.ts";
import { renderMarkdown } from "./markdown.ts";
import { browserScripts, renderJson, renderPng, renderSvg } from "./render-chart.ts";
import { cyclesSection, hostMemorySection, operationsSection, vmMemorySection } from "./sections/breakdown-sections.ts";
import { explanationSection } from "./sections/explanation-section.ts";
import { limitsSection, notDoneSection, reproduceSection, sourcesSection } from "./sections/limits-sections.ts";
import { hostsSection } from "./sections/hosts-section.ts";
import { isolationSection } from "./sections/isolation-section.ts";
import { overcommitSection } from "./sections/overcommit-section.ts";
import { runSection } from "./sections/run-section.ts";
import { slowdownSection } from "./sections/slowdown-section.ts";
import { summarySection } from "./sections/summary-section.ts";
import { vmCountSection } from "./sections/vm-count-section.ts";
import { utilizationSection } from "./sections/utilization-section.ts";
import { validationSection } from "./sections/validation-section.ts";
import { csvTables } from "./tables.ts";

export interface WrittenReport {
  /** Path of `index.html`. */
  readonly index: string;
  /** Paths of the charts' SVG files. */
  readonly charts: readonly string[];
}

/**
 * Write the report of a results folder. Everything is made before anything is written. Throws an InputError when the
 * folder holds no finished run or its cells cannot be compared.
 */
export async function writeReport(resultsFolder: string, reportFolder: string): Promise<WrittenReport> {
  const run = await loadRun(resultsFolder);
  const document = reportDocument(run, loadAcceptedFigures());
  const charts = chartsOf(document);
  const svg = new Map<string, string>();
  for (const chart of charts) svg.set(chart.id, await renderSvg(chart.spec));

  const files = new Map<string, string | Uint8Array>();
  files.set("index.html", renderHtml(document, { svg, scripts: browserScripts(), beside: true }));
  files.set("report.md", renderMarkdown(document));
  for (const [name, csv] of csvTables(run.results)) files.set(join("tables", name), csv);
  for (const chart of charts) {
    const picture = svg.get(chart.id) ?? "";
    files.set(join("charts", `${chart.id}.svg`), picture);
    files.set(join("charts", `${chart.id}.png`), renderPng(picture));
    files.set(join("charts", `${chart.id}.vl.json`), renderJson(chart));
  }

  for (const [name, content] of files) await writeOutput(join(reportFolder, name), content);
  const pictures = charts.map((chart) => join(reportFolder, "charts", `${chart.id}.svg`));
  return { index: join(reportFolder, "index.html"), charts: pictures };
}

/** The sections of a report, in reading order. */
function reportDocument(run: Run, validation: Validation): Document {
  return {
    title: `Comparison of virtual machine monitors: ${run.manifest.matrix.title || run.manifest.matrix.name}`,
    sections: [
      summarySection(run),
      runSection(run),
      ...answersFirst([
        slowdownSection(run),
        cyclesSection(run),
        operationsSection(run),
        explanationSection(run),
        utilizationSection(run),
        hostsSection(run),
        isolationSection(run),
        overcommitSection(run),
        vmCountSection(run),
        hostMemorySection(run),
        vmMemorySection(run),
      ]),
      notDoneSection(run),
      validationSection(validation),
      sourcesSection(run),
      limitsSection(),
      reproduceSection(run),
    ],
  };
}

function chartsOf(document: Document): Chart[] {
  return document.sections.flatMap(({ blocks }) =>
    blocks.flatMap((block) => (block.kind === "chart" ? [block.chart] : [])),
  );
}
