/** What the VMM does on its own account (scanning, paging, starting VMs): it needs CPU time like anybody else. */
import { cause } from "../core/ledger.ts";
import { type CostVector, costOf } from "../core/pending-charges.ts";
import { kernelPaths } from "../guest/kernel-paths.ts";
import { type MachineProfile, primitiveCost } from "../machine/profile.ts";
import type { VcpuSettings } from "../vmm/host-contract.ts";
import { USUAL_ENTITLEMENT } from "../workload/compiled-workload.ts";
import type { Waiter } from "./io-job.ts";
import type { Processors } from "./processors.ts";
import type { Vcpu, VcpuWork } from "./vcpu.ts";

/** The VMM's own work and the VM with the back ends: Xen gives dom0 the default weight like any other. */
export const VMM_VCPU: VcpuSettings = { ...USUAL_ENTITLEMENT, drivers: false };

const VOLUME = cause("io.vmkernel.volume");

/** A disk request that the vmkernel makes for its volume: what one of a guest takes of it, from submission to interrupt (io/vmkernel.ts). */
export function ownRequestCost(profile: MachineProfile): CostVector {
  const driver = kernelPaths(profile)["disk-driver"].cycles;
  const both = 2 * (primitiveCost(profile, "esx.vmkernel-request") + driver);
  return costOf(VOLUME, both + 2 * primitiveCost(profile, "hardware.device-access"));
}

export class VmmWork implements VcpuWork {
  readonly vcpu: Vcpu;
  readonly #processors: Processors;
  /** Told when all that is owed now has been run. */
  #waiting: Waiter[] = [];

  constructor(processors: Processors, settings: VcpuSettings) {
    this.#processors = processors;
    this.vcpu = processors.addVcpu(this, settings);
  }

  /** Nobody waits for it. */
  pay(cost: CostVector): void {
    this.vcpu.pending.addVector(cost);
    this.#processors.wake(this.vcpu);
  }

  run(cost: CostVector, waiter: Waiter): void {
    waiter.begin();
    this.#waiting.push(waiter);
    this.pay(cost);
  }

  advance(now: number): boolean {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const waiter of waiting) waiter.done(now);
    return false;
  }
}
