/** Proportional shares with an idle memory tax, and reclaim by the state of free memory (Waldspurger 2002, sections 5, 6). */
import { definePart } from "../contract.ts";
import type { Allocation, HostContext, MemoryMechanism, StartAnswer, VmRequest } from "../host-contract.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { RoomMaker } from "../host-memory/memory-roles.ts";
import { LARGE_PAGE, Region, type VmMemory } from "../host-memory/vm-memory.ts";
import { memoryShares } from "../../workload/vm-settings.ts";
import { ActivitySamplers } from "./activity-samplers.ts";
import { admittedVms, refusal, startingPages } from "./admission.ts";
import { type ForcedPaging, takeByForce } from "./forced-paging.ts";
import { byExcess, EMERGENCY_PAGES, makeRoomByForce, roomNeeded } from "./make-room.ts";
import { minFundingTargets } from "./min-funding.ts";
import { HostReclamation } from "./reclamation/reclamation-state.ts";
import {
  type ProportionalSharesParameters,
  SHARE_PARAMETERS,
  shareProblem,
  TICKS_PER_SECOND,
} from "./share-parameters.ts";
import { blocking, BY, largePagesBroken, mib, newTarget, stateChange } from "./share-decisions.ts";

class ProportionalShares implements Allocation, RoomMaker {
  readonly name = BY;
  readonly populates = false;
  readonly periodUs = 1e6 / TICKS_PER_SECOND;
  readonly #parameters: ProportionalSharesParameters;
  readonly #memory: HostMemory;
  readonly #forced: readonly MemoryMechanism[];
  readonly #reclamation: HostReclamation;
  readonly #activity: ActivitySamplers;
  /** What is told of memory taken by force. */
  readonly #paging: ForcedPaging = {
    by: BY,
    rule: "down to its target while free memory is below the goal, and to its limit always",
    inputs: (vm) => ({
      state: this.hostState,
      free_goal_mib: mib(this.#reclamation.goal),
      limit_mib: mib(this.#limit(vm)),
      can_balloon: vm.canBalloon,
    }),
  };
  readonly #room: ForcedPaging;
  #nextBalanceUs = -Infinity;

  constructor(parameters: ProportionalSharesParameters, context: HostContext) {
    this.#parameters = parameters;
    this.#memory = context.memory;
    this.#forced = context.mechanisms.filter(({ kind }) => kind === "forced");
    const { release, hysteresisPercent, highPercent } = parameters;
    this.#reclamation = new HostReclamation(release, this.#memory.frames.forVms, hysteresisPercent, highPercent);
    this.#room = roomNeeded(BY, this.#memory);
    this.#activity = new ActivitySamplers(context, parameters);
    this.#memory.roomMaker = this;
    this.#memory.alarmBelow = this.#reclamation.alarm;
  }

  admit(requests: readonly VmRequest[], free: number): readonly number[] {
    const vms = this.#admissible(requests);
    const admitted = admittedVms(vms, free, this.#swapPages);
    if (admitted < vms.length) this.#memory.observer?.decided(refusal(BY, vms, admitted, free, this.#swapPages));
    return startingPages(vms.slice(0, admitted), free);
  }

  /** Reservations decide; memory that is in use is taken from the others as it is needed, and divided anew at once. */
  start(request: VmRequest): StartAnswer {
    const vms = this.#admissible([...this.#memory.vms.filter(({ evicted }) => !evicted), request]);
    if (admittedVms(vms, this.#memory.frames.forVms, this.#swapPages) < vms.length) {
      return { kind: "refused", reason: "what it reserves does not fit beside the reservations of the others" };
    }
    this.#nextBalanceUs = -Infinity;
    return { kind: "granted", pages: this.#limit(request) };
  }

  get hostState(): string {
    return this.#reclamation.rule.name;
  }

  rebalance(nowUs: number): void {
    this.#activity.advance(nowUs);
    if (this.#updateState() || nowUs >= this.#nextBalanceUs) {
      this.#nextBalanceUs = nowUs + this.#parameters.balancePeriodSeconds * 1e6;
      this.#setTargets();
    }
    this.#breakLargePages();
    this.#takeByForce();
    const { balloon, blocks, paged } = this.#reclamation.rule;
    for (const vm of this.#memory.vms) {
      vm.balloonMayGrow = balloon || vm.machine > this.#limit(vm);
      vm.heldToTarget = vm.balloonMayGrow || paged === "everybody";
      const wasBlocked = vm.blocked;
      vm.blocked = blocks && vm.machine > vm.target;
      if (vm.blocked !== wasBlocked) this.#memory.observer?.decided(blocking(vm, this.hostState));
    }
  }

  #updateState(): boolean {
    const { free } = this.#memory.frames;
    const { rule: before } = this.#reclamation;
    if (!this.#reclamation.update(free)) return false;
    const { rule: now, boundary } = this.#reclamation;
    this.#memory.observer?.decided(stateChange(before, now, free, boundary, this.#parameters.hysteresisPercent));
    return true;
  }

  /** Reservations are kept, as long as anybody has more than is reserved for it. */
  makeRoom(): number {
    const { vms } = this.#memory;
    const above = (vm: VmMemory): number => vm.machine - this.#reservation(vm);
    const most = (vm: VmMemory): number => (above(vm) > 0 ? Math.min(EMERGENCY_PAGES, above(vm)) : 1);
    const beyond = vms.filter((vm) => above(vm) > 0);
    return this.#makeRoom(beyond, most) || this.#makeRoom(vms, most);
  }

  #makeRoom(vms: readonly VmMemory[], most: (vm: VmMemory) => number): number {
    return makeRoomByForce(this.#memory, vms, this.#forced, this.#room, most);
  }

  /**
   * Divide what the VMs claim and what is free above the goal. Pages promised by deflating balloons count as
   * claimed, so that no memory is promised twice.
   */
  #setTargets(): void {
    const { vms, frames, observer } = this.#memory;
    const promised = vms.reduce((sum, vm) => sum + vm.returned, 0);
    const claimed = vms.reduce((sum, vm) => sum + vm.claimed, 0);
    const claimants = vms.map((vm) => {
      const most = Math.min(this.#limit(vm), vm.claimed + vm.compressed + vm.patched + vm.swapped + vm.ballooned);
      vm.least = this.#reservation(vm);
      const least = Math.min(most, vm.least);
      const shares = memoryShares(vm.pages, vm.settings?.shares);
      return { shares, active: vm.active, least, most };
    });
    const total = Math.max(0, claimed + frames.available - promised - this.#reclamation.goal);
    // Enough for all that anybody has ever used: nobody is held to a target, until free memory says otherwise.
    const enough = claimants.reduce((sum, { most }) => sum + most, 0) <= total;
    const tax = this.#parameters.idleMemoryTax;
    const targets = minFundingTargets(claimants, total, tax);
    const { goal } = this.#reclamation;
    vms.forEach((vm, i) => {
      const target = enough ? this.#limit(vm) : targets[i];
      if (target === vm.target) return;
      observer?.decided(newTarget(vm, target, claimants[i], { total, free: frames.available, goal, tax, enough }));
      vm.target = target;
    });
  }

  /** One large page after the other, until sharing its small pages has brought free memory to the goal. */
  #breakLargePages(): void {
    const { largePages } = this.#reclamation.rule;
    if (largePages === "kept" || this.#memory.largePages === undefined) return;
    const least = largePages === "broken" ? Region.Large : Region.LargeCandidate;
    const { frames, observer, vms } = this.#memory;
    if (frames.available >= this.#reclamation.goal) return;
    // Memory that is short calls for this again and again: VMs that have none left are not even sorted.
    for (const vm of byExcess(vms.filter((one) => one.largePages > 0))) {
      const free = frames.available;
      const broken = this.#breakLargePagesOf(vm, least);
      if (broken > 0) observer?.decided(largePagesBroken(vm, broken, this.#reclamation, free));
    }
  }

  #breakLargePagesOf(vm: VmMemory, least: number): number {
    let broken = 0;
    for (let region = 0; region < vm.regions.length; region++) {
      if (this.#memory.frames.available >= this.#reclamation.goal) break;
      if (vm.regions[region] < least) continue;
      this.#memory.breakUp(vm, region * LARGE_PAGE);
      broken++;
    }
    return broken;
  }

  /**
   * Page whom the state of memory allows to page down to its target. A limit holds whatever the state: where there is no
   * balloon to keep to it, what goes beyond is paged.
   */
  #takeByForce(): void {
    const { paged } = this.#reclamation.rule;
    const short = paged === "nobody" ? 0 : this.#reclamation.goal - this.#memory.frames.available;
    let budget = Math.ceil(this.#parameters.pageOutPagesPerSecond / TICKS_PER_SECOND);
    let freed = 0;
    const wanted = (vm: VmMemory): number =>
      Math.max(vm.machine - this.#limit(vm), Math.min(short - freed, vm.machine - vm.target));
    const tooLarge = this.#memory.vms.filter((vm) => (paged === "everybody" || !vm.canBalloon) && wanted(vm) > 0);
    for (const vm of byExcess(tooLarge)) {
      for (const mechanism of this.#forced) {
        const pages = Math.min(budget, wanted(vm));
        if (pages <= 0) continue;
        const taken = takeByForce(this.#memory, mechanism, vm, pages, this.#paging);
        budget -= taken;
        freed += taken;
      }
    }
  }

  #admissible(requests: readonly VmRequest[]) {
    return requests.map((request) => ({ pages: request.pages, reservation: this.#reservation(request) }));
  }

  get #swapPages(): number {
    return this.#forced.length > 0 ? this.#memory.slots.capacity : 0;
  }

  #reservation({ pages, settings }: VmRequest): number {
    return settings?.reservationPages ?? Math.ceil((pages * this.#parameters.reservationPercent) / 100);
  }

  #limit({ pages, settings }: VmRequest): number {
    return settings?.limitPages ?? Math.floor((pages * this.#parameters.limitPercent) / 100);
  }
}

export const proportionalShares = definePart<"allocation", ProportionalSharesParameters>({
  slot: "allocation",
  name: "proportional-shares",
  summary: "Memory by shares, with a tax on idle memory; balloons and host swap take what goes beyond a VM's target.",
  honoursMemorySettings: true,
  parameters: SHARE_PARAMETERS,
  problem: shareProblem,
  create: (parameters, context) => new ProportionalShares(parameters, context),
});
