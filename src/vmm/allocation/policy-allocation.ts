/**
 * An overcommit policy at work on a host: it is shown what it may see, called at its cadence, and obeyed. What a guest says
 * of itself is as old as its last report. Pages here, KiB in the policy.
 */
import { SECOND_US } from "../../core/time.ts";
import { KIB_PER_PAGE, PAGES_PER_MIB } from "../../machine/page.ts";
import { primitiveCost } from "../../machine/profile.ts";
import type { Parameters } from "../contract.ts";
import type { Allocation, HostContext, MemoryMechanism, StartAnswer, VmRequest } from "../host-contract.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { Figures } from "../host-memory/memory-decision.ts";
import type { RoomMaker } from "../host-memory/memory-roles.ts";
import {
  ACTIVE,
  type Action,
  COLD,
  type Policy,
  type PolicyHostParameters,
} from "../memory/policies/policy-contract.ts";
import { BALLOONED, LARGE_PAGE, type VmMemory } from "../host-memory/vm-memory.ts";
import type { ActivityParameters } from "./activity-parameters.ts";
import { ActivitySamplers } from "./activity-samplers.ts";
import { ColdPages } from "./cold-pages.ts";
import { type ForcedPaging, PagesTaken } from "./forced-paging.ts";
import { makeRoomByForce, roomNeeded } from "./make-room.ts";
import { admissionRefused } from "./policy-decisions.ts";
import { HostView } from "./policy-observations.ts";
import { PendingRequest } from "./pending-request.ts";
import { RunningPolicy } from "./running-policy.ts";
import { equalSplit } from "./static-partition.ts";
import { VmCaps } from "./vm-caps.ts";

/** Samples of activity end by the clocks of the VMs, which are looked at as often as this, however seldom a policy is called. */
const LOOK_US = SECOND_US;

type ActionOnMemory = Extract<Action, { readonly kind: "target" | "cap" | "reclaim" | "evict" | "flag" }>;

/** Returns whether that is something new. */
function setBlocked(vm: VmMemory, blocked: boolean): boolean {
  if (vm.blocked === blocked) return false;
  vm.blocked = blocked;
  return true;
}

/** Undefined: the guest has not brought any page back. */
function shrinkFrontswap(vm: VmMemory, pages: number): Figures | undefined {
  const back = vm.frontswap?.shrinkTo(pages) ?? 0;
  return back > 0 ? { back_pages: back } : undefined;
}

function coldPages({ memory, random, profile }: HostContext): ColdPages {
  return new ColdPages(memory, random("access-samples"), primitiveCost(profile, "page.map"));
}

/** A policy that goes by activity has these parameters besides its own: define-policy.ts. */
function activityOf(context: HostContext, parameters: Parameters): ActivitySamplers {
  return new ActivitySamplers(context, parameters as ActivityParameters);
}

export class PolicyAllocation<P extends Parameters, S> implements Allocation, RoomMaker {
  readonly name: string;
  /** A host that cannot take memory by force must have all that it promises. */
  readonly populates: boolean;
  readonly balloons: boolean;
  readonly tunesSharing: boolean;
  readonly #policy: Policy<P, S>;
  readonly #running: RunningPolicy<P, S>;
  readonly #parameters: P & PolicyHostParameters;
  readonly #memory: HostMemory;
  readonly #view: HostView;
  readonly #cold: ColdPages | undefined;
  readonly #activity: ActivitySamplers | undefined;
  readonly #forced: readonly MemoryMechanism[];
  readonly #canBalloon: boolean;
  readonly #megahertz: number;
  #waitUs: number;
  /** The VM that is to start, while the policy looks for memory. */
  #request: PendingRequest | undefined;
  /** Whether the host takes new VMs. */
  #open = true;
  readonly #room: ForcedPaging;
  readonly #caps: VmCaps;

  constructor(policy: Policy<P, S>, parameters: P & PolicyHostParameters, context: HostContext) {
    this.name = policy.name;
    this.#policy = policy;
    this.#parameters = parameters;
    this.#memory = context.memory;
    this.#megahertz = context.profile.megahertz;
    this.#forced = context.mechanisms.filter(({ kind }) => kind === "forced");
    this.balloons = policy.balloons;
    this.tunesSharing = policy.tunesSharing === true;
    if (this.tunesSharing) this.#memory.sharingIsTuned = true;
    this.#canBalloon = policy.balloons && context.mechanisms.some(({ kind }) => kind === "cooperative");
    this.populates = this.#forced.length === 0;
    if (this.#forced.length > 0) this.#memory.roomMaker = this;
    this.#caps = new VmCaps(this.#memory, this.#forced, policy.name);
    this.#cold = policy.signals.includes(COLD) ? coldPages(context) : undefined;
    this.#activity = policy.signals.includes(ACTIVE) ? activityOf(context, parameters) : undefined;
    this.#view = new HostView(context.memory, {
      reportsEveryUs: parameters.statisticsPeriodSeconds * 1e6,
      swapSpace: this.#forced.length > 0,
      dom0: policy.signals.includes("dom0"),
      scrubUs: this.#scrubUs(context),
      cold: this.#cold,
      activity: this.#activity !== undefined,
    });
    this.#running = new RunningPolicy(policy, parameters, context.memory);
    this.#waitUs = policy.cadenceUs;
    this.#room = roomNeeded(policy.name, this.#memory);
  }

  /** A host that cannot page by force is Xen, which cleans what a domain leaves behind before others get it. */
  #scrubUs({ profile }: HostContext): number {
    return this.populates ? (profile.costs["page.zero"] ?? 0) / profile.megahertz : 0;
  }

  /** Time until the policy is called next. */
  get periodUs(): number {
    return this.#waitUs;
  }

  /** VMs start in order, while the ratio allows it and their minima are there, if nothing can be taken from them later. */
  admit(requests: readonly VmRequest[], free: number): readonly number[] {
    const { admissionRatio, admissionReserveMib } = this.#parameters;
    const usable = Math.max(0, free - admissionReserveMib * PAGES_PER_MIB);
    const most = admissionRatio > 0 ? admissionRatio * usable : Infinity;
    const least = this.#leastPart;
    let claimed = 0;
    let needed = 0;
    let admitted = 0;
    for (const { pages } of requests) {
      claimed += pages;
      needed += this.populates ? Math.ceil(pages * least) : 0;
      if (claimed > most || Math.max(1, needed) > usable) break;
      admitted++;
    }
    if (admitted < requests.length) {
      const refused = requests.length - admitted;
      const limits = { usable, most, claimed, needed, minimumPercent: 100 * least };
      this.#memory.observer?.decided(admissionRefused(this.name, admitted, refused, limits));
    }
    const started = requests.slice(0, admitted);
    if (!this.#canBalloon) return started.map(({ pages }) => pages);
    return equalSplit(started, usable, this.populates ? least : 0);
  }

  /** The policy is asked, if it answers; else a VM starts with what is free, or where memory can be taken by force. */
  start(request: VmRequest, nowUs: number): StartAnswer {
    if (!this.#open) return { kind: "wait", us: this.#policy.cadenceUs };
    if (!this.#admits(request)) return { kind: "refused", reason: "more than the admission ratio allows" };
    if (this.#policy.answersRequests === true) return this.#ask(request, nowUs);
    if (this.populates && request.pages > this.#memory.frames.free) {
      return { kind: "refused", reason: "not enough memory is free" };
    }
    return { kind: "granted", pages: request.pages };
  }

  /** Does nothing until the time the policy asked for has come, or as little is free as it asked to be told of. */
  rebalance(nowUs: number, alarm = false): void {
    if (nowUs < 0 && this.#onlyTunes) return;
    this.#cold?.advance(nowUs);
    this.#activity?.advance(nowUs);
    // A host without a free frame raises the alarm whether or not the policy has asked for it.
    const isCalled = alarm && this.#memory.alarmBelow > 0;
    if (isCalled || this.#running.isDue(nowUs)) this.#callPolicy(nowUs);
    const samplesInUs = (this.#cold?.nextUs ?? Infinity) - nowUs;
    const looksInUs = this.#activity === undefined ? Infinity : LOOK_US;
    this.#waitUs = Math.max(1, Math.min(this.#running.waitUs(nowUs), samplesInUs, looksInUs));
  }

  /** While balloons settle, before guests begin to work, nothing is scanned: there is nothing to tune yet. */
  get #onlyTunes(): boolean {
    return this.tunesSharing && !this.balloons;
  }

  makeRoom(): number {
    return makeRoomByForce(this.#memory, this.#memory.vms, this.#forced, this.#room);
  }

  #ask(request: VmRequest, nowUs: number): StartAnswer {
    if (this.#request === undefined) {
      this.#request = new PendingRequest(request, this.#leastPart);
      this.#callPolicy(nowUs);
    } else if (this.#request.answer === undefined && this.#running.isDue(nowUs)) this.#callPolicy(nowUs);
    const { answer } = this.#request;
    if (answer === undefined) return { kind: "wait", us: this.#running.waitUs(nowUs) };
    this.#request = undefined;
    return answer;
  }

  #admits({ pages }: VmRequest): boolean {
    const { admissionRatio, admissionReserveMib } = this.#parameters;
    const usable = Math.max(0, this.#memory.frames.forVms - admissionReserveMib * PAGES_PER_MIB);
    const claimed = this.#memory.vms.reduce((sum, vm) => sum + (vm.evicted ? 0 : vm.pages), pages);
    return admissionRatio === 0 || claimed <= admissionRatio * usable;
  }

  /** Smallest part of its configured memory that a VM starts with. */
  get #leastPart(): number {
    return this.#canBalloon ? this.#parameters.minimumPercent / 100 : 1;
  }

  #callPolicy(nowUs: number): void {
    for (const vm of this.#view.shownVms) this.#size(vm);
    const seen = { ...this.#view.observe(nowUs), ...(this.#request && { request: this.#request.wanted }) };
    const { call, actions, watchesAges, alarmBelow } = this.#running.call(seen, nowUs, this.#view);
    this.#memory.alarmBelow = Math.ceil(alarmBelow / KIB_PER_PAGE);
    this.#cold?.watch(watchesAges, nowUs);
    for (const { action, vm } of actions) {
      const outcome = this.#carryOut(action, vm, nowUs);
      if (outcome !== undefined) this.#running.tell(call, action, outcome);
    }
    for (const vm of this.#view.shownVms) this.#caps.hold(vm);
  }

  /** A VM has the size that it came up with until it is given another. */
  #size(vm: VmMemory): void {
    vm.size ??= vm.pages - vm.ballooned;
    vm.least = Math.ceil((vm.pages * this.#parameters.minimumPercent) / 100);
  }

  /** What came of it besides what was asked for; undefined: nothing that was not so before. */
  #carryOut(action: Action, vm: VmMemory | undefined, nowUs: number): Figures | undefined {
    // What has left the host does not come back, and has no memory here that anything could be done to.
    if (vm?.evicted === true) return undefined;
    switch (action.kind) {
      case "sharing":
        return this.#running.tuneSharing(action) ? {} : undefined;
      case "block":
        return vm && setBlocked(vm, action.blocked) ? {} : undefined;
      case "break": {
        const broken = vm === undefined ? 0 : this.#breakUp(vm);
        return broken > 0 ? { broken_regions: broken } : undefined;
      }
      case "shrink-frontswap":
        return vm && shrinkFrontswap(vm, Math.floor(action.kib / KIB_PER_PAGE));
      case "admission":
        this.#open = action.open;
        return {};
      case "grant":
        this.#request?.grant(action.kib);
        return {};
      case "refuse":
        this.#request?.refuse(action.reason);
        return {};
      default:
        return vm && this.#act(action, vm, nowUs);
    }
  }

  #act(action: ActionOnMemory, vm: VmMemory, nowUs: number): Figures | undefined {
    const taking = this.#memory.observer && action.kind === "reclaim" ? new PagesTaken(this.#memory, vm) : undefined;
    const { size } = vm;
    if (action.kind === "target") vm.size = Math.min(vm.pages, Math.floor(action.kib / KIB_PER_PAGE));
    else if (action.kind === "cap") vm.cap = Math.min(vm.pages, Math.floor(action.kib / KIB_PER_PAGE));
    else if (action.kind === "reclaim") this.#reclaim(vm, action.kib, action.mostUs ?? Infinity);
    else if (action.kind === "evict") this.#evict(vm, nowUs);
    vm.target = vm.size ?? vm.target;
    // Some policies set again and again what is set already.
    if (action.kind === "target" && vm.size === size) return undefined;
    return taking?.figures ?? {};
  }

  /** Large pages that the VM had. */
  #breakUp(vm: VmMemory): number {
    const { largePages } = vm;
    for (let ppn = 0; ppn < vm.pages; ppn += LARGE_PAGE) this.#memory.breakUp(vm, ppn);
    return largePages - vm.largePages;
  }

  #reclaim(vm: VmMemory, kib: number, mostUs: number): void {
    this.#cold?.pageOut(vm, Math.floor(kib / KIB_PER_PAGE), mostUs * this.#megahertz);
  }

  /** The VM leaves the host: it does not run here again, and its frames are free for others. */
  #evict(vm: VmMemory, nowUs: number): void {
    const { free } = this.#memory.frames;
    vm.blocked = true;
    vm.evicted = true;
    for (let ppn = 0; ppn < vm.pages; ppn++) if (vm.backing[ppn] !== BALLOONED) this.#memory.discard(vm, ppn);
    this.#memory.frontswap?.flushAll(vm);
    vm.returned = 0;
    this.#view.vmHasLeft(this.populates ? this.#memory.frames.free - free : 0, nowUs);
  }
}
