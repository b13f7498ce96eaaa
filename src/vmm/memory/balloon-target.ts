/** How large a VM's balloon is to be. */
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { VmMemory } from "../host-memory/vm-memory.ts";

/** The parameter of drivers that leave a VM a part of its memory. */
export const MAX_PERCENT = {
  summary: "Largest balloon, of configured memory",
  default: 65,
  unit: "%",
  min: 0,
  max: 100,
  source: "ESX, Mem.CtlMaxPercent",
} as const;

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

/** Grow a VM's balloon by `pages`, as fast as the guest can: for hosts that are being built. Returns the frames that got free. */
export function inflateAtOnce({ frames }: HostMemory, vm: VmMemory, pages: number, largest: number): number {
  const freeBefore = frames.free;
  vm.balloon?.poll(Math.min(vm.ballooned + pages, largest), pages);
  return frames.free - freeBefore;
}
