/** Xen's credit scheduler (Xen 3.0.3 to 4.11, xen/common/sched_credit.c). */
import { microsecondsToCycles } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { HostContext, Scheduler } from "../host-contract.ts";

/** Burnt by whoever runs when a tick comes. */
const CREDITS_PER_TICK = 100;
const TICKS_PER_ACCOUNT = 3;
/** Handed out per accounting period and CPU. */
const CREDITS_PER_ACCOUNT = 300;

/** Priorities, best first; the queue of each is FIFO. */
const BOOST = 0;
const UNDER = 1;
const OVER = 2;

export interface CreditParameters extends Record<string, number | boolean> {
  weight: number;
  sliceMs: number;
  tickMs: number;
}

class Credit implements Scheduler {
  readonly name = "credit";
  readonly sliceCycles: number;
  readonly tickCycles: number;
  readonly #cpus: number;
  readonly #unitWeight: number;
  readonly #weight: number[] = [];
  readonly #credit: number[] = [];
  readonly #priority: number[] = [];
  /** Has been seen running lately: takes part in the division of credits. */
  readonly #active: boolean[] = [];
  readonly #queues: readonly number[][] = [[], [], []];
  #ticksToAccount = TICKS_PER_ACCOUNT;

  constructor(parameters: CreditParameters, context: HostContext) {
    this.#cpus = context.profile.cores;
    this.#unitWeight = parameters.weight;
    this.sliceCycles = microsecondsToCycles(context.profile, parameters.sliceMs * 1000);
    this.tickCycles = microsecondsToCycles(context.profile, parameters.tickMs * 1000);
  }

  add(share: number): void {
    this.#weight.push(this.#unitWeight * share);
    this.#credit.push(0);
    this.#priority.push(UNDER);
    this.#active.push(false);
  }

  /** A vCPU that wakes up and has credit left goes ahead of all that merely want to compute. */
  ready(vcpu: number, woken: boolean): void {
    if (woken && this.#priority[vcpu] === UNDER) this.#priority[vcpu] = BOOST;
    this.#queues[this.#priority[vcpu]].push(vcpu);
  }

  pick(): number {
    for (const queue of this.#queues) {
      const vcpu = queue.shift();
      if (vcpu !== undefined) return vcpu;
    }
    return -1;
  }

  /** Credits are burnt by ticks, not by time run. */
  ran(): void {}

  preempts(ready: number, running: number): boolean {
    return this.#priority[ready] < this.#priority[running];
  }

  tick(running: number): boolean {
    if (this.#priority[running] === BOOST) this.#priority[running] = UNDER;
    this.#active[running] = true;
    this.#credit[running] -= CREDITS_PER_TICK;
    return this.#bestReady() < this.#priority[running];
  }

  account(): void {
    if (--this.#ticksToAccount > 0) return;
    this.#ticksToAccount = TICKS_PER_ACCOUNT;
    let weights = 0;
    for (let vcpu = 0; vcpu < this.#weight.length; vcpu++) if (this.#active[vcpu]) weights += this.#weight[vcpu];
    for (let vcpu = 0; vcpu < this.#weight.length; vcpu++) {
      if (this.#active[vcpu]) this.#give(vcpu, (CREDITS_PER_ACCOUNT * this.#cpus * this.#weight[vcpu]) / weights);
    }
    this.#sortQueues();
  }

  #give(vcpu: number, credits: number): void {
    this.#credit[vcpu] += credits;
    if (this.#credit[vcpu] < 0) {
      this.#priority[vcpu] = OVER;
      // At most one period in debt, or a vCPU that ran alone could starve when others come.
      this.#credit[vcpu] = Math.max(this.#credit[vcpu], -CREDITS_PER_ACCOUNT);
      return;
    }
    if (this.#priority[vcpu] === OVER) this.#priority[vcpu] = UNDER;
    if (this.#credit[vcpu] > CREDITS_PER_ACCOUNT) {
      // It doesn't use its share: out of the division, until a tick finds it running again.
      this.#active[vcpu] = false;
      this.#credit[vcpu] = 0;
    }
  }

  /** Priorities have changed: move waiting vCPUs to the queues they belong to, in their present order. */
  #sortQueues(): void {
    const waiting = this.#queues.flatMap((queue) => queue.splice(0));
    for (const vcpu of waiting) this.#queues[this.#priority[vcpu]].push(vcpu);
  }

  /** Priority of the best vCPU that waits; worse than all when nobody does. */
  #bestReady(): number {
    const best = this.#queues.findIndex((queue) => queue.length > 0);
    return best < 0 ? OVER + 1 : best;
  }
}

export const credit = definePart<"scheduler", CreditParameters>({
  slot: "scheduler",
  name: "credit",
  summary: "Credits by weight: who has credit left goes before who has not, and who wakes up before both.",
  parameters: {
    weight: {
      summary: "Weight of a vCPU",
      default: 256,
      unit: "1",
      min: 1,
      max: 65_535,
      source: "Xen 3.0.3, sched_credit.c",
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
