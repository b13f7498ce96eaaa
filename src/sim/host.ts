/** Host resolution: many guests on one host, every page, as a discrete-event simulation. */
import type { MachineProfile } from "../machine/profile.ts";
import type { Vmm } from "../vmm/contract.ts";
import type { CompiledWorkload } from "../workload/compiled-workload.ts";
import type { CellOutcome } from "./cell.ts";
import { HostSimulation } from "./host-simulation.ts";
import type { HostExtras } from "./host-setup.ts";
import type { MeasureOperations } from "./operation-prices.ts";
import { measureOperations } from "./operations.ts";

/**
 * Run guests on a VMM with `hostPages` pages of machine memory for VMs. What the VMM keeps for itself comes on top and is reported,
 * so that an overcommit ratio means the same for every VMM. Guests that the VMM does not admit do not run. `measure` may keep results
 * of earlier calls.
 */
export function runHost(
  vmm: Vmm,
  profile: MachineProfile,
  guests: readonly CompiledWorkload[],
  hostPages: number,
  measure: MeasureOperations = measureOperations,
  extras: HostExtras = {},
): CellOutcome {
  return new HostSimulation({ vmm, profile, workloads: guests, hostPages, measure, ...extras }).run();
}
