/**
 * VMware's balloon driver (Linux, drivers/misc/vmw_balloon.c, version 1.2): once a second it asks for its target and moves
 * towards it. As long as the guest hands out pages that it has free, the driver takes many; the first time it does not, the
 * driver has the guest reclaim memory for it, at a rate that halves when even that fails and climbs slowly when it does not.
 *
 * It speaks to the VMM through a port of its own, the backdoor: reading it stops the guest. The target is asked for by one call, and
 * another tells of a page that is given or taken.
 */
import { SECOND_US } from "../../core/time.ts";
import { definePart } from "../contract.ts";
import type { HostContext, MemoryMechanism } from "../host-contract.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { BalloonPort, VmMemory } from "../host-memory/vm-memory.ts";
import { balloonStep } from "./balloon-decision.ts";
import { inflateAtOnce, largestBalloon, MAX_PERCENT, wantedBalloon } from "./balloon-target.ts";

export interface VmwareBalloonParameters extends Record<string, number | boolean> {
  maxPercent: number;
  mostFreePages: number;
  leastReclaimedPages: number;
  mostReclaimedPages: number;
  rateStep: number;
  slowPolls: number;
  mostReturnedPages: number;
  pagesPerCall: number;
}

/** A call asks for the target. */
const TARGET_CALLS = 1;

/** How fast one guest's driver may be. */
interface Rate {
  /** Pages in a poll that the guest has to reclaim. */
  reclaimed: number;
  /** Polls for which the driver still remembers that the guest had no page to hand out. */
  slowPolls: number;
}

class VmwareBalloon implements MemoryMechanism {
  readonly name = "vmware-balloon";
  readonly kind = "cooperative";
  readonly periodUs = SECOND_US;
  readonly #memory: HostMemory;
  readonly #parameters: VmwareBalloonParameters;
  readonly #rates = new Map<VmMemory, Rate>();

  constructor(parameters: VmwareBalloonParameters, context: HostContext) {
    this.#memory = context.memory;
    this.#parameters = parameters;
  }

  work(): void {
    for (const vm of this.#memory.vms) {
      if (vm.evicted) continue;
      vm.balloonLimit = largestBalloon(vm, this.#parameters.maxPercent);
      const { balloon } = vm;
      // The next poll is a second after the end of this one, which may have to wait for the guest's disk.
      if (balloon === undefined || balloon.busy === true) continue;
      const wanted = wantedBalloon(this.#memory, vm);
      const before = vm.ballooned;
      balloonStep(this.#memory, this.name, vm, wanted, () => this.#poll(vm, balloon, wanted));
      balloon.calls?.(TARGET_CALLS + Math.ceil(Math.abs(vm.ballooned - before) / this.#parameters.pagesPerCall));
    }
  }

  reclaim(vm: VmMemory, pages: number): number {
    return inflateAtOnce(this.#memory, vm, pages, largestBalloon(vm, this.#parameters.maxPercent));
  }

  #poll(vm: VmMemory, balloon: BalloonPort, wanted: number): void {
    const rate = this.#rateOf(vm);
    if (rate.slowPolls > 0) rate.slowPolls--;
    if (wanted > vm.ballooned) this.#inflate(vm, balloon, wanted, rate);
    // The driver takes back fewer only where the VMM refuses to give, which it does not.
    else if (wanted < vm.ballooned) balloon.poll(wanted, this.#parameters.mostReturnedPages);
  }

  #inflate(vm: VmMemory, balloon: BalloonPort, wanted: number, rate: Rate): void {
    const { ballooned } = vm;
    const missing = wanted - ballooned;
    const mostFree = rate.slowPolls > 0 ? rate.reclaimed : this.#parameters.mostFreePages;
    balloon.poll(wanted, mostFree, { reclaims: false });
    const free = vm.ballooned - ballooned;
    if (free >= Math.min(missing, mostFree)) return this.#speedUp(rate, free);
    if (balloon.busy === true) return;
    rate.slowPolls = this.#parameters.slowPolls;
    const more = Math.min(missing, rate.reclaimed) - free;
    if (more <= 0) return;
    balloon.poll(wanted, more);
    const moved = vm.ballooned - ballooned;
    if (moved < free + more) rate.reclaimed = Math.max(rate.reclaimed >> 1, this.#parameters.leastReclaimedPages);
    else this.#speedUp(rate, moved);
  }

  /** A poll got all it wanted, and that was a rate's worth or more. */
  #speedUp(rate: Rate, moved: number): void {
    const times = Math.floor(moved / rate.reclaimed);
    const { rateStep, mostReclaimedPages } = this.#parameters;
    rate.reclaimed = Math.min(rate.reclaimed + times * rateStep, mostReclaimedPages);
  }

  #rateOf(vm: VmMemory): Rate {
    const known = this.#rates.get(vm);
    if (known !== undefined) return known;
    const rate = { reclaimed: this.#parameters.mostReclaimedPages, slowPolls: 0 };
    this.#rates.set(vm, rate);
    return rate;
  }
}

const source = "Linux, drivers/misc/vmw_balloon.c, version 1.2";

export const vmwareBalloon = definePart<"memory", VmwareBalloonParameters>({
  slot: "memory",
  stage: "ballooning",
  name: "vmware-balloon",
  role: "balloon driver",
  summary:
    "VMware's balloon driver: fast while the guest has pages free, at an adaptive rate when it must reclaim them.",
  parameters: {
    maxPercent: MAX_PERCENT,
    mostFreePages: {
      summary: "Most pages in a poll while the guest hands them out without reclaiming",
      default: 16_384,
      unit: "pages",
      min: 1,
      source,
      grade: "S",
    },
    leastReclaimedPages: {
      summary: "Least rate at which the guest reclaims pages for the driver, in a poll",
      default: 512,
      unit: "pages",
      min: 1,
      source,
      grade: "S",
    },
    mostReclaimedPages: {
      summary: "Greatest such rate, and the first",
      default: 2048,
      unit: "pages",
      min: 1,
      source,
      grade: "S",
    },
    rateStep: {
      summary: "What is added to the rate for each time that a poll moved that many pages without failing",
      default: 16,
      unit: "pages",
      min: 0,
      source,
      grade: "S",
    },
    slowPolls: {
      summary: "Polls for which the driver is slow after the guest had no page free",
      default: 4,
      unit: "polls",
      min: 0,
      source,
      grade: "S",
    },
    mostReturnedPages: {
      summary: "Most pages that a poll gives back to the guest",
      default: 16_384,
      unit: "pages",
      min: 1,
      source,
      grade: "S",
    },
    pagesPerCall: {
      summary: "Pages that a call of the VMM tells of",
      default: 1,
      unit: "pages",
      min: 1,
      source: `${source}; 512 since version 1.3`,
      grade: "S",
    },
  },
  problem: ({ leastReclaimedPages, mostReclaimedPages }) =>
    leastReclaimedPages > mostReclaimedPages
      ? `leastReclaimedPages: ${leastReclaimedPages} pages are more than mostReclaimedPages, ${mostReclaimedPages}; expected at most as many`
      : undefined,
  create: (parameters, context) => new VmwareBalloon(parameters, context),
});
