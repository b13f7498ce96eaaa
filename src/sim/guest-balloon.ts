/** The balloon driver of a guest on the host: its steps cost the guest's vCPU, and may have to wait for the disk. */
import type { GuestMemory } from "../guest/memory-manager.ts";
import type { BalloonPort, BalloonStep } from "../vmm/vm-memory.ts";
import type { Waiter } from "./host-devices.ts";
import type { GuestSurroundings } from "./host-guest.ts";
import { Outstanding } from "./outstanding.ts";
import type { Vcpu } from "./processors.ts";

export class GuestBalloon implements BalloonPort {
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

  get busy(): boolean {
    return this.#diskWait.count > 0;
  }

  /** The driver moves towards its target, but not before what its last step swapped out is on the disk. */
  poll(target: number, most: number, step?: BalloonStep): void {
    if (this.busy) return;
    const { host, building } = this.#around;
    const { balloon, requests } = this.#memory;
    if (building) {
      balloon.poll(target, most, step?.reclaims);
      requests.clear();
      return;
    }
    const { payer } = host;
    host.payer = this.#vcpu.pending;
    if (balloon.poll(target, most, step?.reclaims) > 0) this.#afterStep(this.#diskWait);
    host.payer = payer;
  }
}
