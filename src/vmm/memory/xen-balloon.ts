/**
 * The balloon driver of Linux on Xen (drivers/xen/balloon.c): told its size by a watch in xenstore, a kernel thread gives
 * pages back to the hypervisor, or asks for them, in batches of as many frame numbers as fit in a page, one hypercall a
 * batch. It is as fast as the guest's vCPU lets it be. Where the guest has no page to give, or the hypervisor none to hand
 * out, it tries again a second later, then after twice that, and so on.
 */
import { SECOND_US } from "../../core/time.ts";
import { cause } from "../../core/ledger.ts";
import { costOf, FREE } from "../../core/pending-charges.ts";
import { type MachineProfile, primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { HostContext, MemoryMechanism } from "../host-contract.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import { balloonStep } from "./balloon-decision.ts";
import { inflateAtOnce } from "./balloon-target.ts";
import type { BalloonPrice, VmMemory } from "../host-memory/vm-memory.ts";

export interface XenBalloonParameters extends Record<string, number | boolean> {
  batchPages: number;
  firstRetrySeconds: number;
  longestRetrySeconds: number;
  paravirtual: boolean;
}

const HYPERCALL = cause("vmm.balloon.hypercall");
const MAPPING = cause("vmm.balloon.mapping");
const SCRUB = cause("vmm.balloon.scrub");
/** How often the simulation looks whether a driver has got a new size or may try again, and whether a batch is done. */
const WATCH_US = 10_000;
const BATCH_US = 1_000;

/** How far one guest's driver is. */
interface Driver {
  /** Balloon that it was last told to reach, pages. */
  target: number;
  /** When it tries again, and how long it waits if that fails, too. */
  retryAtUs: number;
  delayUs: number;
}

class XenBalloon implements MemoryMechanism {
  readonly name = "xen-balloon";
  readonly kind = "cooperative";
  periodUs = WATCH_US;
  readonly #memory: HostMemory;
  readonly #parameters: XenBalloonParameters;
  readonly #price: BalloonPrice;
  readonly #drivers = new Map<VmMemory, Driver>();
  #nowUs = 0;

  constructor(parameters: XenBalloonParameters, context: HostContext) {
    this.#memory = context.memory;
    this.#parameters = parameters;
    this.#price = priceOf(context.profile, parameters.paravirtual);
  }

  /** One batch of each driver that has something to do, and has done the one before. */
  work(): void {
    let moving = false;
    const { vms, driverDomain } = this.#memory;
    for (const vm of vms) if (this.#runDriver(vm)) moving = true;
    if (driverDomain !== undefined && this.#runDriver(driverDomain.vm)) moving = true;
    this.periodUs = moving ? BATCH_US : WATCH_US;
    this.#nowUs += this.periodUs;
  }

  reclaim(vm: VmMemory, pages: number): number {
    return inflateAtOnce(this.#memory, vm, pages, vm.pages);
  }

  /** Whether there is more to do at once. */
  #runDriver(vm: VmMemory): boolean {
    if (vm.evicted || vm.balloon === undefined) return false;
    const driver = this.#driverOf(vm);
    const target = this.#wanted(vm);
    // A new size wakes the driver up, whatever it waits for.
    if (target !== driver.target) driver.retryAtUs = -Infinity;
    driver.target = target;
    if (target === vm.ballooned || this.#nowUs < driver.retryAtUs) return false;
    if (vm.balloon?.busy === true) return true;
    const before = vm.ballooned;
    const wanted = Math.min(Math.abs(target - before), this.#parameters.batchPages);
    const possible = target > before ? wanted : Math.min(wanted, this.#frames(vm));
    const next = target > before ? before + possible : before - possible;
    if (possible > 0) {
      balloonStep(this.#memory, this.name, vm, target, () => vm.balloon?.poll(next, possible, { price: this.#price }));
    }
    const moved = Math.abs(vm.ballooned - before);
    if (moved < wanted) this.#backOff(driver);
    else driver.delayUs = this.#parameters.firstRetrySeconds * SECOND_US;
    return moved === wanted && vm.ballooned !== target;
  }

  #backOff(driver: Driver): void {
    driver.retryAtUs = this.#nowUs + driver.delayUs;
    driver.delayUs = Math.min(2 * driver.delayUs, this.#parameters.longestRetrySeconds * SECOND_US);
  }

  /**
   * Frames that the hypervisor can hand out, with somebody who makes room any number. What it keeps of the guest's swap device
   * counts against the VM's maximum reservation.
   */
  #frames(vm: VmMemory): number {
    const free = this.#memory.roomMaker === undefined ? this.#memory.frames.free : Infinity;
    return Math.min(free, vm.belowMaximum);
  }

  /** A balloon that leaves the VM its size; where no size is set, one that brings what it claims down to its target. */
  #wanted(vm: VmMemory): number {
    const wanted = vm.size === undefined ? vm.ballooned + vm.claimed - vm.target : vm.pages - vm.size;
    const largest = vm.balloonMayGrow ? vm.pages : vm.ballooned;
    return Math.max(0, Math.min(wanted, largest));
  }

  #driverOf(vm: VmMemory): Driver {
    const known = this.#drivers.get(vm);
    if (known !== undefined) return known;
    const delayUs = this.#parameters.firstRetrySeconds * SECOND_US;
    const driver = { target: vm.ballooned, retryAtUs: -Infinity, delayUs };
    this.#drivers.set(vm, driver);
    return driver;
  }
}

/**
 * A batch is a hypercall and a TLB flush. A page given up is scrubbed, and a paravirtual guest's own mapping of a page is
 * taken away, or made, by a hypercall of its own. What the hypervisor does for a page is charged with the page.
 */
function priceOf(profile: MachineProfile, paravirtual: boolean): BalloonPrice {
  const hypercall = primitiveCost(profile, "xen.hypercall");
  const mapping = hypercall + primitiveCost(profile, "xen.validate-entry");
  return {
    batch: costOf(HYPERCALL, hypercall + primitiveCost(profile, "hardware.tlb-flush")),
    page: paravirtual ? costOf(MAPPING, mapping) : FREE,
    releasedPage: costOf(SCRUB, primitiveCost(profile, "page.zero")),
  };
}

const source = "Linux, drivers/xen/balloon.c";

export const xenBalloon = definePart<"memory", XenBalloonParameters>({
  slot: "memory",
  stage: "ballooning",
  name: "xen-balloon",
  summary: "Linux's balloon driver for Xen: batches of pages by hypercall, as fast as the guest's vCPU allows.",
  role: "balloon driver",
  needs: ["xen.hypercall", "xen.validate-entry", "hardware.tlb-flush", "page.zero"],
  parameters: {
    batchPages: {
      summary: "Pages in a hypercall: as many 64-bit frame numbers as fit in a page",
      default: 512,
      unit: "pages",
      min: 1,
      source,
      grade: "S",
    },
    firstRetrySeconds: {
      summary: "Wait after a batch that could not be moved as a whole",
      default: 1,
      unit: "s",
      min: 0.01,
      source,
      grade: "S",
    },
    longestRetrySeconds: {
      summary: "The wait doubles at each failure, up to this",
      default: 32,
      unit: "s",
      min: 0.01,
      source,
      grade: "S",
    },
    paravirtual: {
      summary:
        "The guest's own mapping of each page goes through the hypervisor, too (off: a guest with hardware paging)",
      default: true,
      source,
      grade: "S",
    },
  },
  problem: ({ firstRetrySeconds, longestRetrySeconds }) =>
    firstRetrySeconds > longestRetrySeconds
      ? `firstRetrySeconds: ${firstRetrySeconds} s are more than longestRetrySeconds, ${longestRetrySeconds}; expected at most as many`
      : undefined,
  create: (parameters, context) => new XenBalloon(parameters, context),
});
