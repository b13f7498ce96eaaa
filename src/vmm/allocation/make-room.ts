/** A frame for a VM that finds none free: taken by force from whoever is furthest above its target, or by the host's own order. */
import type { MemoryMechanism } from "../host-contract.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { Figures } from "../host-memory/memory-decision.ts";
import type { VmMemory } from "../host-memory/vm-memory.ts";
import { type ForcedPaging, takeByForce } from "./forced-paging.ts";

/** Pages taken at once. */
export const EMERGENCY_PAGES = 32;

/** VMs furthest above their target first. */
export function byExcess(vms: readonly VmMemory[]): readonly VmMemory[] {
  return [...vms].sort((a, b) => excess(b) - excess(a) || a.index - b.index);
}

function excess({ machine, target }: VmMemory): number {
  return machine - target;
}

/** In the same order, sorted only where the first one is not enough: room is made for every few pages of a host that is full. */
function* furthestFirst(vms: readonly VmMemory[]): Generator<VmMemory> {
  if (vms.length === 0) return;
  const first = vms.reduce((most, vm) => (excess(vm) > excess(most) ? vm : most));
  yield first;
  yield* byExcess(vms.filter((vm) => vm !== first));
}

/** Why room is made, whoever makes it: the VM that needs the frame, or the host itself, and that there was none. */
export function roomNeeded(by: string, memory: HostMemory): ForcedPaging {
  const inputs = (): Figures => {
    const { vm } = memory.pinned;
    return { needed_by: vm === undefined ? "host" : `vm${vm.number}` };
  };
  return {
    by,
    get rule() {
      if (memory.frames.free > memory.reserve) return "few frames are free";
      return memory.reserve > 0 ? "only the host's reserve is free" : "no frame is free";
    },
    inputs,
  };
}

/** Frames freed; 0: there is no page that can be taken. `most`: pages that may be taken from a VM at once. */
export function makeRoomByForce(
  memory: HostMemory,
  vms: readonly VmMemory[],
  forced: readonly MemoryMechanism[],
  why: ForcedPaging,
  most: (vm: VmMemory) => number = () => EMERGENCY_PAGES,
): number {
  const order = forced.find((mechanism) => mechanism.order !== undefined);
  for (const vm of order?.order?.(vms) ?? furthestFirst(vms)) {
    const pages = most(vm);
    for (const mechanism of forced) {
      const freed = takeByForce(memory, mechanism, vm, pages, why);
      if (freed > 0) return freed;
    }
  }
  return 0;
}
