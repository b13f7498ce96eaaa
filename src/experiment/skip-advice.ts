/** Why a cell is skipped, with what its user can do about it. */
import type { MachineProfile } from "../machine/profile.ts";
import type { CellSpec } from "../sim/cell.ts";
import { reasonToSkip } from "../sim/reason-to-skip.ts";
import type { Vmm } from "../vmm/contract.ts";
import { catalogue, locate } from "./catalogue.ts";
import { loadMachine } from "./documents/load.ts";

/** As {@link reasonToSkip}, followed by the machines of the package on which the cell would run; without them where it runs on none. */
export function skipAdvice(vmm: Vmm, profile: MachineProfile, spec: CellSpec): string | undefined {
  const reason = reasonToSkip(vmm, profile, spec);
  if (reason === undefined) return undefined;
  const fitting = catalogue("machines").filter((name) => {
    return reasonToSkip(vmm, loadMachine(locate("machines", name, "")).profile, spec) === undefined;
  });
  return fitting.length === 0 ? reason : `${reason}; machines that fit: ${fitting.join(", ")}`;
}
