import type { MachineProfile } from "../machine/profile.ts";
import { catalogue, locate } from "./catalogue.ts";
import { loadMachine } from "./documents/load-machine.ts";

let machines: readonly MachineProfile[] | undefined;

/** Machines of the package, sorted by name; read when one is first asked for: hundreds of cells may. */
export function packagedMachines(): readonly MachineProfile[] {
  machines ??= catalogue("machines").map((name) => loadMachine(locate("machines", name, "")).profile);
  return machines;
}
