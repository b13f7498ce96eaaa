/** Proportional-share CPU scheduling by virtual time (stride scheduling, Waldspurger 1995), as ESX Server divides CPUs. */
import { microsecondsToCycles } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { HostContext, Scheduler } from "../host-contract.ts";

export interface ProportionalShareCpuParameters extends Record<string, number | boolean> {
  quantumMs: number;
}

class ProportionalShareCpu implements Scheduler {
  readonly name = "proportional-share";
  readonly sliceCycles: number;
  readonly tickCycles = 0;
  readonly #share: number[] = [];
  /** Cycles run divided by share: whoever has least runs next. */
  readonly #virtualTime: number[] = [];
  readonly #queue: number[] = [];
  #now = 0;

  constructor(sliceCycles: number) {
    this.sliceCycles = sliceCycles;
  }

  add(share: number): void {
    this.#share.push(share);
    this.#virtualTime.push(this.#now);
  }

  /** Time spent asleep is not saved up. */
  ready(vcpu: number, woken: boolean): void {
    if (woken) this.#virtualTime[vcpu] = Math.max(this.#virtualTime[vcpu], this.#now);
    this.#queue.push(vcpu);
  }

  pick(): number {
    let best = -1;
    for (let place = 0; place < this.#queue.length; place++) {
      if (best < 0 || this.#virtualTime[this.#queue[place]] < this.#virtualTime[this.#queue[best]]) best = place;
    }
    if (best < 0) return -1;
    const [vcpu] = this.#queue.splice(best, 1);
    this.#now = Math.max(this.#now, this.#virtualTime[vcpu]);
    return vcpu;
  }

  ran(vcpu: number, cycles: number): void {
    this.#virtualTime[vcpu] += cycles / this.#share[vcpu];
  }

  preempts(ready: number, running: number): boolean {
    return this.#virtualTime[ready] < this.#virtualTime[running];
  }

  tick(): boolean {
    return false;
  }

  account(): void {}
}

export const proportionalShareCpu = definePart<"scheduler", ProportionalShareCpuParameters>({
  slot: "scheduler",
  name: "proportional-share",
  summary: "CPU time by shares: the vCPU with the least virtual time runs next.",
  parameters: {
    quantumMs: {
      summary: "Longest time a vCPU runs before the next decision",
      default: 50,
      unit: "ms",
      min: 0.1,
      source: "ESX, quoted by Barham et al. 2003, section 4.3",
    },
  },
  create: ({ quantumMs }, context: HostContext) =>
    new ProportionalShareCpu(microsecondsToCycles(context.profile, quantumMs * 1000)),
});
