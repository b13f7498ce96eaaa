/** Ballooning (Waldspurger 2002, section 3.2): the guest is asked to find the pages that it can do without. */
import { SECOND_US } from "../../core/time.ts";
import { definePart } from "../contract.ts";
import type { HostContext, MemoryMechanism } from "../host-contract.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { VmMemory } from "../host-memory/vm-memory.ts";
import { balloonStep } from "./balloon-decision.ts";
import { inflateAtOnce, largestBalloon, MAX_PERCENT, wantedBalloon } from "./balloon-target.ts";

export interface BallooningParameters extends Record<string, number | boolean> {
  maxPercent: number;
  pagesPerSecond: number;
}

/** Of a driver that is told its size. */
const STEPS_PER_SECOND = 10;

class Ballooning implements MemoryMechanism {
  readonly name = "ballooning";
  readonly kind = "cooperative";
  readonly #memory: HostMemory;
  readonly #parameters: BallooningParameters;

  constructor(parameters: BallooningParameters, context: HostContext) {
    this.#memory = context.memory;
    this.#parameters = parameters;
  }

  /**
   * The driver polls its target once a second (Waldspurger 2002, section 3.2). Where a size is set, it is told at once (Linux,
   * drivers/xen/balloon.c: a watch; drivers/virtio/virtio_balloon.c: an interrupt), and moves pages all the time.
   */
  get periodUs(): number {
    return SECOND_US / (this.#memory.vms.some(({ size }) => size !== undefined) ? STEPS_PER_SECOND : 1);
  }

  work(): void {
    const most = Math.ceil((this.#parameters.pagesPerSecond * this.periodUs) / SECOND_US);
    for (const vm of this.#memory.vms) {
      if (vm.evicted) continue;
      vm.balloonLimit = largestBalloon(vm, this.#parameters.maxPercent);
      const wanted = wantedBalloon(this.#memory, vm);
      balloonStep(this.#memory, this.name, vm, wanted, () => vm.balloon?.poll(wanted, most));
    }
  }

  reclaim(vm: VmMemory, pages: number): number {
    return inflateAtOnce(this.#memory, vm, pages, largestBalloon(vm, this.#parameters.maxPercent));
  }
}

export const ballooning = definePart<"memory", BallooningParameters>({
  slot: "memory",
  stage: "ballooning",
  name: "ballooning",
  role: "balloon driver",
  summary:
    "A driver in the guest allocates pages and hands them to the VMM, so that the guest chooses what to give up.",
  parameters: {
    maxPercent: MAX_PERCENT,
    pagesPerSecond: {
      summary: "Most pages a driver moves in a second",
      default: 4096,
      unit: "pages/s",
      min: 1,
      source: "assumption: 16 MiB/s",
    },
  },
  create: (parameters, context) => new Ballooning(parameters, context),
});
