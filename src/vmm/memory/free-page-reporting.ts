/**
 * Free page reporting (Linux, mm/page_reporting.c): a guest tells the host which large blocks are free, and the host drops what
 * backs them. There is no host policy: the guest's own free list decides, and its page cache is not given up.
 */
import { cause } from "../../core/ledger.ts";
import { primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { HostContext, MemoryMechanism } from "../host-contract.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import { BALLOONED, UNBACKED, type VmMemory } from "../host-memory/vm-memory.ts";

const REPORT = cause("vmm.free-page-reporting");
/** A pass reports a sixteenth of the free blocks, in whole batches, and a batch more: all of them in about half a minute. */
const PARTS = 16;

export interface FreePageReportingParameters extends Record<string, number | boolean> {
  blockOrder: number;
  delaySeconds: number;
  batchBlocks: number;
}

class FreePageReporting implements MemoryMechanism {
  readonly name = "free-page-reporting";
  readonly kind = "reporting";
  readonly periodUs: number;
  readonly #memory: HostMemory;
  readonly #parameters: FreePageReportingParameters;
  readonly #blockPages: number;
  readonly #pageCost: number;

  constructor(parameters: FreePageReportingParameters, context: HostContext) {
    this.periodUs = parameters.delaySeconds * 1e6;
    this.#memory = context.memory;
    this.#parameters = parameters;
    this.#blockPages = 2 ** parameters.blockOrder;
    this.#pageCost = primitiveCost(context.profile, "page.map");
  }

  /** A pass in each guest. It stops where the batch that is out would leave less free than the low watermark. */
  work(): void {
    const { batchBlocks } = this.#parameters;
    for (const vm of this.#memory.vms) {
      if (vm.freeList === undefined || vm.evicted) continue;
      const { lowWatermark, freePages } = vm.freeList;
      if (freePages < lowWatermark + batchBlocks * this.#blockPages) continue;
      // As if what is free were whole blocks.
      const blocks = Math.floor(freePages / this.#blockPages);
      this.#report(vm, batchBlocks * (Math.ceil(blocks / (batchBlocks * PARTS)) + 1));
    }
  }

  /** What a guest has free is reported before anybody asks. */
  reclaim(): number {
    return 0;
  }

  #report(vm: VmMemory, most: number): void {
    let reported = 0;
    for (let first = 0; first + this.#blockPages <= vm.pages && reported < most; first += this.#blockPages) {
      if (this.#isUnreported(vm, first)) {
        this.#drop(vm, first);
        reported++;
      }
    }
  }

  /** All of the block is free, and the host still holds some of it. */
  #isUnreported(vm: VmMemory, first: number): boolean {
    let held = false;
    for (let ppn = first; ppn < first + this.#blockPages; ppn++) {
      if (vm.freeList?.isFree(ppn) !== true) return false;
      held ||= vm.backing[ppn] !== UNBACKED && vm.backing[ppn] !== BALLOONED;
    }
    return held;
  }

  #drop(vm: VmMemory, first: number): void {
    for (let ppn = first; ppn < first + this.#blockPages; ppn++) {
      if (vm.backing[ppn] === UNBACKED) continue;
      this.#memory.discard(vm, ppn);
      this.#memory.payer.add(REPORT, this.#pageCost);
    }
  }
}

export const freePageReporting = definePart<"memory", FreePageReportingParameters>({
  slot: "memory",
  stage: "free pages",
  name: "free-page-reporting",
  summary: "Guests report large free blocks, and the host drops what backs them.",
  needs: ["page.map"],
  parameters: {
    blockOrder: {
      summary: "Smallest block that is reported, as a power of two of pages; 9: 2 MiB. Newer kernels can change it",
      default: 9,
      unit: "1",
      choices: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
      source: "Linux, include/linux/page_reporting.h: pageblock_order on x86-64",
      grade: "S",
    },
    delaySeconds: {
      summary: "Time from a free to the pass that reports it, and between passes",
      default: 2,
      unit: "s",
      min: 0.1,
      source: "Linux, mm/page_reporting.c",
      grade: "S",
    },
    batchBlocks: {
      summary: "Blocks in a batch; a guest that has not as much free above its low watermark reports none",
      default: 32,
      unit: "blocks",
      min: 1,
      source: "Linux, include/linux/page_reporting.h",
      grade: "S",
    },
  },
  create: (parameters, context) => new FreePageReporting(parameters, context),
});
