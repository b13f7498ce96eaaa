/** A frame for a VM that finds none free: taken by force from whoever is furthest above its target. */
import type { MemoryMechanism } from "../host-contract.ts";
import type { VmMemory } from "../vm-memory.ts";

/** Pages taken at once. */
export const EMERGENCY_PAGES = 32;

/** VMs furthest above their target first. */
export function byExcess(vms: readonly VmMemory[]): readonly VmMemory[] {
  return [...vms].sort((a, b) => b.machine - b.target - (a.machine - a.target) || a.index - b.index);
}

/** Frames freed; 0: there is no page that can be taken. `most`: pages that may be taken from a VM at once. */
export function makeRoomByForce(
  vms: readonly VmMemory[],
  forced: readonly MemoryMechanism[],
  most: (vm: VmMemory) => number = () => EMERGENCY_PAGES,
): number {
  for (const vm of byExcess(vms)) {
    const pages = most(vm);
    for (const mechanism of forced) {
      const freed = mechanism.reclaim(vm, pages);
      if (freed > 0) return freed;
    }
  }
  return 0;
}
