/**
 * An overcommit policy at work on a host: it is shown what it may see, called at its cadence, and obeyed. What a guest says
 * of itself is as old as its last report. Pages here, KiB in the policy.
 */
import { WrongAnswer } from "./wrong-answer.ts";
import { event } from "../../core/ledger.ts";
import { KIB_PER_PAGE, PAGES_PER_MIB } from "../../machine/page.ts";
import { primitiveCost } from "../../machine/profile.ts";
import type { Parameters } from "../contract.ts";
import type { Allocation, HostContext, MemoryMechanism, StartAnswer, VmRequest } from "../host-contract.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { RoomMaker } from "../host-memory/memory-roles.ts";
import {
  type Action,
  COLD,
  type Decision,
  type Observations,
  type Policy,
  type PolicyHostParameters,
} from "../memory/policies/policy-contract.ts";
import { BALLOONED, type VmMemory } from "../host-memory/vm-memory.ts";
import { ColdPages } from "./cold-pages.ts";
import { type ForcedPaging, PagesTaken, takeByForce } from "./forced-paging.ts";
import { makeRoomByForce, roomNeeded } from "./make-room.ts";
import { checkAction } from "./policy-actions.ts";
import { actionTaken, admissionRefused, type PolicyCall } from "./policy-decisions.ts";
import { HostView } from "./policy-observations.ts";
import { PendingRequest } from "./pending-request.ts";
import { equalSplit } from "./static-partition.ts";

/** A mistake that the language finds is told with its place; whoever throws an Error has said what it is about. */
function placeOf({ name, stack = "" }: Error): string {
  const place = name === "Error" ? undefined : /^\s+at .*?([^/\\(\s]+:\d+:\d+)\)?$/m.exec(stack)?.[1];
  return place === undefined ? "" : ` (${place})`;
}

/**
 * What a function of a policy returns. Throws a {@link WrongAnswer} that names both when it answers later, and an Error when it
 * throws: what a policy found wrong is told apart from what is wrong with what it returns.
 */
function answerOf<T>(policy: string, name: string, call: () => T): T {
  let answer: T;
  try {
    answer = call();
  } catch (error) {
    const reason = error instanceof Error ? `${error.message}${placeOf(error)}` : String(error);
    throw new Error(`policy ${policy}: ${name} failed: ${reason}`, { cause: error });
  }
  if (!(answer instanceof Promise)) return answer;
  // Nobody waits for it, and nobody is to be told a second time that it failed.
  answer.catch(() => undefined);
  throw new WrongAnswer(
    `policy ${policy}: ${name} is asynchronous; expected a function that answers at once, without async`,
  );
}

function coldPages({ memory, random, profile }: HostContext): ColdPages {
  return new ColdPages(memory, random("access-samples"), primitiveCost(profile, "page.map"));
}

export class PolicyAllocation<P extends Parameters, S> implements Allocation, RoomMaker {
  readonly name: string;
  /** A host that cannot take memory by force must have all that it promises. */
  readonly populates: boolean;
  readonly balloons: boolean;
  readonly #policy: Policy<P, S>;
  readonly #parameters: P & PolicyHostParameters;
  readonly #memory: HostMemory;
  readonly #view: HostView;
  readonly #cold: ColdPages | undefined;
  readonly #forced: readonly MemoryMechanism[];
  readonly #canBalloon: boolean;
  readonly #megahertz: number;
  #state: S;
  #nextUs = -Infinity;
  #waitUs: number;
  /** The VM that is to start, while the policy looks for memory. */
  #request: PendingRequest | undefined;
  /** Whether the host takes new VMs. */
  #open = true;
  /** Most that a VM may have, pages. */
  readonly #caps = new Map<VmMemory, number>();
  readonly #room: ForcedPaging;
  readonly #capped: ForcedPaging;

  constructor(policy: Policy<P, S>, parameters: P & PolicyHostParameters, context: HostContext) {
    this.name = policy.name;
    this.#policy = policy;
    this.#parameters = parameters;
    this.#memory = context.memory;
    this.#megahertz = context.profile.megahertz;
    this.#forced = context.mechanisms.filter(({ kind }) => kind === "forced");
    this.balloons = policy.balloons;
    this.#canBalloon = policy.balloons && context.mechanisms.some(({ kind }) => kind === "cooperative");
    this.populates = this.#forced.length === 0;
    if (this.#forced.length > 0) this.#memory.roomMaker = this;
    this.#cold = policy.signals.includes(COLD) ? coldPages(context) : undefined;
    this.#view = new HostView(context.memory, parameters, {
      swapSpace: this.#forced.length > 0,
      dom0: policy.signals.includes("dom0"),
      scrubUs: this.#scrubUs(context),
      cold: this.#cold,
    });
    this.#state = answerOf(this.name, "start", () => policy.start(parameters));
    this.#waitUs = policy.cadenceUs;
    this.#room = roomNeeded(policy.name, this.#memory);
    this.#capped = {
      by: policy.name,
      rule: "the VM is above its cap",
      inputs: (vm) => ({ cap_mib: (this.#caps.get(vm) ?? vm.pages) / PAGES_PER_MIB }),
    };
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

  /** Does nothing until the time the policy asked for has come. */
  rebalance(nowUs: number): void {
    this.#cold?.advance(nowUs);
    // Event times are whole cycles: a call may come a fraction of a microsecond early.
    if (nowUs + 1 >= this.#nextUs) this.#callPolicy(nowUs);
    this.#waitUs = Math.max(1, Math.min(this.#nextUs, this.#cold?.nextUs ?? Infinity) - nowUs);
  }

  makeRoom(): number {
    return makeRoomByForce(this.#memory, this.#memory.vms, this.#forced, this.#room);
  }

  #ask(request: VmRequest, nowUs: number): StartAnswer {
    if (this.#request === undefined) {
      this.#request = new PendingRequest(request, this.#leastPart);
      this.#callPolicy(nowUs);
    } else if (this.#request.answer === undefined && nowUs + 1 >= this.#nextUs) this.#callPolicy(nowUs);
    const { answer } = this.#request;
    if (answer === undefined) return { kind: "wait", us: Math.max(1, this.#nextUs - nowUs) };
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
    const { name, cadenceUs } = this.#policy;
    const seen = { ...this.#view.observe(nowUs), ...(this.#request && { request: this.#request.wanted }) };
    const before = this.#state;
    const { actions, state, nextInUs, watchesAges = true } = this.#decide(seen, nowUs);
    this.#state = state;
    this.#cold?.watch(watchesAges, nowUs);
    if (nextInUs !== undefined && !(Number.isFinite(nextInUs) && nextInUs > 0))
      throw new WrongAnswer(`policy ${name}: nextInUs is ${nextInUs}; expected a time in microseconds, above 0`);
    this.#nextUs = nowUs + (nextInUs ?? cadenceUs);
    for (const action of actions) {
      const vm = checkAction(name, action, this.#view);
      this.#memory.payer.add(event(`policy.${action.kind}`), 0);
      this.#carryOut(action, vm, { seen, before, nowUs });
    }
    for (const [vm, cap] of this.#caps) this.#holdTo(vm, cap);
  }

  #decide(seen: Observations, nowUs: number): Decision<S> {
    const decision = answerOf(this.name, "decide", () =>
      this.#policy.decide(this.#parameters, seen, this.#state, nowUs),
    );
    if (Array.isArray(decision?.actions)) return decision;
    throw new WrongAnswer(`policy ${this.name}: decide returns no list of actions; expected { actions: [...], state }`);
  }

  #carryOut(action: Action, vm: VmMemory | undefined, call: PolicyCall<S>): void {
    if (action.kind === "admission") this.#open = action.open;
    else if (action.kind === "grant") this.#request?.grant(action.kib);
    else if (action.kind === "refuse") this.#request?.refuse(action.reason);
    const { observer } = this.#memory;
    const taking = observer && vm && new PagesTaken(this.#memory, vm);
    const { size } = vm ?? {};
    if (vm !== undefined) this.#act(action, vm, call.nowUs);
    // Some policies set again and again what is set already.
    if (observer === undefined || (action.kind === "target" && vm?.size === size)) return;
    const taken = action.kind === "reclaim" ? taking?.figures : undefined;
    observer.decided(
      answerOf(this.name, "figures", () => actionTaken(this.#policy, this.#parameters, call, action, taken)),
    );
  }

  #act(action: Action, vm: VmMemory, nowUs: number): void {
    if (action.kind === "target") vm.size = Math.min(vm.pages, Math.floor(action.kib / KIB_PER_PAGE));
    else if (action.kind === "cap") this.#caps.set(vm, Math.min(vm.pages, Math.floor(action.kib / KIB_PER_PAGE)));
    else if (action.kind === "reclaim") this.#reclaim(vm, action.kib, action.mostUs ?? Infinity);
    else if (action.kind === "evict") this.#evict(vm, nowUs);
    vm.target = vm.size ?? vm.target;
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
    vm.returned = 0;
    this.#view.vmHasLeft(this.populates ? this.#memory.frames.free - free : 0, nowUs);
  }

  /** The balloon keeps to the cap where nothing else can. */
  #holdTo(vm: VmMemory, cap: number): void {
    if (this.#forced.length === 0) vm.size = Math.min(vm.size ?? vm.pages, cap);
    else this.#take(vm, vm.mapped - cap);
  }

  #take(vm: VmMemory, pages: number): void {
    let left = pages;
    for (const mechanism of this.#forced)
      if (left > 0) left -= takeByForce(this.#memory, mechanism, vm, left, this.#capped);
  }
}
