/**
 * Nested paging (Bhargava et al. 2008): the guest writes its own tables and handles its own faults, and none of that
 * concerns the VMM. What the VMM has are nested tables from guest frames to machine frames, which the hardware walks as
 * well: a TLB miss makes more references than it does natively. The VMM is entered only when a nested entry is missing.
 */
import { cause } from "../../core/ledger.ts";
import { ALL_PAGES, GUEST_FAULT, NOT_A_TABLE } from "../../guest/virtual-hardware.ts";
import type { Meter } from "../../machine/meter.ts";
import { NESTED_VIOLATION, NestedTranslation } from "../../machine/nested-translation.ts";
import { NestedWalker } from "../../machine/nested-walker.ts";
import { PageTableMemory } from "../../machine/page-tables.ts";
import { primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { Mmu, MonitorContext } from "../monitor-contract.ts";
import { TRANSLATION_COSTS } from "./bare.ts";
import { KvmExits, PF_FIXED } from "./kvm-exits.ts";
import { NestedTables } from "./nested-tables.ts";

const VIOLATION = cause("vmm.nested.violation");
const FILL = cause("vmm.nested.fill");

export class NestedPaging implements Mmu {
  /** The guest's own tables, in guest frames. */
  readonly guest: PageTableMemory;
  readonly nested: NestedTables;
  readonly #translation: NestedTranslation;
  readonly #walker: NestedWalker;
  readonly #meter: Meter;
  readonly #exits: KvmExits;
  readonly #fillCycles: number;

  constructor(populated: boolean, largePages: boolean, context: MonitorContext) {
    const { profile, meter, pageTableFormat, machineFrames } = context;
    this.guest = new PageTableMemory(pageTableFormat, machineFrames.length);
    this.nested = new NestedTables(pageTableFormat, machineFrames, largePages);
    if (populated) this.nested.fillAll();
    this.#translation = new NestedTranslation(this.nested.memory, this.nested.root, profile);
    this.#walker = new NestedWalker(this.guest, this.#translation, context);
    this.#meter = meter;
    this.#exits = new KvmExits(meter, context.vmmEntry);
    this.#fillCycles = primitiveCost(profile, "nested.fill");
  }

  access(page: number, write: boolean): number {
    let frame = this.#walker.translate(page, write);
    while (frame === NESTED_VIOLATION) {
      this.#handleViolation();
      frame = this.#walker.translate(page, write);
    }
    return frame < 0 ? GUEST_FAULT : frame;
  }

  raiseFault(): void {
    this.#walker.raiseFault();
  }

  reuse(): void {}

  useAsTable(frame: number, level: number): void {
    if (level === NOT_A_TABLE) this.guest.destroy(frame);
    else this.guest.create(frame);
  }

  readEntry(table: number, index: number): number {
    return this.guest.read(table, index);
  }

  writeEntry(table: number, index: number, entry: number): void {
    this.guest.write(table, index, entry);
  }

  invalidate(page: number): void {
    if (page === ALL_PAGES) this.#walker.flush();
    else this.#walker.invalidate(page);
  }

  beginBatch(): void {}

  endBatch(): void {}

  commit(): void {}

  activate(): void {}

  retire(): void {}

  switchRoot(root: number): void {
    this.#walker.loadRoot(root);
  }

  /**
   * The hardware leaves the guest, the VMM maps the frame, and the instruction starts anew. In KVM's counters that is a fault taken
   * and fixed (kvm_mmu_do_page_fault, Linux 6.1); faults that are the guest's do not exit.
   */
  #handleViolation(): void {
    this.#meter.count(VIOLATION);
    this.#exits.fault(PF_FIXED, FILL, this.#fillCycles);
    this.nested.fill(this.#translation.violation);
  }
}

export const nestedPaging = definePart<"mmu", { populated: boolean; largePages: boolean }>({
  slot: "mmu",
  name: "nested-paging",
  summary: "nested paging: the hardware walks the guest's page tables and, for every guest frame, the VMM's",
  parameters: {
    populated: {
      summary: "all guest memory is mapped before the guest starts; else on first use, by an exit each",
      default: true,
    },
    largePages: {
      summary: "nested large pages (2 MiB on x86-64, 4 MiB on IA-32) where machine memory is contiguous",
      default: false,
    },
  },
  needs: [...TRANSLATION_COSTS, "nested.fill"],
  // An entry of the TLB spans what the guest's page and the nested one have in common.
  kernelMapping: ({ largePages }) => ({ largePages, global: true, nested: true }),
  create: ({ populated, largePages }, context) => new NestedPaging(populated, largePages, context),
});
