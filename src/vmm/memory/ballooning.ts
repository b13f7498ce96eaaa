/** Ballooning (Waldspurger 2002, section 3.2): the guest is asked to find the pages that it can do without. */
import { definePart } from "../contract.ts";
import type { HostContext, MemoryMechanism } from "../host-contract.ts";
import type { HostMemory } from "../host-memory.ts";

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

  /** A balloon of the size that brings what the VM claims, its swapped pages included, down to its target. */
  work(): void {
    for (const vm of this.#memory.vms) {
      const wanted = vm.ballooned + vm.claimed + vm.swapped - vm.target;
      const largest = Math.floor((vm.pages * this.#parameters.maxPercent) / 100);
      vm.balloon?.poll(
        Math.max(0, Math.min(wanted, Math.max(largest, vm.pages - vm.target))),
        this.#parameters.pagesPerSecond,
      );
    }
  }

  reclaim(): number {
    return 0;
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
