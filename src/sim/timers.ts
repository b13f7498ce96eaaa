/** Whom the periodic timer interrupts: that is up to the VMM. */
import type { Vmm } from "../vmm/contract.ts";

/** Which vCPUs get timer interrupts: all, those that have something to do, or those that have a pCPU. */
export type TimersOf = "all" | "awake" | "running";

export function timersOf(vmm: Vmm): TimersOf {
  if (vmm.scheduler.definition.ofKernel !== undefined) return "running";
  return vmm.cpu.definition.tickless === true ? "awake" : "all";
}
