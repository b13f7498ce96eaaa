/** Proportional shares with an idle memory tax, and reclaim by the state of free memory (Waldspurger 2002, sections 5, 6). */
import { definePart } from "../contract.ts";
import type { Allocation, HostContext, MemoryMechanism, VmRequest } from "../host-contract.ts";
import type { HostMemory, RoomMaker } from "../host-memory.ts";
import type { VmMemory } from "../vm-memory.ts";
import { ActivitySampler } from "./activity-sampler.ts";
import { byExcess, makeRoomByForce } from "./make-room.ts";
import { minFundingTargets } from "./min-funding.ts";
import { HIGH_PERCENT, nextReclamationState, ReclamationState, STATE_BOUNDARIES } from "./reclamation-state.ts";

const TICKS_PER_SECOND = 10;

export interface ProportionalSharesParameters extends Record<string, number | boolean> {
  idleMemoryTax: number;
  reservationPercent: number;
  limitPercent: number;
  samplePeriodSeconds: number;
  balancePeriodSeconds: number;
  hysteresisPercent: number;
  pageOutPagesPerSecond: number;
}

class ProportionalShares implements Allocation, RoomMaker {
  readonly name = "proportional-shares";
  readonly populates = false;
  readonly periodUs = 1e6 / TICKS_PER_SECOND;
  readonly #parameters: ProportionalSharesParameters;
  readonly #context: HostContext;
  readonly #memory: HostMemory;
  readonly #samplers: ActivitySampler[] = [];
  #state: number = ReclamationState.High;
  #nextBalanceUs = -Infinity;

  constructor(parameters: ProportionalSharesParameters, context: HostContext) {
    this.#parameters = parameters;
    this.#context = context;
    this.#memory = context.memory;
    this.#memory.roomMaker = this;
    this.#memory.alarmBelow = Math.ceil((this.#memory.frames.forVms * STATE_BOUNDARIES[0]) / 100);
  }

  /**
   * Reservations must be there; the rest has its place in the host's swap space (section 5.4). A host without swap space
   * has no such place: there all of the memory must be there, or a write might find no frame and nobody to take one from.
   */
  admit(requests: readonly VmRequest[], free: number): readonly number[] {
    const hasSwapSpace = this.#forced().length > 0;
    let admitted = 0;
    let needed = 0;
    for (const { pages } of requests) {
      needed += hasSwapSpace ? this.#reservation(pages) : pages;
      // Without a page to run in, nothing starts, whatever was promised.
      if (Math.max(needed, 1) > free) break;
      admitted++;
    }
    const started = requests.slice(0, admitted);
    const asked = started.reduce((sum, { pages }) => sum + pages, 0);
    return started.map(({ pages }) => Math.min(pages, Math.floor((free * pages) / asked)));
  }

  rebalance(nowUs: number): void {
    for (const vm of this.#memory.vms) {
      this.#samplers[vm.index] ??= this.#newSampler(vm);
      this.#samplers[vm.index].advance(nowUs);
    }
    const { frames } = this.#memory;
    const { hysteresisPercent, balancePeriodSeconds } = this.#parameters;
    const state = nextReclamationState(this.#state, (100 * frames.free) / frames.forVms, hysteresisPercent);
    if (state !== this.#state || nowUs >= this.#nextBalanceUs) {
      this.#state = state;
      this.#nextBalanceUs = nowUs + balancePeriodSeconds * 1e6;
      this.#setTargets();
    }
    this.#takeByForce();
    for (const vm of this.#memory.vms) {
      vm.blocked = this.#state === ReclamationState.Low && vm.mapped > vm.target;
    }
  }

  makeRoom(): number {
    return makeRoomByForce(this.#memory.vms, this.#forced());
  }

  /**
   * Divide what the VMs claim and what is free above the high threshold. Pages promised by deflating balloons count as
   * claimed, so that no memory is promised twice.
   */
  #setTargets(): void {
    const { vms, frames } = this.#memory;
    const promised = vms.reduce((sum, vm) => sum + vm.returned, 0);
    const claimed = vms.reduce((sum, vm) => sum + vm.claimed, 0);
    const high = Math.ceil((frames.forVms * HIGH_PERCENT) / 100);
    const claimants = vms.map((vm) => {
      const most = Math.min(this.#limit(vm.pages), vm.claimed + vm.swapped + vm.ballooned);
      const least = Math.min(most, this.#reservation(vm.pages));
      return { shares: vm.pages, active: this.#samplers[vm.index].fraction * vm.mapped, least, most };
    });
    const total = Math.max(0, claimed + frames.free - promised - high);
    // Enough for all that anybody has ever used: nobody is held to a target, until free memory says otherwise.
    const enough = claimants.reduce((sum, { most }) => sum + most, 0) <= total;
    const targets = minFundingTargets(claimants, total, this.#parameters.idleMemoryTax);
    vms.forEach((vm, i) => {
      vm.target = enough ? this.#limit(vm.pages) : targets[i];
    });
  }

  /**
   * Soft: page only where there is no balloon; hard and low: page everybody above target. A limit holds whatever the state:
   * where there is no balloon to keep to it, what goes beyond is paged.
   */
  #takeByForce(): void {
    const { frames } = this.#memory;
    const isHigh = this.#state === ReclamationState.High;
    const short = isHigh ? 0 : Math.ceil((frames.forVms * HIGH_PERCENT) / 100) - frames.free;
    let budget = Math.ceil(this.#parameters.pageOutPagesPerSecond / TICKS_PER_SECOND);
    let freed = 0;
    const cooperative = this.#context.mechanisms.some((mechanism) => mechanism.kind === "cooperative");
    for (const vm of byExcess(this.#memory.vms)) {
      if (this.#state <= ReclamationState.Soft && cooperative && vm.balloon !== undefined) continue;
      for (const mechanism of this.#forced()) {
        const beyondLimit = vm.mapped - this.#limit(vm.pages);
        const pages = Math.min(budget, Math.max(beyondLimit, Math.min(short - freed, vm.mapped - vm.target)));
        if (pages <= 0) continue;
        const taken = mechanism.reclaim(vm, pages);
        budget -= taken;
        freed += taken;
      }
    }
  }

  #forced(): readonly MemoryMechanism[] {
    return this.#context.mechanisms.filter((mechanism) => mechanism.kind === "forced");
  }

  #newSampler(vm: VmMemory): ActivitySampler {
    const random = this.#context.random(`activity/vm${vm.index}`);
    return new ActivitySampler(vm, random, this.#parameters.samplePeriodSeconds * 1e6);
  }

  #reservation(pages: number): number {
    return Math.ceil((pages * this.#parameters.reservationPercent) / 100);
  }

  #limit(pages: number): number {
    return Math.floor((pages * this.#parameters.limitPercent) / 100);
  }
}

export const proportionalShares = definePart<"allocation", ProportionalSharesParameters>({
  slot: "allocation",
  name: "proportional-shares",
  summary: "Memory by shares, with a tax on idle memory; balloons and host swap take what goes beyond a VM's target.",
  parameters: {
    idleMemoryTax: {
      summary: "Fraction of idle memory that may be taken; 0: pure shares",
      default: 0.75,
      unit: "1",
      min: 0,
      max: 0.99,
      source: "Waldspurger 2002, section 5.2",
    },
    reservationPercent: {
      summary: "Memory guaranteed to each VM, of configured memory",
      default: 0,
      unit: "%",
      min: 0,
      max: 100,
      source: "ESX default: no reservation",
    },
    limitPercent: {
      summary: "Most machine memory a VM gets, of configured memory",
      default: 100,
      unit: "%",
      min: 1,
      max: 100,
      source: "ESX default: configured memory",
    },
    samplePeriodSeconds: {
      summary: "Period of the activity sample",
      default: 30,
      unit: "s",
      min: 0.1,
      source: "Waldspurger 2002, section 5.3; ESX Server 2.x, Mem.SamplePeriod",
    },
    balancePeriodSeconds: {
      summary: "Period at which targets are computed anew; a change of state does it at once",
      default: 15,
      unit: "s",
      min: 0.1,
      source: "ESX, Mem.BalancePeriod",
    },
    hysteresisPercent: {
      summary: "How far free memory must be above a state's boundary before the state is left for a better one",
      default: 0.5,
      unit: "%",
      min: 0,
      max: 5,
      source: "assumption: Waldspurger 2002, section 6.3, says only that it is significant",
    },
    pageOutPagesPerSecond: {
      summary: "Most pages that background paging takes by force",
      default: 4096,
      unit: "pages/s",
      min: 1,
      source: "assumption: 16 MiB/s, a fraction of one disk's bandwidth",
    },
  },
  create: (parameters, context) => new ProportionalShares(parameters, context),
});
