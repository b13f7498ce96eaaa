/** What a host simulation recorded second by second, by the name of the column. */
import type { CellOutcome } from "../../sim/cell.ts";

export type SeriesRow = Readonly<Record<string, number>>;

export function rowsOf({ series }: CellOutcome): readonly SeriesRow[] {
  const { columns = [], rows = [] } = series ?? {};
  return rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i]])));
}

export function mean(rows: readonly SeriesRow[], column: string): number {
  return rows.reduce((sum, row) => sum + row[column], 0) / rows.length;
}

export function most(rows: readonly SeriesRow[], column: string): number {
  return Math.max(...rows.map((row) => row[column]));
}
