import type { Block } from "../document.ts";

/** What every row about hosts says first. */
export interface HostTableRow {
  readonly vmm: string;
  readonly ratio: number;
  readonly seeds: number;
}

/** How each further column, by its header, is read from a row. */
export type HostColumns<Row> = Readonly<Record<string, (row: Row) => string | number | undefined>>;

/** A table of hosts, one row each: VMM and overcommit ratio, then what the columns say. `folded`: it opens on a click. */
export function hostTable<Row extends HostTableRow>(
  title: string,
  rows: readonly Row[],
  columns: HostColumns<Row>,
  folded: boolean,
): Block {
  const [{ seeds }] = rows;
  return {
    kind: "table",
    caption: `${title}; ${seeds === 1 ? "one seed, mean over" : `means over ${seeds} seeds and`} the measured time`,
    columns: ["VMM", "overcommit ratio", ...Object.keys(columns)],
    rows: rows.map((row) => [row.vmm, row.ratio, ...Object.values(columns).map((read) => read(row) ?? "")]),
    folded,
  };
}
