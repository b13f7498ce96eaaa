/** Figures of the groups of VMs of a host, where something is particular about some. */
import type { CellResult } from "../sim/cell.ts";

/** Number of the VMs that nothing is particular about. */
export const OTHERS = -1;

/** Numbers of the groups that occur, the others first. */
export function groupNumbers(cells: readonly CellResult[]): readonly number[] {
  return [...new Set(cells.flatMap((cell) => column(cell, "group")))].sort((a, b) => a - b);
}

/** A figure of a group; undefined where none of its VMs started. */
export function groupFigure(cell: CellResult, group: number, name: string): number | undefined {
  return column(cell, name)[column(cell, "group").indexOf(group)];
}

function column({ groups }: CellResult, name: string): readonly number[] {
  const index = groups?.columns.indexOf(name) ?? -1;
  return (groups?.rows ?? []).map((row) => row[index]);
}
