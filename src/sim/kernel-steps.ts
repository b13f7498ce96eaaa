/** Steps that a guest's kernel takes because the VMM asks for them: the guest's vCPU pays, and what they lead to goes to the disk. */
import type { PendingCharges } from "../core/pending-charges.ts";
import type { GuestMemory } from "../guest/memory-manager.ts";
import type { GuestSurroundings } from "./guest-surroundings.ts";
import type { Waiter } from "./io-job.ts";
import { Outstanding } from "./outstanding.ts";
import type { Vcpu } from "./vcpu.ts";

export class KernelSteps {
  readonly #memory: GuestMemory;
  readonly #vcpu: Vcpu;
  readonly #around: GuestSurroundings;
  /** Submits what a step has led to, and lets the guest run. */
  readonly #afterStep: (waiter: Waiter) => void;
  readonly #diskWait = new Outstanding(() => {});

  constructor(memory: GuestMemory, vcpu: Vcpu, around: GuestSurroundings, afterStep: (waiter: Waiter) => void) {
    this.#memory = memory;
    this.#vcpu = vcpu;
    this.#around = around;
    this.#afterStep = afterStep;
  }

  /** What earlier steps swapped out is not on the disk yet. */
  get waitForDisk(): boolean {
    return this.#diskWait.count > 0;
  }

  /** Where the cycles of a step go. While the host is being built, nobody pays and nothing takes time. */
  get payer(): PendingCharges | undefined {
    return this.#around.building ? undefined : this.#vcpu.pending;
  }

  /** `step` returns whether the guest has to run for it. */
  run(step: () => boolean): void {
    if (this.payer === undefined) {
      step();
      this.#memory.requests.clear();
      return;
    }
    const { host } = this.#around;
    const { payer } = host;
    host.payer = this.payer;
    if (step()) this.submit();
    host.payer = payer;
  }

  /** The guest runs, and its disk gets what the kernel has asked for. */
  submit(): void {
    this.#afterStep(this.#diskWait);
  }
}
