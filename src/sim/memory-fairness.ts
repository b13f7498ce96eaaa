/**
 * How far the memory of VMs is from what they are entitled to by their shares alone, whatever the policy goes by: all that
 * VMs have and all that is free, divided by min-funding without a tax (Waldspurger 2002, section 5.1), within reservations and
 * limits, and to nobody more than it has used.
 */
import { jainIndex } from "../core/jain-index.ts";
import { minFundingTargets } from "../vmm/allocation/min-funding.ts";
import type { HostMemory } from "../vmm/host-memory/host-memory.ts";
import type { VmMemory } from "../vmm/host-memory/vm-memory.ts";
import { memoryShares } from "../workload/vm-settings.ts";

export class MemoryFairness {
  readonly #memory: HostMemory;
  /** By VM: sums over samples of machine memory over entitlement, and how many samples those are. */
  #parts: number[] = [];
  #counts: number[] = [];
  #errors = 0;
  #samples = 0;

  constructor(memory: HostMemory) {
    this.#memory = memory;
    this.beginWindow();
  }

  beginWindow(): void {
    this.#parts = [];
    this.#counts = [];
    this.#errors = 0;
    this.#samples = 0;
  }

  /** A second is over. */
  sample(): void {
    const vms = this.#memory.vms.filter(({ evicted }) => !evicted);
    const entitled = entitlements(vms, this.#memory.frames.available);
    vms.forEach((vm, i) => {
      if (entitled[i] === 0) return;
      const part = held(vm) / entitled[i];
      this.#parts[vm.index] = (this.#parts[vm.index] ?? 0) + part;
      this.#counts[vm.index] = (this.#counts[vm.index] ?? 0) + 1;
      this.#errors += Math.abs(part - 1);
      this.#samples++;
    });
  }

  get metrics(): Record<string, number> {
    if (this.#samples === 0) return {};
    return {
      entitlement_error_percent: (100 * this.#errors) / this.#samples,
      // A VM counts for the time that it was there.
      jain_memory: jainIndex(this.#memory.vms.map((_, vm) => (this.#parts[vm] ?? 0) / (this.#counts[vm] ?? 1))),
    };
  }
}

/** Machine memory of a VM, and what the VMM keeps of its guest's swap device, which others could have in its place. */
function held({ machine, frontswapFrames }: VmMemory): number {
  return machine + frontswapFrames;
}

/** Pages that each VM is entitled to. */
export function entitlements(vms: readonly VmMemory[], free: number): readonly number[] {
  const claimants = vms.map((vm) => {
    const { pages, settings, ballooned, compressed, patched, swapped } = vm;
    const most = Math.min(settings.limitPages ?? pages, held(vm) + ballooned + compressed + patched + swapped);
    const least = Math.min(most, settings.reservationPages ?? 0);
    return { shares: memoryShares(pages, settings.shares), active: 0, least, most };
  });
  const total = vms.reduce((sum, vm) => sum + held(vm), free);
  return minFundingTargets(claimants, total, 0);
}
