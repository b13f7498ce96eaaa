/**
 * Backing guest memory with large pages of 2 MiB (VMware KB 1021896, 1021095): the first use of a region takes 512 frames at
 * once; its pages are hashed but not shared, and a page that is to be taken breaks the region up first. Frames are taken to
 * be contiguous whenever there are enough of them: fragmentation is not modelled. What is broken stays broken.
 */
import { cause } from "../../core/ledger.ts";
import { ZERO_CONTENT } from "../../machine/content-ids.ts";
import { primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { HostContext, MemoryMechanism } from "../host-contract.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { LargePageBacking } from "../host-memory/memory-roles.ts";
import { LARGE_PAGE, Region, UNBACKED, type VmMemory } from "../host-memory/vm-memory.ts";

const BACK = cause("vmm.large-pages.back");
const BREAK = cause("vmm.large-pages.break");

class LargePages implements MemoryMechanism, LargePageBacking {
  readonly name = "large-pages";
  readonly kind = "backing";
  readonly periodUs = 0;
  readonly #memory: HostMemory;
  readonly #costs: { readonly zero: number; readonly map: number };

  constructor(context: HostContext) {
    this.#memory = context.memory;
    this.#costs = {
      zero: primitiveCost(context.profile, "page.zero"),
      map: primitiveCost(context.profile, "page.map"),
    };
    context.memory.largePages = this;
  }

  work(): void {}

  reclaim(): number {
    return 0;
  }

  /** Only a region that nobody has used, and only while neither the host's memory is short nor what the VM may have. */
  back(vm: VmMemory, ppn: number): boolean {
    const { frames, payer, alarmBelow, wakeBelow, ager } = this.#memory;
    const first = ppn - (ppn % LARGE_PAGE);
    if (frames.free - LARGE_PAGE < Math.max(alarmBelow, wakeBelow) || vm.mapped + LARGE_PAGE > vm.cap) return false;
    if (!isUnused(vm, first)) return false;
    for (let page = first; page < first + LARGE_PAGE; page++) {
      vm.backing[page] = frames.allocate(ZERO_CONTENT);
      ager?.mapped(vm, page);
    }
    vm.mapped += LARGE_PAGE;
    vm.framesGiven += LARGE_PAGE;
    vm.returned = Math.max(0, vm.returned - LARGE_PAGE);
    vm.regions[first / LARGE_PAGE] = Region.Large;
    vm.largePages++;
    payer.add(BACK, LARGE_PAGE * this.#costs.zero + this.#costs.map);
    return true;
  }

  /** A page table of 512 small pages takes the place of the large one: as much to write as a page of zeros. */
  breakUp(vm: VmMemory, ppn: number): void {
    const region = Math.floor(ppn / LARGE_PAGE);
    vm.regions[region] = Region.Small;
    vm.largePages--;
    this.#memory.payer.add(BREAK, this.#costs.zero + this.#costs.map);
    const { sharer } = this.#memory;
    if (sharer?.sharesOnDemand !== true) return;
    for (let page = region * LARGE_PAGE; page < (region + 1) * LARGE_PAGE; page++) sharer.share(vm, page);
  }
}

/** All of a whole region: nothing of it is backed, ballooned, or somewhere else. */
function isUnused(vm: VmMemory, first: number): boolean {
  if (first + LARGE_PAGE > vm.pages) return false;
  for (let page = first; page < first + LARGE_PAGE; page++) if (vm.backing[page] !== UNBACKED) return false;
  return true;
}

export const largePages = definePart({
  slot: "memory",
  stage: "backing",
  name: "large-pages",
  summary: "Backs guest memory with pages of 2 MiB, which are not shared until they are broken up under pressure.",
  parameters: {},
  needs: ["page.zero", "page.map"],
  create: (_parameters, context: HostContext) => new LargePages(context),
});
