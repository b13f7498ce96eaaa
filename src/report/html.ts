/** A report as one HTML file that needs nothing else: no request leaves the page. */
import { createHash } from "node:crypto";
import type { Chart } from "./charts/chart.ts";
import { withColumnData } from "./column-data.ts";
import { type Block, type Document, figure, figureColumns, type Section, type Table } from "./document.ts";
import { STYLE } from "./html-style.ts";

/** Replaces each static picture by its interactive twin; without JavaScript and in print the pictures stay. */
const START = `(async () => {
  const read = { number: Number, boolean: (text) => text === "true", string: String };
  // Tables that are text by columns; the reader of the chart library would need eval, too.
  const expandTables = (node) => {
    if (typeof node !== "object" || node === null) return;
    if (node.format?.type !== "tsv") return Object.values(node).forEach(expandTables);
    const [columns, ...rows] = node.values.split("\\n").map((line) => line.split("\\t"));
    const types = columns.map((column) => read[node.format.parse[column]]);
    node.values = rows.map((row) => Object.fromEntries(row.map((text, i) => [columns[i], types[i](text)])));
    delete node.format;
  };
  for (const figure of document.querySelectorAll("figure[data-chart]")) {
    const spec = JSON.parse(figure.querySelector("script").textContent);
    expandTables(spec);
    const live = document.createElement("div");
    // ast: expressions are interpreted, because the page forbids eval.
    const options = { mode: "vega-lite", ast: true, renderer: "svg", actions: false, defaultStyle: false };
    await vegaEmbed(live, spec, options);
    figure.querySelector(".picture").replaceChildren(live);
    figure.dataset.live = "true";
  }
  document.documentElement.dataset.ready = "true";
})();`;

export interface Pictures {
  /** Static SVG by chart id. */
  readonly svg: ReadonlyMap<string, string>;
  /** Browser builds of the chart library, in loading order. */
  readonly scripts: readonly string[];
  /** Whether charts are written as files beside the page, too. */
  readonly beside: boolean;
}

export function renderHtml(document: Document, pictures: Pictures): string {
  const scripts = [...pictures.scripts.map(inlineScript), START];
  const hashes = scripts.map((script) => `'sha256-${createHash("sha256").update(script).digest("base64")}'`);
  const policy = `default-src 'none'; script-src ${hashes.join(" ")}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'`;
  const contents = document.sections.map(({ id, title }) => `<li><a href="#${id}">${escapeHtml(title)}</a></li>`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>${escapeHtml(document.title)}</title>
<style>${STYLE}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the report</a>
<header><h1>${escapeHtml(document.title)}</h1>
<nav aria-label="Contents"><ul>${contents.join("")}</ul></nav></header>
<main id="main">
${document.sections.map((section) => sectionHtml(section, pictures)).join("\n")}
</main>
${scripts.map((script) => `<script>${script}</script>`).join("\n")}
</body>
</html>
`;
}

function sectionHtml({ id, title, blocks }: Section, pictures: Pictures): string {
  const body = blocks.map((block) => blockHtml(block, pictures)).join("\n");
  return `<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${escapeHtml(title)}</h2>\n${body}</section>`;
}

function blockHtml(block: Block, pictures: Pictures): string {
  switch (block.kind) {
    case "paragraph":
      return `<p>${escapeHtml(block.text)}</p>`;
    case "list":
      return `<ul>${block.items.map((item) => `<li>${escapeHtml(item)}</li>`).join("")}</ul>`;
    case "code":
      return `<pre tabindex="0"><code>${escapeHtml(block.lines.join("\n"))}</code></pre>`;
    case "chart":
      return chartHtml(block.chart, pictures);
    case "table":
      return tableHtml(block);
  }
}

function chartHtml({ id, title, description, spec }: Chart, pictures: Pictures): string {
  const { $schema: _, ...bare } = spec;
  const beside = pictures.beside ? ` <small>Also written as charts/${id}.svg, .png, .vl.json</small>` : "";
  return `<figure data-chart="${id}" aria-label="${escapeHtml(title)}">
<div class="picture" role="img" tabindex="0" aria-label="${escapeHtml(description)}">${ownIds(pictures.svg.get(id) ?? "", id)}</div>
<figcaption>${escapeHtml(title)}.${beside}</figcaption>
<script type="application/json">${inlineJson(withColumnData(bare))}</script>
</figure>`;
}

function tableHtml(content: Table): string {
  const { caption, columns, rows, missed, folded } = content;
  // One letter: it stands in thousands of cells.
  const classes = figureColumns(content).map((isFigure) => (isFigure ? ' class="n"' : ""));
  const head = columns.map((column, i) => `<th scope="col"${classes[i]}>${escapeHtml(column)}</th>`).join("");
  const open = (index: number): string => (missed?.has(index) ? '<tr class="missed">' : "<tr>");
  const cells = (row: Table["rows"][number]): string => row.map((value, i) => cellHtml(value, i, classes[i])).join("");
  const body = rows.map((row, index) => `${open(index)}${cells(row)}</tr>`).join("\n");
  const table = `<div class="table" tabindex="0" role="region" aria-label="${escapeHtml(caption)}"><table><caption>${escapeHtml(caption)}</caption>
<thead><tr>${head}</tr></thead><tbody>
${body}
</tbody></table></div>`;
  return folded ? `<details><summary>${escapeHtml(caption)}</summary>${table}</details>` : table;
}

function cellHtml(value: string | number, column: number, attributes: string): string {
  const text = escapeHtml(typeof value === "number" ? figure(value) : value);
  return column === 0 ? `<th scope="row"${attributes}>${text}</th>` : `<td${attributes}>${text}</td>`;
}

/** Ids inside an SVG are made unique, because all pictures share one page. */
function ownIds(svg: string, id: string): string {
  return svg.replace(/(\bid="|url\(#|href="#)/g, `$1${id}-`);
}

export function escapeHtml(text: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return text.replace(/[&<>"']/g, (character) => entities[character]);
}

/** Nothing in it can end the script element. */
function inlineJson(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}

function inlineScript(script: string): string {
  return script.replaceAll("</script", "<\\/script").replace(/^\/\/# sourceMappingURL=.*$/gm, "");
}
