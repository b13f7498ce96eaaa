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

/** Conditions on different axes must all hold; of several on one axis, one must. Throws an {@link InputError}. */
export function parseFilter(conditions: readonly string[]): (cell: CellSpec) => boolean {
  const wanted = new Map<string, string[]>();
  for (const condition of conditions) {
    const [, axis = "", value = ""] = /^([^=]+)=(.+)$/.exec(condition) ?? [];
    if (value === "") throw new InputError(`--filter: expected axis=value, such as vmm=esx; found "${condition}"`);
    if (!(axis in VALUES))
      throw new InputError(`--filter: unknown axis "${axis}"; ${suggestion(axis, Object.keys(VALUES))}`);
    wanted.set(axis, [...(wanted.get(axis) ?? []), value]);
  }
  return (cell) => [...wanted].every(([axis, values]) => values.includes(VALUES[axis](cell)));
}
