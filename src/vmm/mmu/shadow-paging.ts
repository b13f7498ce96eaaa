/**
 * Shadow paging (Adams and Agesen 2006, section 2.3): the hardware walks tables of the VMM's, filled on demand from those
 * of the guest. A fault that the guest's tables allow is hidden from it; any other is a true fault and is passed on. Guest
 * tables that have a shadow are write-protected (traced), so that shadows never allow more than they do; a table that is
 * written often may lose its trace until the next flush. Nobody tells the VMM that a process has ended: shadows of roots are
 * kept, and roots traced, until a frame is written as no table is or a bounded pool is full; those of other tables are, too,
 * or go with the entry that leads to them. Entries keep their global bit, so that kernel pages stay in the TLB over a switch;
 * a large page of the guest is shadowed by small ones, because its machine frames need not lie side by side.
 *
 * What it costs to get into the VMM and back depends on the cpu part (see VmmEntry); the work done there does not.
 */
import { cause } from "../../core/ledger.ts";
import { ALL_PAGES, GUEST_FAULT, NOT_A_TABLE } from "../../guest/virtual-hardware.ts";
import type { Meter } from "../../machine/meter.ts";
import { frameOf, isLarge, PageTableMemory } from "../../machine/page-tables.ts";
import { NOT_TRANSLATED, PageWalker } from "../../machine/page-walker.ts";
import { definePart } from "../contract.ts";
import type { EntryChange, EntryEffect, Mmu, MonitorContext, VmmEntry } from "../monitor-contract.ts";
import { TRANSLATION_COSTS } from "./bare.ts";
import { effectOf, isInTwoStores, lowestTable, NONE, useEntry } from "./guest-walk.ts";
import { OutOfSyncTables } from "./out-of-sync.ts";
import { SHADOW_COSTS, shadowCosts } from "./shadow-costs.ts";
import { SHADOW_PARAMETERS, type ShadowSettings } from "./shadow-settings.ts";
import { ShadowTables } from "./shadow-tables.ts";
import { TableReads } from "./table-reads.ts";

const HIDDEN_FAULT = cause("vmm.shadow.hidden-fault");
const TRUE_FAULT = cause("vmm.shadow.true-fault");
const TRACE = cause("vmm.shadow.trace");
const FILL = cause("vmm.shadow.fill");
const UNTRACE = cause("vmm.shadow.untrace");
const RESYNCHRONIZE = cause("vmm.shadow.resynchronize");
const ROOT_SWITCH = cause("vmm.shadow.root-switch");
const NEW_SHADOW = cause("vmm.shadow.new-table");

export class ShadowPaging implements Mmu {
  /** The guest's own tables; no hardware ever walks them. */
  readonly guest: PageTableMemory;
  readonly shadows: ShadowTables;
  readonly #levelOf: Uint8Array;
  readonly #machineFrames: Uint32Array;
  readonly #meter: Meter;
  readonly #walker: PageWalker;
  readonly #entry: VmmEntry;
  readonly #costs: ReturnType<typeof shadowCosts>;
  readonly #untraced: OutOfSyncTables | undefined;
  readonly #tableReads: TableReads | undefined;
  readonly #storesToReuse: number;
  /** None while the guest boots. */
  #root = NONE;

  constructor(settings: ShadowSettings, context: MonitorContext) {
    const { profile, meter, pageTableFormat, machineFrames, vmmEntry, cache } = context;
    const guestPages = machineFrames.length;
    this.guest = new PageTableMemory(pageTableFormat, guestPages);
    this.shadows = new ShadowTables(pageTableFormat, machineFrames, settings);
    this.#levelOf = new Uint8Array(guestPages);
    this.#machineFrames = machineFrames;
    this.#meter = meter;
    this.#walker = new PageWalker(this.shadows.memory, context);
    this.#entry = vmmEntry;
    this.#costs = shadowCosts(profile);
    this.#untraced = settings.outOfSync ? new OutOfSyncTables(guestPages, settings.writesAllowed) : undefined;
    this.#storesToReuse = settings.storesToReuse;
    this.#tableReads = cache && new TableReads(this.guest, this.shadows, machineFrames, cache);
  }

  access(page: number, write: boolean): number {
    const frame = this.#walker.translate(page, write);
    return frame === NOT_TRANSLATED ? this.#handleFault(page, write) : frame;
  }

  /** Where the VMM lies there is no shadow of what the guest has mapped: the VMM looks it up in the guest's tables. */
  kernelAccess(page: number, write: boolean): number {
    if (this.#entry.emulatesAccess?.(page, write) !== true) return this.access(page, write);
    const entry = useEntry(this.guest, this.#root, page, write);
    return entry === 0 ? GUEST_FAULT : this.#machineFrames[frameOf(entry)];
  }

  raiseFault(): void {
    this.#entry.enter("page-fault", this.#walker.walkedPage);
    this.#meter.spend(TRUE_FAULT, this.#costs.fault);
    this.#entry.forwardFault();
  }

  useAsTable(frame: number, level: number): void {
    this.#untraced?.forget(frame);
    if (level === NOT_A_TABLE) this.guest.destroy(frame);
    else {
      this.guest.create(frame);
      this.#levelOf[frame] = level;
    }
  }

  /**
   * Written as a whole, a frame is no table any more. The first stores might as well clear its entries; what a device writes is
   * written by the VMM, which knows. Adaptive translation leaves such instructions alone: most pages they write have no trace.
   */
  reuse(frame: number, instructions: number): void {
    if (this.shadows.find(frame) === -1) return;
    const noticed = Math.min(instructions, this.#storesToReuse);
    for (let store = 0; store < noticed && this.#untraced?.has(frame) !== true; store++) {
      this.#entry.enter("page-fault");
      this.#meter.spend(TRACE, this.#costs.trace.unchanged);
      this.#countWrite(frame);
    }
    this.shadows.drop(frame);
    this.#untraced?.forget(frame);
  }

  readEntry(table: number, index: number): number {
    return this.guest.read(table, index);
  }

  writeEntry(table: number, index: number, entry: number, change: EntryChange): void {
    const before = this.guest.read(table, index);
    this.guest.write(table, index, entry);
    if (this.shadows.find(table) === -1 || this.#untraced?.has(table) === true) return;
    this.#trace(table, change, effectOf(before, entry));
    if (this.#levelOf[table] > 0) this.#unlink(table, index, before);
    else this.#copyEntry(table, index);
    if (isInTwoStores(this.guest.format, this.#levelOf[table], change, entry)) this.#trace(table, change, "unchanged");
  }

  /** A store to a table that is traced, unless one before it has been one too many. */
  #trace(table: number, change: EntryChange, effect: EntryEffect): void {
    if (this.#untraced?.has(table) === true) return;
    if (this.#entry.tracedWrite(change, effect)) this.#meter.spend(TRACE, this.#costs.trace[effect]);
    this.#countWrite(table);
  }

  /** With one write too many a lowest table loses its trace. */
  #countWrite(table: number): void {
    if (this.#levelOf[table] === 0 && this.#untraced?.write(table) === true)
      this.#meter.spend(UNTRACE, this.#costs.untrace);
  }

  invalidate(page: number): void {
    this.#entry.enter("instruction");
    if (page === ALL_PAGES) {
      this.#resynchronizeAll();
      this.#walker.flush();
    } else {
      this.#resynchronizePage(page);
      this.#walker.invalidate(page);
    }
  }

  beginBatch(): void {}
  endBatch(): void {}
  commit(): void {}
  activate(): void {}
  retire(): void {}

  switchRoot(root: number): void {
    this.#entry.enter("instruction");
    this.#meter.spend(ROOT_SWITCH, this.#costs.rootSwitch);
    this.#resynchronizeAll();
    this.#root = root;
    this.#walker.loadRoot(this.#shadowOf(root));
    this.#tableReads?.read(root);
  }

  #handleFault(page: number, write: boolean): number {
    const entry = useEntry(this.guest, this.#root, page, write);
    if (entry === 0) return GUEST_FAULT;
    this.#entry.enter("page-fault", page);
    this.#meter.spend(HIDDEN_FAULT, this.#costs.fault);
    this.#fill(page, entry);
    const frame = this.#walker.translate(page, write);
    if (frame !== NOT_TRANSLATED) return frame;
    // User code writes where the guest has a traced table, which no shadow ever allows.
    this.#meter.spend(TRACE, this.#costs.trace.unchanged);
    return this.#machineFrames[frameOf(entry)];
  }

  /** Make the shadow tables on the way to a page, and its entry. */
  #fill(page: number, leaf: number): void {
    let guestTable = this.#root;
    let shadow = this.#shadowOf(guestTable);
    for (let level = this.guest.format.levels - 1; level > 0; level--) {
      const index = this.guest.indexAt(page, level);
      const entry = this.guest.read(guestTable, index);
      const lower = isLarge(entry, level) ? this.#shadowOfLarge(entry, shadow, index) : this.#shadowOf(frameOf(entry));
      this.shadows.links.link(shadow, index, lower);
      guestTable = frameOf(entry);
      shadow = lower;
    }
    this.#meter.spend(FILL, this.#costs.fill);
    this.shadows.memory.write(shadow, this.guest.indexAt(page, 0), this.shadows.leafEntry(leaf));
  }

  #shadowOf(guestTable: number): number {
    if (this.shadows.find(guestTable) === -1) {
      this.#meter.spend(NEW_SHADOW, this.#costs.newShadow);
      // The hardware may have cached the way to the shadow that goes.
      if (this.shadows.isFull) this.#walker.flush();
      this.#untraced?.forget(guestTable);
    }
    return this.shadows.obtain(guestTable, this.#levelOf[guestTable]);
  }

  /** The table of small pages that stands for a large one. What another entry left in it may allow too much. */
  #shadowOfLarge(entry: number, upper: number, index: number): number {
    const key = this.#largeKey(entry);
    const known = this.shadows.find(key);
    if (known !== -1 && !this.shadows.links.isLinked(upper, index, known)) this.shadows.drop(key);
    if (this.shadows.find(key) === -1) this.#meter.spend(NEW_SHADOW, this.#costs.newShadow);
    return this.shadows.obtain(key, 0);
  }

  #largeKey(entry: number): number {
    return this.#machineFrames.length + frameOf(entry);
  }

  /** An entry of an upper table has changed. */
  #unlink(table: number, index: number, before: number): void {
    if (isLarge(before, this.#levelOf[table])) this.shadows.drop(this.#largeKey(before));
    else if (this.shadows.clearLink(this.shadows.find(table), index)) this.#walker.flush();
  }

  /** Bring an entry of a lowest table's shadow into step. */
  #copyEntry(table: number, index: number): void {
    this.shadows.memory.write(this.shadows.find(table), index, this.shadows.leafEntry(this.guest.read(table, index)));
  }

  #resynchronizePage(page: number): void {
    if (this.#untraced === undefined || this.#root === NONE) return;
    const table = lowestTable(this.guest, this.#root, page);
    if (table === NONE || !this.#untraced.has(table) || this.shadows.find(table) === -1) return;
    this.#meter.spend(FILL, this.#costs.fill);
    this.#copyEntry(table, this.guest.indexAt(page, 0));
  }

  #resynchronizeAll(): void {
    if (this.#untraced === undefined) return;
    for (const table of this.#untraced.takeAll()) if (this.shadows.find(table) !== -1) this.#resynchronize(table);
  }

  /** Every entry is compared; those that differ are made anew. */
  #resynchronize(table: number): void {
    this.#meter.spend(RESYNCHRONIZE, this.#costs.resynchronize);
    const shadow = this.shadows.find(table);
    for (let index = 0; index < this.guest.entriesPerTable; index++) {
      const entry = this.shadows.leafEntry(this.guest.read(table, index));
      const old = this.shadows.memory.read(shadow, index);
      // Entries that were never visited stay empty until they are.
      if (old === 0 || old === entry) continue;
      this.#meter.spend(FILL, this.#costs.fill);
      this.shadows.memory.write(shadow, index, entry);
    }
  }
}

export const shadowPaging = definePart<"mmu", { [K in keyof ShadowSettings]: ShadowSettings[K] }>({
  slot: "mmu",
  name: "shadow-paging",
  summary: "shadow page tables filled on demand, guest page tables write-protected",
  parameters: SHADOW_PARAMETERS,
  needs: [...TRANSLATION_COSTS, ...SHADOW_COSTS],
  kernelMapping: () => ({ largePages: false, global: true }),
  create: (settings, context) => new ShadowPaging(settings, context),
});
