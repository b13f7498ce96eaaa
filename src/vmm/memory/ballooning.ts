/** Ballooning (Waldspurger 2002, section 3.2): the guest is asked to find the pages that it can do without. */
import { definePart } from "../contract.ts";
import type { HostContext, MemoryMechanism } from "../host-contract.ts";
import type { HostMemory } from "../host-memory.ts";
import type { VmMemory } from "../vm-memory.ts";

export interface BallooningParameters extends Record<string, number | boolean> {
  maxPercent: number;
  pagesPerSecond: number;
}

class Ballooning implements MemoryMechanism {
  readonly name = "ballooning";
  readonly kind = "cooperative";
  /** The driver polls its target once a second (Waldspurger 2002, section 3.2). */
  readonly periodUs = 1e6;
  readonly #memory: HostMemory;
  readonly #parameters: BallooningParameters;

  constructor(parameters: BallooningParameters, context: HostContext) {
    this.#memory = context.memory;
    this.#parameters = parameters;
  }

  /**
   * A balloon of the size that brings what the VM claims down to its target. Pages that the host has swapped out do not
   * count: when one comes back and the VM is above its target for it, the balloon takes another.
   */
  work(): void {
    for (const vm of this.#memory.vms) {
      const wanted = vm.ballooned + vm.claimed - vm.target;
      vm.balloonLimit = this.#largest(vm);
      const most = vm.balloonMayGrow ? vm.balloonLimit : vm.ballooned;
      vm.balloon?.poll(Math.max(0, Math.min(wanted, most)), this.#parameters.pagesPerSecond);
    }
  }

  /** As fast as the guest can: for hosts that are being built. */
  reclaim(vm: VmMemory, pages: number): number {
    const freeBefore = this.#memory.frames.free;
    vm.balloon?.poll(Math.min(vm.ballooned + pages, this.#largest(vm)), pages);
    return this.#memory.frames.free - freeBefore;
  }

  /** A VM that was built smaller than configured keeps that balloon, whatever the limit. */
  #largest(vm: VmMemory): number {
    return Math.max(Math.floor((vm.pages * this.#parameters.maxPercent) / 100), vm.builtWithout);
  }
}

export const ballooning = definePart<"memory", BallooningParameters>({
  slot: "memory",
  name: "ballooning",
  summary:
    "A driver in the guest allocates pages and hands them to the VMM, so that the guest chooses what to give up.",
  parameters: {
    maxPercent: {
      summary: "Largest balloon, of configured memory",
      default: 65,
      unit: "%",
      min: 0,
      max: 100,
      source: "ESX, Mem.CtlMaxPercent",
    },
    pagesPerSecond: {
      summary: "Most pages a driver moves at one poll, one poll a second",
      default: 4096,
      unit: "pages/s",
      min: 1,
      source: "assumption: 16 MiB/s; VMware published that the rate is adaptive but not how",
    },
  },
  create: (parameters, context) => new Ballooning(parameters, context),
});
