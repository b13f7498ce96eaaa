/** Lines of a plain text table: first column left-aligned, the others right-aligned, two spaces between. */
export function textTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  const pad = (cell: string, column: number): string =>
    column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]);
  return rows.map((row) => `${row.map(pad).join("  ").trimEnd()}\n`).join("");
}

/** What a terminal has room for. */
export const WIDEST = 120;

/** A table that would be wider than this as several, below each other, with the first column in each. */
export function foldedTable(rows: readonly (readonly string[])[]): string {
  const widthOf = (column: number): number => Math.max(...rows.map((row) => (row[column] ?? "").length));
  const folds: number[][] = [[]];
  let width = widthOf(0);
  for (let column = 1; column < rows[0].length; column++) {
    width += 2 + widthOf(column);
    const fold = folds[folds.length - 1];
    if (width <= WIDEST || fold.length === 0) fold.push(column);
    else {
      folds.push([column]);
      width = widthOf(0) + 2 + widthOf(column);
    }
  }
  return folds.map((columns) => textTable(rows.map((row) => [0, ...columns].map((column) => row[column])))).join("\n");
}

/** A whole number with thousands separators. */
export function wholeNumber(value: number): string {
  return value.toLocaleString("en-US");
}

/** `part` of `whole` as a percentage with two decimals; a dash if there is no whole. */
export function percentage(part: number, whole: number): string {
  return whole === 0 ? "-" : `${((100 * part) / whole).toFixed(2)} %`;
}
