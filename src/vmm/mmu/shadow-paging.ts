/**
 * Shadow paging (Adams and Agesen 2006, section 2.3): the hardware walks tables of the VMM's, filled on demand from those
 * of the guest. A fault that the guest's tables allow is hidden from it; any other is a true fault and is passed on. Guest
 * tables that have a shadow are write-protected (traced), so that shadows never allow more than they do. Shadows of
 * address spaces that are not running are kept, within a bounded pool.
 */
import { cause } from "../../core/ledger.ts";
import { ALL_PAGES, GUEST_FAULT, NOT_A_TABLE } from "../../guest/virtual-hardware.ts";
import type { Meter } from "../../machine/meter.ts";
import { entryOf, frameOf, PageTableMemory, Pte } from "../../machine/page-tables.ts";
import { NOT_TRANSLATED, PageWalker } from "../../machine/page-walker.ts";
import { primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { Mmu, MonitorContext } from "../monitor-contract.ts";
import { TRANSLATION_COSTS } from "./bare.ts";
import { ShadowTables } from "./shadow-tables.ts";

const HIDDEN_FAULT = cause("vmm.shadow.hidden-fault");
const TRUE_FAULT = cause("vmm.shadow.true-fault");
const TRACE = cause("vmm.shadow.trace");
const ROOT_SWITCH = cause("vmm.shadow.root-switch");
const NEW_SHADOW = cause("vmm.shadow.new-table");
const CALLOUT = cause("vmm.translation.callout");

export class ShadowPaging implements Mmu {
  /** The guest's own tables; no hardware ever walks them. */
  readonly guest: PageTableMemory;
  readonly shadows: ShadowTables;
  readonly #levelOf: Uint8Array;
  readonly #machineFrames: Uint32Array;
  readonly #meter: Meter;
  readonly #walker: PageWalker;
  readonly #costs: ReturnType<typeof shadowCosts>;
  #root = 0;

  constructor(shadowTables: number, context: MonitorContext) {
    const { profile, meter, tlb, pageTableFormat, machineFrames } = context;
    const guestPages = machineFrames.length;
    this.guest = new PageTableMemory(pageTableFormat, guestPages);
    this.shadows = new ShadowTables(pageTableFormat, guestPages, shadowTables);
    this.#levelOf = new Uint8Array(guestPages);
    this.#machineFrames = machineFrames;
    this.#meter = meter;
    this.#walker = new PageWalker(this.shadows.memory, tlb, meter, profile);
    this.#costs = shadowCosts(context);
  }

  access(page: number, write: boolean): number {
    const frame = this.#walker.translate(page, write);
    return frame === NOT_TRANSLATED ? this.#handleFault(page, write) : frame;
  }

  raiseFault(): void {
    this.#walker.raiseFault();
    this.#meter.spend(TRUE_FAULT, this.#costs.fault);
  }

  useAsTable(frame: number, level: number): void {
    if (level === NOT_A_TABLE) {
      this.shadows.drop(frame);
      this.guest.destroy(frame);
    } else {
      this.guest.create(frame);
      this.#levelOf[frame] = level;
    }
  }

  reuse(): void {}

  readEntry(table: number, index: number): number {
    return this.guest.read(table, index);
  }

  writeEntry(table: number, index: number, entry: number): void {
    const before = this.guest.read(table, index);
    this.guest.write(table, index, entry);
    const shadow = this.shadows.find(table);
    if (shadow !== -1) this.#tracedWrite(table, shadow, index, before, entry);
  }

  invalidate(page: number): void {
    this.#meter.spend(CALLOUT, this.#costs.callout);
    if (page === ALL_PAGES) this.#walker.flush();
    else this.#walker.invalidate(page);
  }

  beginBatch(): void {}

  commit(): void {}

  activate(): void {}

  retire(): void {}

  switchRoot(root: number): void {
    this.#meter.spend(ROOT_SWITCH, this.#costs.rootSwitch);
    this.#root = root;
    this.#walker.loadRoot(this.#shadowOf(root));
  }

  #handleFault(page: number, write: boolean): number {
    const position = this.guest.walk(this.#root, page);
    const entry = position === -1 ? 0 : this.guest.words[position];
    if ((entry & Pte.Present) === 0 || (write && (entry & Pte.Writable) === 0)) return GUEST_FAULT;
    this.#walker.raiseFault();
    this.#meter.spend(HIDDEN_FAULT, this.#costs.fault);
    this.guest.words[position] = entry | (write ? Pte.Accessed | Pte.Dirty : Pte.Accessed);
    this.#fill(page, this.guest.words[position]);
    return this.#walker.translate(page, write);
  }

  /** Make the shadow tables on the way to a page, and its entry. */
  #fill(page: number, leaf: number): void {
    const { levels } = this.guest.format;
    let guestTable = this.#root;
    let shadow = this.#shadowOf(guestTable);
    for (let level = levels - 1; level > 0; level--) {
      const index = this.guest.indexAt(page, level);
      guestTable = frameOf(this.guest.read(guestTable, index));
      const lower = this.#shadowOf(guestTable);
      this.shadows.link(shadow, index, lower);
      shadow = lower;
    }
    this.shadows.memory.write(shadow, this.guest.indexAt(page, 0), this.#shadowEntry(leaf));
  }

  #shadowOf(guestTable: number): number {
    if (this.shadows.find(guestTable) === -1) this.#meter.spend(NEW_SHADOW, this.#costs.newShadow);
    return this.shadows.obtain(guestTable, this.#levelOf[guestTable]);
  }

  #tracedWrite(table: number, shadow: number, index: number, before: number, entry: number): void {
    const clears = (before & Pte.Present) !== 0 && (entry & Pte.Present) === 0;
    this.#meter.spend(TRACE, clears ? this.#costs.traceClear : this.#costs.trace);
    if (this.#levelOf[table] > 0) this.shadows.clearLink(shadow, index);
    else this.shadows.memory.write(shadow, index, this.#shadowEntry(entry));
  }

  /**
   * What the shadow of a last-level entry may allow: nothing before the page has been accessed, and no writing before it
   * is dirty, because the guest would miss those bits; and never writing to a traced table.
   */
  #shadowEntry(entry: number): number {
    if ((entry & Pte.Present) === 0 || (entry & Pte.Accessed) === 0) return 0;
    const frame = frameOf(entry);
    const writable = (entry & Pte.Writable) !== 0 && (entry & Pte.Dirty) !== 0 && this.shadows.find(frame) === -1;
    const kept = entry & (Pte.Present | Pte.User | Pte.Accessed | Pte.Dirty | Pte.Global);
    return entryOf(this.#machineFrames[frame], writable ? kept | Pte.Writable : kept);
  }
}

function shadowCosts({ profile }: MonitorContext) {
  return {
    fault: primitiveCost(profile, "esx.shadow-fault"),
    trace: primitiveCost(profile, "esx.trace"),
    traceClear: primitiveCost(profile, "esx.trace-clear"),
    rootSwitch: primitiveCost(profile, "esx.root-switch"),
    callout: primitiveCost(profile, "esx.callout"),
    newShadow: primitiveCost(profile, "page.zero"),
  };
}

export const shadowPaging = definePart<"mmu", { shadowTables: number }>({
  slot: "mmu",
  name: "shadow-paging",
  summary: "shadow page tables filled on demand, guest page tables write-protected",
  parameters: {
    shadowTables: {
      summary: "shadow page tables that are kept",
      default: 4096,
      unit: "tables",
      min: 5,
      source: "assumed: 16 MiB, half of the memory overhead of a small VM",
    },
  },
  needs: [
    ...TRANSLATION_COSTS,
    "esx.shadow-fault",
    "esx.trace",
    "esx.trace-clear",
    "esx.root-switch",
    "esx.callout",
    "page.zero",
  ],
  create: ({ shadowTables }, context) => new ShadowPaging(shadowTables, context),
});
