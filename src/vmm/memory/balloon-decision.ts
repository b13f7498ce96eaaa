/** What is told of a step of a balloon: where it was to go, and how far it got. */
import { PAGES_PER_MIB } from "../../machine/page.ts";
import { DOM0 } from "../host-memory/driver-domain.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { Figures } from "../host-memory/memory-decision.ts";
import type { VmMemory } from "../host-memory/vm-memory.ts";

/** Let `step` move a VM's balloon towards `wanted` pages, and tell whoever watches the host if it has moved. */
export function balloonStep(
  { observer, driverDomain }: HostMemory,
  by: string,
  vm: VmMemory,
  wanted: number,
  step: () => void,
): void {
  const before = observer && balloonInputs(vm, wanted);
  const pages = vm.ballooned;
  step();
  if (before === undefined || vm.ballooned === pages) return;
  observer?.decided({
    by,
    rule: vm.size === undefined ? "to its target" : "to its size",
    vm: vm === driverDomain?.vm ? DOM0 : vm.number,
    action: vm.ballooned > pages ? "inflate" : "deflate",
    outcome: { moved_pages: Math.abs(vm.ballooned - pages), balloon_mib: vm.ballooned / PAGES_PER_MIB },
    inputs: before,
  });
}

function balloonInputs(vm: VmMemory, wanted: number): Figures {
  const aim: Figures =
    vm.size === undefined
      ? { claimed_mib: vm.claimed / PAGES_PER_MIB, target_mib: vm.target / PAGES_PER_MIB }
      : { configured_mib: vm.pages / PAGES_PER_MIB, size_mib: vm.size / PAGES_PER_MIB };
  return {
    ...aim,
    balloon_mib: vm.ballooned / PAGES_PER_MIB,
    wanted_balloon_mib: wanted / PAGES_PER_MIB,
    largest_balloon_mib: Math.min(vm.pages, vm.balloonLimit) / PAGES_PER_MIB,
    may_grow: vm.balloonMayGrow,
  };
}
