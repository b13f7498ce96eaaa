/** The kernel of a guest of whose swap device the VMM keeps pages: each call of the VMM costs the guest's vCPU. */
import type { CostVector } from "../core/pending-charges.ts";
import { type FrontswapBackend, Frontswap } from "../guest/frontswap.ts";
import type { GuestMemory } from "../guest/memory-manager.ts";
import type { SwapPageKeeper } from "../vmm/host-memory/memory-roles.ts";
import type { FrontswapPort, VmMemory } from "../vmm/host-memory/vm-memory.ts";
import type { GuestSurroundings } from "./guest-surroundings.ts";
import type { Waiter } from "./io-job.ts";
import { KernelSteps } from "./kernel-steps.ts";
import type { Vcpu } from "./vcpu.ts";

/** Whoever brings pages back unasked, and what that costs besides the calls: for each page what a fault on it would. */
export interface ShrinkingVcpu {
  readonly vcpu: Vcpu;
  readonly vmmCall: CostVector;
  readonly pageFault: CostVector;
}

export class GuestFrontswap implements FrontswapBackend, FrontswapPort {
  readonly #memory: GuestMemory;
  readonly #vm: VmMemory;
  readonly #keeper: SwapPageKeeper;
  readonly #around: GuestSurroundings;
  readonly #cost: ShrinkingVcpu;
  readonly #frontswap: Frontswap;
  readonly #steps: KernelSteps;

  constructor(
    memory: GuestMemory,
    vm: VmMemory,
    keeper: SwapPageKeeper,
    cost: ShrinkingVcpu,
    around: GuestSurroundings,
    afterStep: (waiter: Waiter) => void,
  ) {
    this.#memory = memory;
    this.#vm = vm;
    this.#keeper = keeper;
    this.#cost = cost;
    this.#around = around;
    this.#steps = new KernelSteps(memory, cost.vcpu, around, afterStep);
    this.#frontswap = new Frontswap(this);
    memory.anonymous.swap.frontswap = this.#frontswap;
  }

  /** A page that is refused has cost a call. */
  store(slot: number, ppn: number): boolean {
    this.#call();
    return this.#keeper.put(this.#vm, slot, ppn);
  }

  load(slot: number, ppn: number): void {
    this.#call();
    this.#keeper.get(this.#vm, slot, ppn);
  }

  invalidate(slot: number): void {
    this.#call();
    this.#keeper.flush(this.#vm, slot);
  }

  /** Not before what was swapped out to make room the last time is on the disk. */
  shrinkTo(pages: number): number {
    const excess = this.#frontswap.pages - pages;
    if (excess <= 0 || this.#steps.waitForDisk) return 0;
    let back = 0;
    this.#steps.run(() => {
      back = this.#memory.anonymous.unuse(excess);
      this.#steps.payer?.addVector(this.#cost.pageFault, back);
      return true;
    });
    return back;
  }

  #call(): void {
    this.#around.host.payer.addVector(this.#cost.vmmCall);
  }
}
