/** Host swapping (Waldspurger 2002, section 3.1): the VMM pages a VM out without knowing what its pages are worth. */
import type { RandomStream } from "../../core/random.ts";
import { definePart } from "../contract.ts";
import type { HostContext, MemoryMechanism } from "../host-contract.ts";
import type { HostMemory } from "../host-memory.ts";
import type { VmMemory } from "../vm-memory.ts";

/** Random picks before a pass in order, so that a VM with few pages left is not searched for ever. */
const PICKS_PER_PAGE = 16;

class HostSwap implements MemoryMechanism {
  readonly name = "host-swap";
  readonly kind = "forced";
  readonly periodUs = 0;
  readonly #memory: HostMemory;
  readonly #random: RandomStream;

  constructor(context: HostContext) {
    this.#memory = context.memory;
    this.#random = context.random("host-swap");
  }

  work(): void {}

  /** Victims are random, which avoids the worst case of guessing against the guest's own policy. */
  reclaim(vm: VmMemory, pages: number): number {
    const freeBefore = this.#memory.frames.free;
    const picks = PICKS_PER_PAGE * pages;
    for (let pick = 0; pick < picks && this.#memory.frames.free - freeBefore < pages; pick++) {
      this.#evict(vm, this.#random.below(vm.pages));
    }
    for (let ppn = 0; ppn < vm.pages && this.#memory.frames.free === freeBefore; ppn++) this.#evict(vm, ppn);
    return this.#memory.frames.free - freeBefore;
  }

  /** A page that others share would free nothing. */
  #evict(vm: VmMemory, ppn: number): void {
    const mpn = vm.backing[ppn];
    const memory = this.#memory;
    if (mpn < 0 || memory.frames.references(mpn) > 1) return;
    if (vm.index === memory.pinnedVm && ppn === memory.pinnedPpn) return;
    const shared = memory.sharer?.sharesBeforeSwap === true && memory.sharer.share(vm, ppn);
    if (!shared) memory.swapOut(vm, ppn);
  }
}

export const hostSwap = definePart({
  slot: "memory",
  name: "host-swap",
  summary: "Takes random pages of a VM and writes them to the host's disk; the VM waits when it needs one back.",
  parameters: {},
  needs: ["page.map"],
  create: (_parameters, context: HostContext) => new HostSwap(context),
});
