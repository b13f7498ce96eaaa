/** Why a cell is skipped, with what its user can do about it. */
import type { MachineProfile } from "../machine/profile.ts";
import type { CellSpec } from "../sim/cell.ts";
import { reasonToSkip } from "../sim/reason-to-skip.ts";
import type { Vmm } from "../vmm/contract.ts";
import { catalogue, locate } from "./catalogue.ts";
import { loadMachine } from "./documents/load.ts";

/** Machines of the package by name, read when a first cell is skipped: hundreds may be. */
let machines: ReadonlyMap<string, MachineProfile> | undefined;

/** As {@link reasonToSkip}, followed by the machines of the package on which the cell would run; without them where it runs on none. */
export function skipAdvice(vmm: Vmm, profile: MachineProfile, spec: CellSpec): string | undefined {
  const reason = reasonToSkip(vmm, profile, spec);
  if (reason === undefined) return undefined;
  machines ??= new Map(
    catalogue("machines").map((name) => [name, loadMachine(locate("machines", name, "")).profile] as const),
  );
  const fitting = [...machines].filter(([, machine]) => reasonToSkip(vmm, machine, spec) === undefined);
  return fitting.length === 0 ? reason : `${reason}; machines that fit: ${fitting.map(([name]) => name).join(", ")}`;
}
