/** What a host simulation is of: the VMM, the machine, the guests, and how much memory they share. */
import type { MachineProfile } from "../machine/profile.ts";
import type { Vmm } from "../vmm/contract.ts";
import type { CompiledWorkload } from "../workload/compiled-workload.ts";
import type { VmGroup } from "../workload/vm-settings.ts";
import type { HostWatch } from "./host-watch.ts";
import type { MeasureOperations } from "./operation-prices.ts";

export interface HostSetup extends HostExtras {
  readonly vmm: Vmm;
  readonly profile: MachineProfile;
  /** One for each VM. */
  readonly workloads: readonly CompiledWorkload[];
  /** Machine memory for VMs; what the VMM keeps for itself comes on top. */
  readonly hostPages: number;
  readonly measure: MeasureOperations;
}

/** What does not change what happens on the host. */
export interface HostExtras {
  /** Is told why memory goes where it goes. */
  readonly watch?: HostWatch | undefined;
  /** VMs whose figures are wanted apart. */
  readonly groups?: readonly VmGroup[] | undefined;
}
