/** A report as Markdown (GitHub flavour), with the PNG charts beside it. */
import { type Block, type Document, figure, figureColumns, type Table } from "./document.ts";

export function renderMarkdown(document: Document): string {
  const sections = document.sections.map(
    ({ title, blocks }) => `## ${escapeMarkdown(title)}\n\n${blocks.map(blockMarkdown).join("\n\n")}\n`,
  );
  return `# ${escapeMarkdown(document.title)}\n\n${sections.join("\n")}`;
}

function blockMarkdown(block: Block): string {
  switch (block.kind) {
    case "paragraph":
      return escapeMarkdown(block.text);
    case "list":
      return block.items.map((item) => `- ${escapeMarkdown(item)}`).join("\n");
    case "code":
      return `\`\`\`sh\n${block.lines.join("\n")}\n\`\`\``;
    case "chart":
      return `![${escapeMarkdown(block.chart.title)}](charts/${block.chart.id}.svg)`;
    case "table":
      return tableMarkdown(block);
  }
}

function tableMarkdown(table: Table): string {
  const { caption, columns, rows, missed, folded } = table;
  const body = rows.map((row, index) => {
    const cells = row.map((value) => (typeof value === "number" ? figure(value) : escapeMarkdown(value)));
    return tableLine(missed?.has(index) ? cells.map((cell) => (cell === "" ? "" : `**${cell}**`)) : cells);
  });
  const rule = tableLine(figureColumns(table).map((right) => (right ? "---:" : "---")));
  const lines = [tableLine(columns.map(escapeMarkdown)), rule, ...body].join("\n");
  const title = escapeMarkdown(caption);
  return folded ? `<details><summary>${title}</summary>\n\n${lines}\n\n</details>` : `${title}:\n\n${lines}`;
}

function tableLine(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

/** Text from users must not become markup, HTML or the end of a table cell. */
export function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_[\]<>|#~&]/g, "\\$&").replace(/\s*\n\s*/g, " ");
}
