/** A report before it becomes HTML or Markdown. All text is plain; the writers escape it. */
import type { Chart } from "./charts/chart.ts";

export type Block =
  | { readonly kind: "paragraph"; readonly text: string; readonly isLeftOut?: true }
  | { readonly kind: "list"; readonly items: readonly string[] }
  | { readonly kind: "code"; readonly lines: readonly string[] }
  | { readonly kind: "chart"; readonly chart: Chart }
  | Table;

export interface Table {
  readonly kind: "table";
  readonly caption: string;
  readonly columns: readonly string[];
  /** Numbers are shown with thousands separated; text as it is. */
  readonly rows: readonly (readonly (string | number)[])[];
  /** Indices of rows whose figures are not as they should be: red, or bold where there is no colour. */
  readonly missed?: ReadonlySet<number>;
  /** Shown folded up where the medium allows it. */
  readonly folded?: boolean;
}

export interface Section {
  /** Anchor in the page. */
  readonly id: string;
  readonly title: string;
  readonly blocks: readonly Block[];
}

export interface Document {
  readonly title: string;
  readonly sections: readonly Section[];
}

export function paragraph(text: string): Block {
  return { kind: "paragraph", text };
}

/** All there is of a section for which the run has nothing; `needs`: what it would have to have. */
export function leftOut(needs: string): Block {
  return { kind: "paragraph", text: `Left out: it needs ${needs}.`, isLeftOut: true };
}

/** In their order, but those with nothing to show after those with something. */
export function answersFirst(sections: readonly Section[]): readonly Section[] {
  const isLeftOut = ({ blocks }: Section): boolean =>
    blocks.some((block) => block.kind === "paragraph" && block.isLeftOut === true);
  return [...sections.filter((section) => !isLeftOut(section)), ...sections.filter(isLeftOut)];
}

export function list(items: readonly string[]): Block {
  return { kind: "list", items };
}

/** A figure, a share, a range or a part of a whole: `+1,024.5`, `12 %`, `0.98 to 1.02`, `5 of 8`. */
const FIGURE = /^[+-]?[\d,]+(\.\d+)?( %)?( (to|of) [+-]?[\d,]+(\.\d+)?)?$/;

/** By column, whether it holds figures: numbers, or texts that are all figures but for cells without one. */
export function figureColumns({ columns, rows }: Table): readonly boolean[] {
  return columns.map((_, column) => {
    const cells = rows.map((row) => row[column]).filter((cell) => cell !== "" && cell !== "-");
    if (cells.some((cell) => typeof cell === "number")) return true;
    return cells.length > 0 && cells.every((cell) => FIGURE.test(String(cell)));
  });
}

/** A figure as tables show it: three significant digits, whole numbers with thousands separated. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Math.abs(value) >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString("en-US");
  return value.toPrecision(3);
}
