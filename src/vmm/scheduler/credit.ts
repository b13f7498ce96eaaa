/**
 * Xen's credit scheduler (Xen 3.0.3 to 4.11, xen/common/sched_credit.c). Every pCPU has queues of its own; before it runs a
 * vCPU that has used up its credit, or idles, it looks for a better one in the queues of the others, and takes it over.
 */
import { microsecondsToCycles, primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { HostContext, Scheduler, VcpuSettings } from "../host-contract.ts";
import { divideCredits } from "./credit-division.ts";
import { Placement } from "./placement.ts";
import { PriorityQueues } from "./priority-queues.ts";

/** Burnt by whoever runs when a tick comes. */
const CREDITS_PER_TICK = 100;
const TICKS_PER_ACCOUNT = 3;
/** Handed out per accounting period and CPU. */
const CREDITS_PER_ACCOUNT = 300;

/** Priorities, best first; the queue of each is FIFO. Who is parked has used up its cap and may not run. */
const BOOST = 0;
const UNDER = 1;
const OVER = 2;
const PARKED = 3;
const PRIORITIES = 4;

export interface CreditParameters extends Record<string, number | boolean> {
  weight: number;
  cap: number;
  sliceMs: number;
  tickMs: number;
}

class Credit implements Scheduler {
  readonly name = "credit";
  readonly tickCycles: number;
  readonly switchCycles: number;
  until = Infinity;
  readonly #slice: number;
  readonly #megahertz: number;
  readonly #cpus: number;
  readonly #unitWeight: number;
  /** Cap of a vCPU without a limit of its own, in credits of an accounting period; Infinity: none. */
  readonly #unitCap: number;
  readonly #weight: number[] = [];
  readonly #cap: number[] = [];
  /** Most credits that a vCPU is given: one cannot burn more than a CPU's, whatever its weight. */
  readonly #most: number[] = [];
  readonly #credit: number[] = [];
  readonly #priority: number[] = [];
  /** Has been seen running lately: takes part in the division of credits. */
  readonly #active: boolean[] = [];
  readonly #given: number[] = [];
  /** Where vCPUs run; who is taken over by another pCPU stays there. */
  readonly #place: Placement;
  readonly #queues: readonly PriorityQueues[];
  #ticksToAccount = TICKS_PER_ACCOUNT;

  constructor(parameters: CreditParameters, { profile }: HostContext) {
    this.#cpus = profile.cores;
    this.#megahertz = profile.megahertz;
    this.#unitWeight = parameters.weight;
    this.#place = new Placement(profile.cores);
    this.#queues = Array.from({ length: profile.cores }, () => new PriorityQueues(PRIORITIES));
    this.#unitCap = parameters.cap === 0 ? Infinity : creditsOf(parameters.cap / 100);
    this.#slice = microsecondsToCycles(profile, parameters.sliceMs * 1000);
    this.tickCycles = microsecondsToCycles(profile, parameters.tickMs * 1000);
    this.switchCycles = primitiveCost(profile, "xen.domain-switch");
  }

  add({ shares, limitMhz }: VcpuSettings): void {
    this.#place.add();
    this.#weight.push(this.#unitWeight * shares);
    const cap = limitMhz === Infinity ? this.#unitCap : creditsOf(limitMhz / this.#megahertz);
    this.#cap.push(cap);
    this.#most.push(Math.min(cap, CREDITS_PER_ACCOUNT));
    this.#credit.push(0);
    this.#priority.push(UNDER);
    this.#active.push(false);
    this.#given.push(0);
  }

  /** A vCPU that wakes up and has credit left goes ahead of all that merely want to compute. */
  ready(vcpu: number, woken: boolean): void {
    if (woken && this.#priority[vcpu] === UNDER) this.#priority[vcpu] = BOOST;
    this.#queues[this.#place.home[vcpu]].add(vcpu, this.#priority[vcpu]);
  }

  pick(cpu: number, now: number): number {
    const from = this.#bestQueues(cpu);
    const best = this.#queues[from].best();
    if (best >= PARKED) {
      this.until = Infinity;
      return -1;
    }
    this.until = now + this.#slice;
    const vcpu = this.#queues[from].take(best);
    this.#place.home[vcpu] = cpu;
    return vcpu;
  }

  /** Credits are burnt by ticks, not by time run. */
  ran(): void {}

  preemptsAt(ready: number, running: number, now: number): number {
    const { home } = this.#place;
    return home[ready] === home[running] && this.#priority[ready] < this.#priority[running] ? now : Infinity;
  }

  tick(running: number): void {
    if (this.#priority[running] === BOOST) this.#priority[running] = UNDER;
    this.#active[running] = true;
    this.#credit[running] -= CREDITS_PER_TICK;
  }

  account(): void {
    if (--this.#ticksToAccount > 0) return;
    this.#ticksToAccount = TICKS_PER_ACCOUNT;
    divideCredits(CREDITS_PER_ACCOUNT * this.#cpus, this.#weight, this.#most, this.#active, this.#given);
    for (let vcpu = 0; vcpu < this.#weight.length; vcpu++) if (this.#active[vcpu]) this.#give(vcpu);
    for (const queues of this.#queues) queues.sort(this.#priority);
  }

  mustYield(running: number): boolean {
    const waiting = this.#queues[this.#bestQueues(this.#place.home[running])].best();
    return this.#priority[running] === PARKED || waiting < this.#priority[running];
  }

  /** The pCPU whose queues a pCPU takes its next vCPU from: its own, unless others have a better one and it has no credit. */
  #bestQueues(cpu: number): number {
    let from = cpu;
    let best = this.#queues[cpu].best();
    for (let i = 1; i < this.#cpus && best > UNDER; i++) {
      const peer = (cpu + i) % this.#cpus;
      if (this.#queues[peer].best() >= best) continue;
      from = peer;
      best = this.#queues[peer].best();
    }
    return from;
  }

  #give(vcpu: number): void {
    this.#credit[vcpu] += this.#given[vcpu];
    if (this.#credit[vcpu] < 0) {
      if (this.#credit[vcpu] < -this.#cap[vcpu]) this.#priority[vcpu] = PARKED;
      else if (this.#priority[vcpu] !== PARKED) this.#priority[vcpu] = OVER;
      // At most one period in debt, or a vCPU that ran alone could starve when others come.
      this.#credit[vcpu] = Math.max(this.#credit[vcpu], -CREDITS_PER_ACCOUNT);
      return;
    }
    if (this.#priority[vcpu] >= OVER) this.#priority[vcpu] = UNDER;
    if (this.#credit[vcpu] > CREDITS_PER_ACCOUNT) {
      // It doesn't use its share: out of the division, until a tick finds it running again.
      this.#active[vcpu] = false;
      this.#credit[vcpu] = 0;
    }
  }
}

/** Credits that stand for a part of a pCPU, as Xen rounds them. */
function creditsOf(part: number): number {
  return Math.ceil(part * CREDITS_PER_ACCOUNT);
}

export const credit = definePart<"scheduler", CreditParameters>({
  slot: "scheduler",
  name: "credit",
  summary: "Credits by weight: who has credit left goes before who has not, and who wakes up before both.",
  needs: ["xen.domain-switch"],
  honoursCpuSettings: ["limit"],
  parameters: {
    weight: {
      summary: "Weight of a vCPU",
      default: 256,
      unit: "1",
      min: 1,
      max: 65_535,
      source: "Xen 3.0.3, sched_credit.c",
    },
    cap: {
      summary: "Most that a vCPU without a limit of its own gets of a CPU, even if nobody else wants it (0: no cap)",
      default: 0,
      unit: "%",
      min: 0,
      max: 100,
      source: "Xen 3.0.3, sched_credit.c: caps are in percent of one physical CPU",
    },
    sliceMs: { summary: "Time slice", default: 30, unit: "ms", min: 0.1, source: "Xen 3.0.3, sched_credit.c" },
    tickMs: {
      summary: "Period of the tick that burns 100 credits",
      default: 10,
      unit: "ms",
      min: 0.1,
      source: "Xen 3.0.3, sched_credit.c",
    },
  },
  create: (parameters, context: HostContext) => new Credit(parameters, context),
});
