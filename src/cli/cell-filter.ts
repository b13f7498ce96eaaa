/** `--filter vmm=esx`: which cells to run. */
import { InputError } from "../core/input-error.ts";
import { suggestion } from "../core/nearest-name.ts";
import type { CellSpec } from "../sim/cell.ts";

const VALUES: Readonly<Record<string, (cell: CellSpec) => string>> = {
  block: (cell) => cell.block,
  vmm: (cell) => cell.vmm.label,
  workload: (cell) => cell.workload,
  machine: (cell) => cell.machine,
  seed: (cell) => String(cell.seed),
  vms: (cell) => String(cell.vms ?? ""),
  overcommit: (cell) => String(cell.overcommit ?? ""),
};

/** Values by axis. Throws an {@link InputError} for what is not a condition. */
export function parseFilter(conditions: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const wanted = new Map<string, string[]>();
  for (const condition of conditions) {
    const [, axis = "", value = ""] = /^([^=]+)=(.+)$/.exec(condition) ?? [];
    if (value === "") throw new InputError(`--filter: expected axis=value, such as vmm=esx; found "${condition}"`);
    if (!Object.hasOwn(VALUES, axis))
      throw new InputError(`--filter: unknown axis "${axis}"; ${suggestion(axis, Object.keys(VALUES))}`);
    wanted.set(axis, [...(wanted.get(axis) ?? []), value]);
  }
  return wanted;
}

/** Conditions on different axes must all hold; of several on one axis, one must. */
export function isSelected(cell: CellSpec, wanted: ReadonlyMap<string, readonly string[]>): boolean {
  return [...wanted].every(([axis, values]) => values.includes(VALUES[axis](cell)));
}

/** Throws an {@link InputError} that names every value that no cell has, and the nearest one that some cell has. */
export function requireKnownValues(cells: readonly CellSpec[], wanted: ReadonlyMap<string, readonly string[]>): void {
  const problems = [...wanted].flatMap(([axis, values]) => {
    const known = [...new Set(cells.map(VALUES[axis]))].filter((value) => value !== "");
    return values
      .filter((value) => !known.includes(value))
      .map((value) => `--filter: no cell has ${axis} "${value}"; ${suggestion(value, known)}`);
  });
  if (problems.length > 0) throw new InputError(problems);
}
