/**
 * Linux's driver for Dynamic Memory of Hyper-V (drivers/hv/hv_balloon.c). A VM boots with its startup memory. It grows first by
 * what is in its balloon, then by memory that is added to it and never removed; it shrinks by its balloon alone, 2 MiB at a
 * time. A VM that has not grown has the kernel of a small machine: watermarks, descriptors.
 */
import { SECOND_US } from "../../core/time.ts";
import { PAGES_PER_MIB } from "../../machine/page.ts";
import { definePart } from "../contract.ts";
import type { HostContext, MemoryMechanism } from "../host-contract.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { HotAdding } from "../host-memory/memory-roles.ts";
import type { VmMemory } from "../host-memory/vm-memory.ts";
import { balloonStep } from "./balloon-decision.ts";

export interface HvBalloonParameters extends Record<string, number | boolean> {
  startupMib: number;
  unitsPerSecond: number;
}

const UNIT_PAGES = 2 * PAGES_PER_MIB;

class HvBalloon implements MemoryMechanism, HotAdding {
  readonly name = "hv-balloon";
  readonly kind = "cooperative";
  readonly periodUs: number;
  readonly #memory: HostMemory;
  readonly #parameters: HvBalloonParameters;

  constructor(parameters: HvBalloonParameters, { memory }: HostContext) {
    this.#memory = memory;
    this.#parameters = parameters;
    this.periodUs = SECOND_US / parameters.unitsPerSecond;
    memory.hotAdding = this;
  }

  startupPages(configured: number): number {
    return Math.min(configured, Math.ceil(this.#parameters.startupMib * PAGES_PER_MIB));
  }

  work(): void {
    for (const vm of this.#memory.vms) {
      if (vm.evicted || vm.balloon === undefined || vm.balloon.busy === true) continue;
      const wanted = this.#wanted(vm);
      if (wanted !== vm.ballooned) balloonStep(this.#memory, this.name, vm, wanted, () => this.#move(vm, wanted));
    }
  }

  reclaim(vm: VmMemory, pages: number): number {
    const { free } = this.#memory.frames;
    vm.balloon?.poll(Math.min(vm.ballooned + pages, vm.pages) - vm.absent, pages);
    return this.#memory.frames.free - free;
  }

  /** What the VM is to have no part in: balloon, and memory that has not been added. */
  #wanted(vm: VmMemory): number {
    const wanted = vm.size === undefined ? vm.ballooned + vm.claimed - vm.target : vm.pages - vm.size;
    return Math.max(0, Math.min(wanted, vm.balloonMayGrow ? vm.pages : vm.ballooned));
  }

  #move(vm: VmMemory, wanted: number): void {
    const balloon = vm.ballooned - vm.absent;
    if (wanted > vm.ballooned || balloon > 0) vm.balloon?.poll(Math.max(0, wanted - vm.absent), UNIT_PAGES);
    else vm.absent -= vm.balloon?.hotAdd?.(Math.min(UNIT_PAGES, vm.absent - wanted)) ?? 0;
  }
}

export const hvBalloon = definePart<"memory", HvBalloonParameters>({
  slot: "memory",
  stage: "ballooning",
  name: "hv-balloon",
  role: "balloon driver",
  summary: "Linux's driver for Hyper-V: a VM boots with its startup memory, and more is added to it while it runs.",
  parameters: {
    startupMib: {
      summary: "Memory that a VM boots with, or all that it is configured with if that is less",
      default: 1024,
      unit: "MiB",
      min: 1,
      source: "Microsoft, New-VM: MemoryStartupBytes is 1 GB unless it is given",
      grade: "D",
    },
    unitsPerSecond: {
      summary: "Units of 2 MiB that a driver moves in a second",
      default: 100,
      unit: "1/s",
      min: 1,
      max: 1e6,
      source: "assumption: the protocol has no rate of its own",
      grade: "A",
    },
  },
  create: (parameters, context) => new HvBalloon(parameters, context),
});
