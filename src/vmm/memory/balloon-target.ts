/** How large a VM's balloon is to be, and what is told when a driver moves towards that. */
import { PAGES_PER_MIB } from "../../machine/page.ts";
import type { HostMemory } from "../host-memory.ts";
import type { Figures } from "../memory-decision.ts";
import type { VmMemory } from "../vm-memory.ts";

/** Pages of the largest balloon. A VM that was built smaller than configured keeps that balloon, whatever the limit. */
export function largestBalloon(vm: VmMemory, maxPercent: number): number {
  return Math.max(Math.floor((vm.pages * maxPercent) / 100), vm.builtWithout);
}

/**
 * A balloon of the size that brings what the VM claims down to its target, or that leaves the VM the size that is set. Pages
 * that the host has swapped out do not count: when one comes back and the VM is above its target for it, the balloon takes
 * another.
 */
export function wantedBalloon(memory: HostMemory, vm: VmMemory): number {
  const wanted = vm.size === undefined ? vm.ballooned + vm.claimed - vm.target : forSize(memory, vm, vm.size);
  const largest = vm.balloonMayGrow ? vm.balloonLimit : vm.ballooned;
  return Math.max(0, Math.min(wanted, largest));
}

/** A host that can make no room gives back what is free: the driver asks again later (Linux, drivers/xen/balloon.c). */
function forSize(memory: HostMemory, vm: VmMemory, size: number): number {
  const least = memory.roomMaker === undefined ? vm.ballooned - memory.frames.free : 0;
  return Math.max(vm.pages - size, least);
}

/** Let a driver move, and tell of it if it did and anybody wants to know. */
export function moveObserved(memory: HostMemory, by: string, vm: VmMemory, wanted: number, move: () => void): void {
  const { observer } = memory;
  const inputs = observer && balloonInputs(vm, wanted);
  const pages = vm.ballooned;
  move();
  if (inputs === undefined || vm.ballooned === pages) return;
  observer?.decided({
    by,
    rule: vm.size === undefined ? "to its target" : "to its size",
    vm: vm.index,
    action: vm.ballooned > pages ? "inflate" : "deflate",
    outcome: { moved_pages: Math.abs(vm.ballooned - pages), balloon_mib: vm.ballooned / PAGES_PER_MIB },
    inputs,
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
    largest_balloon_mib: vm.balloonLimit / PAGES_PER_MIB,
    may_grow: vm.balloonMayGrow,
  };
}
