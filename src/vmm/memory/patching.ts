/**
 * Patching of similar pages (Gupta et al. 2008, Difference Engine): a page that nobody has touched for a while is told as a
 * patch to a similar one and gives up its frame. One that is similar to none is compressed, where the VMM has a cache for that.
 */
import { cause } from "../../core/ledger.ts";
import { PAGES_PER_MIB } from "../../machine/page.ts";
import { patchBytes } from "../../machine/page-similarity.ts";
import { primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { HostContext, MemoryMechanism } from "../host-contract.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { PagePatcher } from "../host-memory/memory-roles.ts";
import { Mark } from "../host-memory/page-marks.ts";
import { patchCode, type VmMemory } from "../host-memory/vm-memory.ts";
import { NO_REFERENCE, PatchStore } from "./patch-store.ts";

const SCAN = cause("vmm.patching.scan");
const PATCH = cause("vmm.patching.patch");
const UNPATCH = cause("vmm.patching.unpatch");

const PERIODS_PER_SECOND = 10;

export interface PatchingParameters extends Record<string, number | boolean> {
  pagesPerSecond: number;
  secondsPerPass: number;
  mostBytes: number;
}

class Patching implements MemoryMechanism, PagePatcher {
  readonly name = "patching";
  readonly kind = "compressing";
  readonly periodUs = 1e6 / PERIODS_PER_SECOND;
  readonly #store: PatchStore;
  readonly #memory: HostMemory;
  readonly #parameters: PatchingParameters;
  readonly #costs: { readonly hash: number; readonly patch: number; readonly unpatch: number };
  /** Where the clock's hand is, and how many periods ago its pass began. */
  #vm = 0;
  #ppn = 0;
  #periods = 0;

  constructor(parameters: PatchingParameters, { memory, profile }: HostContext) {
    this.#memory = memory;
    this.#parameters = parameters;
    this.#store = new PatchStore(memory.frames);
    this.#costs = {
      hash: primitiveCost(profile, "page.hash"),
      patch: primitiveCost(profile, "page.patch"),
      unpatch: primitiveCost(profile, "page.unpatch"),
    };
    memory.patcher = this;
  }

  work(): void {
    const { observer, vms } = this.#memory;
    const before =
      observer && vms.map(({ patched, compressed, swapped, machine }) => ({ patched, compressed, swapped, machine }));
    this.#scan(Math.round(this.#parameters.pagesPerSecond / PERIODS_PER_SECOND));
    this.#periods++;
    before?.forEach((counts, i) => this.#tell(vms[i], counts));
  }

  /** A page that leaves a full compression cache counts as swapped out. */
  #tell(vm: VmMemory, before: Pick<VmMemory, "patched" | "compressed" | "swapped" | "machine">): void {
    const outcome = {
      patched_pages: vm.patched - before.patched,
      compressed_pages: vm.compressed - before.compressed,
      swapped_out_pages: vm.swapped - before.swapped,
    };
    if (Object.values(outcome).every((pages) => pages === 0)) return;
    this.#memory.observer?.decided({
      by: this.name,
      rule: "untouched for a pass",
      vm: vm.number,
      action: "patch",
      outcome,
      inputs: { least_pass_s: this.#parameters.secondsPerPass, machine_mib: before.machine / PAGES_PER_MIB },
    });
  }

  reclaim(): number {
    return 0;
  }

  /** A page is patched again when it has been left alone for a pass. */
  take(vm: VmMemory, patch: number): number {
    vm.patched--;
    this.#memory.payer.add(UNPATCH, this.#costs.unpatch);
    const content = this.#store.take(vm.index, patch);
    vm.patchFrames = this.#store.framesOf(vm.index);
    return content;
  }

  heldFrames(): readonly number[] {
    return this.#store.heldFrames();
  }

  #scan(pages: number): void {
    const { vms } = this.#memory;
    for (let left = pages; left > 0; left--) {
      if (this.#vm >= vms.length && !this.#newPass()) return;
      const vm = vms[this.#vm];
      this.#visit(vm, this.#ppn++);
      if (this.#ppn < vm.pages) continue;
      this.#ppn = 0;
      this.#vm++;
    }
  }

  #newPass(): boolean {
    if (this.#periods < this.#parameters.secondsPerPass * PERIODS_PER_SECOND) return false;
    this.#periods = 0;
    this.#vm = 0;
    return this.#memory.vms.length > 0;
  }

  /** What was touched since the last pass has lost its marks. */
  #visit(vm: VmMemory, ppn: number): void {
    const mpn = vm.backing[ppn];
    if (mpn < 0 || !this.#memory.frames.isPrivate(mpn) || vm.isLarge(ppn)) return;
    const { marks } = vm;
    if (!marks.has(ppn, Mark.Untouched)) vm.mark(ppn, Mark.Untouched);
    else if (!marks.has(ppn, Mark.WithoutSimilar)) this.#tryPatch(vm, ppn, mpn);
    else if (!marks.has(ppn, Mark.Kept)) this.#tryCompress(vm, ppn);
  }

  #tryPatch(vm: VmMemory, ppn: number, mpn: number): void {
    const memory = this.#memory;
    const content = memory.frames.content[mpn];
    const reference = this.#store.referenceFor(content);
    if (reference === NO_REFERENCE || this.#store.frameOf(reference) === mpn) {
      memory.payer.add(SCAN, this.#costs.hash);
      if (reference === NO_REFERENCE) this.#store.addReference(mpn);
      vm.mark(ppn, Mark.WithoutSimilar);
      return;
    }
    memory.payer.add(PATCH, this.#costs.patch);
    const bytes = patchBytes(content, this.#store.contentOf(reference));
    if (bytes > this.#parameters.mostBytes) {
      vm.mark(ppn, Mark.WithoutSimilar);
      return;
    }
    // Its own frame is free now, if patches need one.
    memory.unmap(vm, ppn);
    vm.marks.clear(ppn);
    vm.backing[ppn] = patchCode(this.#store.add(vm.index, content, reference, bytes));
    vm.patchFrames = this.#store.framesOf(vm.index);
    vm.patched++;
  }

  #tryCompress(vm: VmMemory, ppn: number): void {
    if (this.#memory.compressor?.compress(vm, ppn) === true) vm.marks.clear(ppn);
    else vm.mark(ppn, Mark.Kept);
  }
}

export const patching = definePart<"memory", PatchingParameters>({
  slot: "memory",
  stage: "patching",
  name: "patching",
  summary: "Keeps pages that nobody touches as patches to similar ones; those without a similar one are compressed.",
  parameters: {
    pagesPerSecond: {
      summary: "Pages that the clock looks at in a second",
      default: 10_000,
      unit: "pages/s",
      min: 1,
      source: "Gupta et al. 2008, section 5: as for page sharing",
      grade: "P",
    },
    secondsPerPass: {
      summary: "Shortest time from one pass to the next: what is not touched meanwhile may be patched",
      default: 4,
      unit: "s",
      min: 0.1,
      source: "Gupta et al. 2008, section 4",
      grade: "P",
    },
    mostBytes: {
      summary: "Largest patch",
      default: 2048,
      unit: "bytes",
      min: 0,
      max: 4096,
      source: "Gupta et al. 2010, section 3.2: no more than half a page",
      grade: "P",
    },
  },
  needs: ["page.hash", "page.patch", "page.unpatch"],
  create: (parameters, context) => new Patching(parameters, context),
});
