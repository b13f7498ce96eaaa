/** The activity of all VMs of a host, each sampled by itself. */
import type { HostContext } from "../host-contract.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { VmMemory } from "../host-memory/vm-memory.ts";
import type { ActivityParameters } from "./activity-parameters.ts";
import { ActivitySampler } from "./activity-sampler.ts";

export class ActivitySamplers {
  readonly #memory: HostMemory;
  readonly #random: HostContext["random"];
  readonly #parameters: ActivityParameters;
  readonly #samplers: ActivitySampler[] = [];

  constructor({ memory, random }: Pick<HostContext, "memory" | "random">, parameters: ActivityParameters) {
    this.#memory = memory;
    this.#random = random;
    this.#parameters = parameters;
  }

  /** Begin new periods where the time has come, and say of each VM how much is active. No VM has been blocked or let run since. */
  advance(nowUs: number): void {
    for (const vm of this.#memory.vms) {
      this.#samplers[vm.index] ??= this.#newSampler(vm);
      this.#samplers[vm.index].advance(nowUs);
      vm.active = this.#samplers[vm.index].fraction * vm.mapped;
    }
  }

  #newSampler(vm: VmMemory): ActivitySampler {
    const { samplePeriodSeconds, slowGain, fastGain } = this.#parameters;
    const random = this.#random(`activity/vm${vm.index}`);
    return new ActivitySampler(vm, random, samplePeriodSeconds * 1e6, { slow: slowGain, fast: fastGain });
  }
}
