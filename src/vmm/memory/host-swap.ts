/** Host swapping (Waldspurger 2002, section 3.1): the VMM pages a VM out without knowing what its pages are worth. */
import type { RandomStream } from "../../core/random.ts";
import { definePart } from "../contract.ts";
import type { HostContext, MemoryMechanism } from "../host-contract.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { VmMemory } from "../host-memory/vm-memory.ts";

/** Random picks before a pass in order, so that a VM with few pages left is not searched for ever. */
const PICKS_PER_PAGE = 16;

export interface HostSwapParameters extends Record<string, number | boolean> {
  spacePercent: number;
  diskPositioningMs: number;
  diskMegabytesPerSecond: number;
}

class HostSwap implements MemoryMechanism {
  readonly name = "host-swap";
  readonly kind = "forced";
  readonly periodUs = 0;
  readonly #memory: HostMemory;
  readonly #random: RandomStream;
  /** By VM: what {@link #changes} was when it had no page that could be taken. */
  readonly #exhausted: number[] = [];

  constructor(parameters: HostSwapParameters, context: HostContext) {
    const { spacePercent, diskPositioningMs, diskMegabytesPerSecond } = parameters;
    const { disk } = context.profile;
    this.#memory = context.memory;
    if (diskPositioningMs > 0 || diskMegabytesPerSecond > 0) {
      context.memory.slots.disk = {
        positioningUs: diskPositioningMs * 1000 || disk.positioningUs,
        megabytesPerSecond: diskMegabytesPerSecond || disk.megabytesPerSecond,
      };
    }
    if (spacePercent > 0) {
      context.memory.slots.capacity = Math.floor((context.memory.frames.forVms * spacePercent) / 100);
    }
    this.#random = context.random("host-swap");
  }

  work(): void {}

  /**
   * Victims are random, which avoids the worst case of guessing against the guest's own policy. Of a VM that has no page in
   * memory any more, its compression cache shrinks.
   */
  reclaim(vm: VmMemory, pages: number): number {
    const freeBefore = this.#memory.frames.free;
    const picks = PICKS_PER_PAGE * pages;
    for (let pick = 0; pick < picks && this.#memory.frames.free - freeBefore < pages; pick++) {
      this.#evict(vm, this.#random.below(vm.pages));
    }
    if (this.#memory.frames.free === freeBefore) this.#evictFirst(vm);
    if (this.#memory.frames.free === freeBefore) this.#memory.compressor?.shrink(vm);
    return this.#memory.frames.free - freeBefore;
  }

  /** A VM that is far beyond its target with nothing but shared pages is asked again and again: it is searched only once. */
  #evictFirst(vm: VmMemory): void {
    const { frames } = this.#memory;
    const changes = this.#changes(vm);
    if (this.#exhausted[vm.index] === changes) return;
    const freeBefore = frames.free;
    let any = false;
    for (let ppn = 0; ppn < vm.pages && frames.free === freeBefore; ppn++) any = this.#evict(vm, ppn) || any;
    if (!any) this.#exhausted[vm.index] = changes;
  }

  /** A page that cannot be taken may be once this is larger: the VM has been given a frame, or is left alone with one. */
  #changes(vm: VmMemory): number {
    return vm.framesGiven + this.#memory.frames.leftToOne;
  }

  /** Whether the page has a frame that could be taken: one that others share would free nothing. */
  #evict(vm: VmMemory, ppn: number): boolean {
    const memory = this.#memory;
    if (vm.backing[ppn] < 0 || memory.frames.references(vm.backing[ppn]) > 1) return false;
    if (memory.pinned.is(vm, ppn)) return true;
    // Broken up, some of its pages may be shared: that may be enough.
    if (vm.isLarge(ppn)) memory.breakUp(vm, ppn);
    else memory.pageOut(vm, ppn);
    return true;
  }
}

export const hostSwap = definePart<"memory", HostSwapParameters>({
  slot: "memory",
  stage: "swapping",
  name: "host-swap",
  role: "host-swap",
  summary: "Takes random pages of a VM and writes them to the host's disk; the VM waits when it needs one back.",
  parameters: {
    spacePercent: {
      summary:
        "Swap space, of host memory for VMs; 0: a swap file for each VM, as large as what is not reserved for it",
      default: 0,
      unit: "%",
      min: 0,
      max: 10_000,
      source: "ESX 3 and later; the default of ESX 2 is one file of the host's memory: 100 %",
    },
    diskPositioningMs: {
      summary: "Positioning time of a disk of its own that swap space is on; 0: that of the host's disk",
      default: 0,
      unit: "ms",
      min: 0,
      source:
        "with neither of the two, swap space is on the host's disk; more than the disk's own is one that is failing",
    },
    diskMegabytesPerSecond: {
      summary: "Transfer rate of a disk of its own that swap space is on; 0: that of the host's disk",
      default: 0,
      unit: "MB/s",
      min: 0,
      source: "see diskPositioningMs",
    },
  },
  needs: ["page.map"],
  create: (parameters, context) => new HostSwap(parameters, context),
});
