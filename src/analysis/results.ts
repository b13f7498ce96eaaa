/** The results of a run as analyses see them, and the selections that they share. */
import { InputError } from "../core/input-error.ts";
import type { ServiceLevel, Variation } from "../experiment/matrix.ts";
import { type CellResult, type CellSpec, workTitle } from "../sim/cell.ts";
import { DEFAULT_SERVICE_LEVEL } from "./service-level.ts";

export interface Results {
  /** What charts name as their source: the name of the results folder. */
  readonly name: string;
  readonly cells: readonly CellResult[];
  /** What overcommit is judged by; absent: the default. */
  readonly serviceLevel?: ServiceLevel | undefined;
  /** By block: the input of another block that it varies; absent: none does. */
  readonly variations?: ReadonlyMap<string, Variation> | undefined;
}

/** What the overcommit of a run is judged by. */
export function serviceLevelOf({ serviceLevel = DEFAULT_SERVICE_LEVEL }: Results): ServiceLevel {
  return serviceLevel;
}

/** Cells of one guest alone, every trap simulated. */
export function monitorCells(results: Results): CellResult[] {
  return results.cells.filter((cell) => cell.status === "done" && !isHostCell(cell.spec));
}

/** Cells of many guests on a host, but for those that only vary an input of others. */
export function hostCells(results: Results): CellResult[] {
  const { cells, variations } = results;
  return cells.filter(
    ({ status, spec }) => status === "done" && isHostCell(spec) && variations?.has(spec.block) !== true,
  );
}

/** Blocks that ask how many VMs a host of given memory holds, instead of how little memory given VMs need. */
export function blocksOfFixedHosts({ cells }: Results): ReadonlySet<string> {
  return new Set(cells.flatMap(({ spec }) => (spec.hostPages === undefined ? [] : [spec.block])));
}

/** Host cells, but in such blocks those with memory for all VMs, which the others are only compared with. */
export function hostsInQuestion(results: Results): CellResult[] {
  const fixed = blocksOfFixedHosts(results);
  return hostCells(results).filter(({ spec }) => spec.hostPages !== undefined || !fixed.has(spec.block));
}

/** Host cells whose number of VMs is given and not what is asked. */
export function hostsOfGivenVms(results: Results): CellResult[] {
  const fixed = blocksOfFixedHosts(results);
  return hostCells(results).filter(({ spec }) => !fixed.has(spec.block));
}

function isHostCell(spec: CellSpec): boolean {
  return spec.vms !== undefined || spec.overcommit !== undefined;
}

/** Bare metal as it is registered, the baseline of slowdowns. */
export function isNative(cell: CellResult): boolean {
  return cell.spec.vmm.base === "native" && Object.keys(cell.spec.vmm.set).length === 0;
}

/** Split items by a key, in order of first appearance. */
export function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** Different values of a property, in order of first appearance. */
export function distinct<T, V>(items: readonly T[], valueOf: (item: T) => V): V[] {
  return [...new Set(items.map(valueOf))];
}

/** Cells of hosts that differ in nothing but the seed, in order of first appearance. */
export function replicates(cells: readonly CellResult[]): CellResult[][] {
  const groups = groupBy(cells, ({ spec }) =>
    JSON.stringify([spec.block, spec.workload, spec.machine, spec.vms, spec.overcommit, spec.vmm.label]),
  );
  return [...groups.values()];
}

/**
 * Cells of the same workload, number of guests and seed must have replayed the same operations. Throws an
 * {@link InputError} that names the cells that did not: comparing them would compare different work.
 */
export function requireIdenticalWork(cells: readonly CellResult[]): void {
  const problems: string[] = [];
  const done = cells.filter((cell) => cell.status === "done");
  for (const [, group] of groupBy(done, sameWork)) {
    const [first] = group;
    const other = group.find((cell) => cell.streamDigest !== first.streamDigest);
    if (other === undefined) continue;
    problems.push(
      `workload "${workTitle(first.spec)}", seed ${first.spec.seed}: ${describe(first)} and ${describe(other)} replayed ` +
        "different operation streams and cannot be compared; run the matrix again with one version of the workload",
    );
  }
  if (problems.length > 0) throw new InputError(problems);
}

/** At host resolution the stream of a cell is that of all its guests together. */
function sameWork({ spec }: CellResult): string {
  const guests = isHostCell(spec) ? [spec.vms, spec.vms === undefined ? spec.overcommit : undefined] : "one";
  const others = (spec.settings ?? []).filter(({ workload = spec.workload }) => workload !== spec.workload);
  const work = others.map(({ first, last, workload }) => [first, last, workload]);
  return JSON.stringify([spec.workload, work, guests, spec.seed]);
}

function describe(cell: CellResult): string {
  return `"${cell.spec.vmm.label}" in block "${cell.spec.block}" (stream ${cell.streamDigest.slice(0, 12)})`;
}
