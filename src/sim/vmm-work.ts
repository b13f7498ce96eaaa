/** What the VMM does on its own account (scanning, paging, starting VMs): it needs CPU time like anybody else. */
import type { CostVector } from "../core/pending-charges.ts";
import type { VcpuSettings } from "../vmm/host-contract.ts";
import type { Waiter } from "./io-job.ts";
import type { Processors, Vcpu, VcpuWork } from "./processors.ts";

export class VmmWork implements VcpuWork {
  readonly vcpu: Vcpu;
  readonly #processors: Processors;
  /** Told when all that is owed now has been run. */
  #waiting: Waiter[] = [];

  constructor(processors: Processors, settings: VcpuSettings) {
    this.#processors = processors;
    this.vcpu = processors.addVcpu(this, settings);
  }

  run(cost: CostVector, waiter: Waiter): void {
    waiter.begin();
    this.vcpu.pending.addVector(cost);
    this.#waiting.push(waiter);
    this.#processors.wake(this.vcpu);
  }

  advance(now: number): boolean {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const waiter of waiting) waiter.done(now);
    return false;
  }
}
