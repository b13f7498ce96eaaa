/** What the machine memory of the domain with the drivers (dom0) is used for, where it is held against the host's memory. */
import type { VmMemory } from "./vm-memory.ts";

export const DOM0 = "dom0";

export interface DriverDomain {
  readonly vm: VmMemory;
  /** Pages of its kernel, back ends included; of its processes, the toolstack among them; of its swap device. */
  readonly kernelPages: number;
  readonly processPages: number;
  readonly swapPages: number;
  /** Pages that no VM is ever promised. */
  readonly ownPages: number;
  /** The administrator gave it its size (dom0_mem); otherwise it has what no VM has. */
  readonly fixed: boolean;
}
