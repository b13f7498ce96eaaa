/** The resource of a host that is nearest to its limit, other than memory. */
import type { CellResult } from "../sim/cell.ts";

export interface BusiestResource {
  readonly resource: string;
  /** Mean over seeds. */
  readonly percent: number;
}

const RESOURCES = [
  ["CPU", "cpu_busy_percent"],
  // One vCPU serves all guests: it can always have something to do while pCPUs have nothing.
  ["dom0's vCPU", "dom0_cpu_busy_percent"],
  ["disk", "disk_busy_percent"],
  ["network", "network_busy_percent"],
] as const;

/** From here on a resource has no room for more work worth speaking of. */
const BUSY_PERCENT = 95;

/** Of the same host on all its seeds, at least one. */
export function busiestOf(cells: readonly CellResult[]): BusiestResource {
  const busy = RESOURCES.map(([resource, metric]) => {
    const sum = cells.reduce((all, { metrics }) => all + (metrics[metric] ?? 0), 0);
    return { resource, percent: sum / cells.length };
  });
  return busy.reduce((most, one) => (one.percent > most.percent ? one : most));
}

/**
 * What a verdict about memory adds where a host with enough of it has no room for more work already; `where`: "with 8", "at ratio
 * 1". Empty where there is room.
 */
export function busyNote(busiest: BusiestResource | undefined, where: string): string {
  if (busiest === undefined || busiest.percent < BUSY_PERCENT) return "";
  return `; ${busiest.resource} is ${Math.round(busiest.percent)} % busy already ${where}, so that this is about memory alone`;
}
