/**
 * The lock of a guest kernel that runs on several vCPUs (Linux 2.4: the big kernel lock). Who finds it taken spins; who is taken off its
 * pCPU while it holds it lets the others spin on. Whoever of them runs when it is free takes it; nobody queues.
 */
import { cause } from "../core/ledger.ts";
import type { Processors } from "./processors.ts";
import type { Vcpu } from "./vcpu.ts";

const USER = cause("guest.user");

export class KernelLock {
  readonly #share: number;
  readonly #processors: Processors;
  #holder: Vcpu | undefined;
  /** By vCPU that spins: how long it will hold the lock. */
  readonly #spinning = new Map<Vcpu, number>();

  /** `share` of the kernel's time, with all that the VMM adds to it, is spent with the lock held. */
  constructor(share: number, processors: Processors) {
    this.#share = share;
    this.#processors = processors;
  }

  /** A vCPU begins to run what is pending: first what needs the lock. */
  enter(vcpu: Vcpu): void {
    const held = Math.round(this.#share * (vcpu.pending.total - vcpu.pending.cyclesOf(USER)));
    if (held === 0) return;
    if (this.#holder === undefined) {
      this.#take(vcpu, held);
      return;
    }
    vcpu.spinning = true;
    this.#spinning.set(vcpu, held);
  }

  /** A vCPU that spins runs: whether it has the lock now. */
  tryAgain(vcpu: Vcpu): boolean {
    if (this.#holder !== undefined) return false;
    const held = this.#spinning.get(vcpu) ?? 0;
    this.#spinning.delete(vcpu);
    this.#take(vcpu, held);
    return true;
  }

  leave(): void {
    this.#holder = undefined;
    for (const vcpu of this.#spinning.keys()) this.#processors.release(vcpu);
  }

  #take(vcpu: Vcpu, held: number): void {
    this.#holder = vcpu;
    vcpu.milestone = vcpu.executed + held;
  }
}
