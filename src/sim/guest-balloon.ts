/** The balloon driver of a guest on the host: its steps cost the guest's vCPU, and may have to wait for the disk. */
import type { GuestMemory } from "../guest/memory-manager.ts";
import type { CostVector } from "../core/pending-charges.ts";
import type { BalloonPort, BalloonPrice, BalloonStep } from "../vmm/host-memory/vm-memory.ts";
import type { GuestSurroundings } from "./guest-surroundings.ts";
import { KernelSteps } from "./kernel-steps.ts";
import type { Waiter } from "./io-job.ts";
import type { Vcpu } from "./vcpu.ts";

export class GuestBalloon implements BalloonPort {
  readonly #memory: GuestMemory;
  readonly #vcpu: Vcpu;
  readonly #vmmCall: CostVector;
  readonly #steps: KernelSteps;
  /** Cycles that the vCPU has run when the last step is done. */
  #doneAt = 0;

  constructor(
    memory: GuestMemory,
    { vcpu, vmmCall }: { readonly vcpu: Vcpu; readonly vmmCall: CostVector },
    around: GuestSurroundings,
    afterStep: (waiter: Waiter) => void,
  ) {
    this.#memory = memory;
    this.#vmmCall = vmmCall;
    this.#vcpu = vcpu;
    this.#steps = new KernelSteps(memory, vcpu, around, afterStep);
  }

  get busy(): boolean {
    return this.#steps.waitForDisk || this.#vcpu.cyclesRun < this.#doneAt;
  }

  /** The driver moves towards its target, but not before what its last step swapped out is on the disk. */
  poll(target: number, most: number, step?: BalloonStep): void {
    if (this.#steps.waitForDisk) return;
    const { balloon } = this.#memory;
    this.#steps.run(() => {
      const { size } = balloon;
      const moved = balloon.poll(target, most, step?.reclaims);
      if (moved === 0) return false;
      if (step?.price !== undefined) this.#pay(step.price, moved, Math.max(0, balloon.size - size));
      return true;
    });
  }

  /** Descriptors are initialized before the memory can be used; the kernel may have to swap for them. */
  hotAdd(pages: number): number {
    if (this.busy) return 0;
    let added = 0;
    this.#steps.run(() => {
      added = this.#memory.hotAdded.add(pages);
      return added > 0;
    });
    return added;
  }

  calls(count: number): void {
    const { payer } = this.#steps;
    if (payer === undefined || count === 0) return;
    payer.addVector(this.#vmmCall, count);
    this.#doneAt = this.#vcpu.cyclesRun + this.#vcpu.owed;
    this.#steps.submit();
  }

  #pay({ batch, page, releasedPage }: BalloonPrice, moved: number, released: number): void {
    const { payer } = this.#steps;
    if (payer === undefined) return;
    payer.addVector(batch);
    payer.addVector(page, moved);
    payer.addVector(releasedPage, released);
    this.#doneAt = this.#vcpu.cyclesRun + this.#vcpu.owed;
  }
}
