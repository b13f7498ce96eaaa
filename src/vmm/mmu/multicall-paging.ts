/**
 * Direct paging as a Linux with paravirtual operations uses it (arch/x86/xen/mmu_pv.c and multicalls.c, Linux 6.1). Tables
 * are ordinary memory until the address space is complete; then its whole tree is pinned, and unpinned before it is torn
 * down. A new entry is one hypercall, or, where the kernel says that many will follow, an argument of a hypercall for up
 * to 31 that change in the same table and region (lazy MMU mode ends with either). Locked instructions on a pinned table are
 * not replaced: they fault, and the hypervisor emulates them.
 */
import { cause, event } from "../../core/ledger.ts";
import { ALL_PAGES, GUEST_FAULT, NOT_A_TABLE } from "../../guest/virtual-hardware.ts";
import type { Meter } from "../../machine/meter.ts";
import { frameOf, Pte } from "../../machine/page-tables.ts";
import { NOT_TRANSLATED, PageWalker } from "../../machine/page-walker.ts";
import type { EntryChange, Mmu, MonitorContext } from "../monitor-contract.ts";
import { type MulticallCosts, multicallCosts } from "./multicall-costs.ts";
import { Multicalls } from "./multicalls.ts";
import { type PageTypes, RefusedUpdate } from "./page-types.ts";
import { ValidatedTables } from "./validated-tables.ts";

const VALIDATE = cause("vmm.direct.validate");
const UPDATE = cause("vmm.direct.update");
const PIN = cause("vmm.direct.pin");
const TABLE_MAPPING = cause("vmm.direct.table-mapping");
const EMULATED_WRITE = cause("vmm.direct.emulated-write");
const ROOT_SWITCH = cause("vmm.direct.root-switch");
const FLUSH = cause("vmm.direct.tlb-flush");
const CONVERT = cause("guest.paravirtual");
const WALK = cause("guest.paravirtual.walk");

const SET_PTE = event("set_pte");
const MODIFY_PROT_START = event("ptep_modify_prot_start");
const MODIFY_PROT_COMMIT = event("ptep_modify_prot_commit");
const SET_UPPER = [event("set_pmd"), event("set_pud"), event("set_p4d")];
const ALLOC_TABLE = event("alloc_ptpage");
const RELEASE_TABLE = event("release_ptpage");
const PGD_PIN = event("pgd_pin");
const PGD_UNPIN = event("pgd_unpin");
const WRITE_CR3 = event("write_cr3");
const FLUSH_ONE = event("flush_tlb_one_user");

/**
 * The kernel translates machine frames back whenever it takes an entry apart (pte_val and its kin): on the walk of four
 * levels that a fault begins with, and when it changes permissions (pte_modify, twice in pte_needs_flush, vm_normal_page).
 */
const CONVERSIONS_PER_FAULT = 8;
const CONVERSIONS_PER_PROTECTION = 5;
/** And on its way through a tree: of the entry that leads to a table, and of the entry that maps the table itself. */
const CONVERSIONS_PER_TABLE = 2;

/** No address space is loaded: the kernel runs on its own tables. */
const NO_ROOT = -1;

export class MulticallPaging implements Mmu {
  readonly marksGlobal = true; // adjust_guest_l1e, Xen 4.17
  readonly #guarded: ValidatedTables;
  readonly #meter: Meter;
  readonly #walker: PageWalker;
  readonly #costs: MulticallCosts;
  readonly #multicalls: Multicalls;
  readonly #levelOf: Uint8Array;
  #root = NO_ROOT;
  #isBatching = false;
  /** Updates that are queued, all in one hypercall's argument list. */
  #queued = 0;

  constructor(context: MonitorContext) {
    const { profile, meter, machineFrames } = context;
    this.#guarded = new ValidatedTables(context);
    this.#meter = meter;
    this.#walker = new PageWalker(this.#guarded.memory, context);
    this.#costs = multicallCosts(profile);
    this.#multicalls = new Multicalls(context);
    this.#levelOf = new Uint8Array(machineFrames.length);
  }

  get tables(): ValidatedTables["memory"] {
    return this.#guarded.memory;
  }

  get types(): PageTypes {
    return this.#guarded.types;
  }

  access(page: number, write: boolean): number {
    const frame = this.#walker.translate(page, write);
    return frame === NOT_TRANSLATED ? GUEST_FAULT : frame;
  }

  raiseFault(walks: boolean): void {
    this.#walker.raiseFault();
    if (walks) this.#meter.spendMany(CONVERT, CONVERSIONS_PER_FAULT, this.#costs.convertEntry);
  }

  /** In a tree that is pinned already, a new table is pinned at once, and an old one unpinned. */
  useAsTable(frame: number, level: number, root: number): void {
    const machine = this.#guarded.machineOf[frame];
    if (level === NOT_A_TABLE) {
      if (frame !== root) this.#meter.count(RELEASE_TABLE);
      if (this.#isPinned(machine)) {
        this.#unpinTable(machine);
        this.#multicalls.issue();
      }
      this.#guarded.memory.destroy(machine);
      return;
    }
    this.#levelOf[machine] = level;
    this.#guarded.memory.create(machine);
    // A root is no part of a tree that might be pinned already.
    if (frame === root) return;
    this.#meter.count(ALLOC_TABLE);
    if (this.#isPinned(this.#guarded.machineOf[root])) {
      this.#pinTable(machine);
      this.#multicalls.issue();
    }
  }

  reuse(): void {}

  readEntry(table: number, index: number): number {
    return this.#guarded.read(this.#guarded.machineOf[table], index);
  }

  writeEntry(table: number, index: number, entry: number, change: EntryChange): void {
    const machine = this.#guarded.machineOf[table];
    const level = this.#levelOf[machine];
    if (level > 0) this.#setUpper(machine, level, index, entry);
    else if (change === "modify") this.#modify(machine, index, entry);
    else this.#set(machine, index, entry, change);
  }

  beginBatch(): void {
    this.#isBatching = true;
  }

  endBatch(): void {
    this.#handOver();
    this.#isBatching = false;
  }

  /** Nothing waits outside a batch. */
  commit(): void {}

  invalidate(page: number): void {
    if (page !== ALL_PAGES) this.#meter.count(FLUSH_ONE);
    this.#multicalls.queueFlush();
    this.#meter.spend(FLUSH, this.#costs.flush);
    this.#multicalls.callOnce(false);
    if (page === ALL_PAGES) this.#walker.flush();
    else this.#walker.invalidate(page);
  }

  /** One hypercall loads both roots: that of the kernel and that of user code, which lacks the kernel's mappings. */
  switchRoot(root: number): void {
    const machine = this.#guarded.machineOf[root];
    if (!this.#guarded.isRoot(machine)) throw new RefusedUpdate(`frame ${machine} is no root table`);
    this.#loadRoot(machine);
    this.#root = machine;
    this.#walker.loadRoot(machine);
  }

  activate(root: number): void {
    this.#meter.count(PGD_PIN);
    for (const table of this.#tree(root)) this.#pinTable(table);
    this.#multicalls.issue();
  }

  retire(root: number): void {
    const machine = this.#guarded.machineOf[root];
    if (this.#root === machine) this.#loadRoot(NO_ROOT);
    this.#meter.count(PGD_UNPIN);
    for (const table of this.#tree(root).toReversed()) this.#unpinTable(table);
    this.#multicalls.issue();
  }

  #loadRoot(machine: number): void {
    this.#meter.spendMany(ROOT_SWITCH, 1, this.#costs.rootSwitch);
    this.#meter.count(WRITE_CR3);
    this.#meter.count(WRITE_CR3);
    this.#multicalls.callOnce(false);
    if (machine === NO_ROOT) this.#root = NO_ROOT;
  }

  #isPinned(machineTable: number): boolean {
    return this.#guarded.types.tableLevel(machineTable) !== -1;
  }

  /** A new value, or new permissions: queued in a batch, a hypercall otherwise; pinned or not. */
  #set(machine: number, index: number, entry: number, change: EntryChange): void {
    if (change === "protect") {
      this.#meter.count(MODIFY_PROT_START);
      this.#meter.count(MODIFY_PROT_COMMIT);
    } else this.#meter.count(SET_PTE);
    const conversions = change === "protect" ? CONVERSIONS_PER_PROTECTION : 1;
    this.#meter.spendMany(CONVERT, conversions, this.#costs.convertEntry);
    if (this.#isBatching) this.#queue();
    else this.#multicalls.update();
    if (this.#isPinned(machine)) this.#update(machine, index, entry);
    else {
      this.#meter.spend(UPDATE, this.#costs.plainUpdate);
      this.#guarded.memory.write(machine, index, this.#guarded.toMachine(entry));
    }
  }

  #update(machine: number, index: number, entry: number): void {
    const before = this.#guarded.memory.read(machine, index);
    this.#meter.spend(UPDATE, this.#costs.update);
    this.#meter.spendMany(VALIDATE, isPresent(before) + isPresent(entry), this.#costs.validate);
    this.#guarded.update(machine, index, entry);
  }

  /** A locked instruction on the table itself. */
  #modify(machine: number, index: number, entry: number): void {
    this.#meter.spend(CONVERT, this.#costs.convertEntry);
    if (!this.#isPinned(machine)) {
      this.#guarded.memory.write(machine, index, this.#guarded.toMachine(entry));
      return;
    }
    const before = this.#guarded.memory.read(machine, index);
    this.#meter.spend(EMULATED_WRITE, this.#costs.emulatedWrite);
    this.#meter.spendMany(VALIDATE, isPresent(before) + isPresent(entry), this.#costs.validate);
    this.#guarded.update(machine, index, entry);
  }

  #setUpper(machine: number, level: number, index: number, entry: number): void {
    this.#meter.count(SET_UPPER[level - 1]);
    if (!this.#isPinned(machine)) {
      this.#guarded.memory.write(machine, index, this.#guarded.toMachine(entry));
      return;
    }
    // The root is two tables, that of the kernel and that of user code. One flush is for all updates (do_mmu_update, Xen 4.17).
    const updates = this.#guarded.isRoot(machine) ? 2 : 1;
    this.#multicalls.callOnce(true);
    this.#meter.spendMany(UPDATE, updates, this.#costs.update);
    this.#meter.spend(FLUSH, this.#costs.flush);
    this.#guarded.update(machine, index, entry);
  }

  #queue(): void {
    if (this.#queued === this.#multicalls.updatesPerCall) this.#handOver();
    if (this.#queued === 0) this.#multicalls.countEntry();
    this.#queued++;
    this.#multicalls.queueUpdate();
  }

  #handOver(): void {
    this.#multicalls.flushUpdates(this.#queued);
    this.#queued = 0;
  }

  /** The page becomes read-only to the guest, a lowest-level table is pinned by itself; the root pins the levels between. */
  #pinTable(machine: number): void {
    const level = this.#levelOf[machine];
    const isRoot = level === this.#guarded.memory.format.levels - 1;
    const copies = isRoot ? 2 : 1;
    this.#multicalls.queue(level === 0 || isRoot ? 2 * copies : 1);
    this.#meter.spendMany(TABLE_MAPPING, copies, this.#costs.tableMapping);
    const present = this.#guarded.pin(machine, level);
    this.#meter.spend(PIN, isRoot ? this.#costs.pinRoot : level > 0 ? this.#costs.pinUpper : this.#costs.pin);
    this.#meter.spendMany(VALIDATE, present, this.#costs.validate);
  }

  #unpinTable(machine: number): void {
    const level = this.#levelOf[machine];
    const isRoot = level === this.#guarded.memory.format.levels - 1;
    const copies = isRoot ? 2 : 1;
    // Both roots are unpinned by one call.
    this.#multicalls.queue(isRoot ? 3 : level === 0 ? 2 : 1);
    const present = this.#guarded.unpin(machine);
    this.#meter.spend(PIN, isRoot ? this.#costs.unpinRoot : level > 0 ? this.#costs.unpinUpper : this.#costs.unpin);
    this.#meter.spendMany(VALIDATE, present, this.#costs.validate);
    this.#meter.spendMany(TABLE_MAPPING, copies, this.#costs.tableMapping);
  }

  /**
   * Machine frames of the tables below a root, lowest level first, the root last. To find them the guest looks at every
   * entry of the tables above the lowest level (__xen_pgd_walk, mmu_pv.c).
   */
  #tree(root: number): number[] {
    const { memory, machineOf } = this.#guarded;
    const byLevel: number[][] = Array.from({ length: memory.format.levels }, () => []);
    byLevel[memory.format.levels - 1].push(machineOf[root]);
    this.#meter.spend(WALK, this.#costs.walkRoot);
    for (let level = memory.format.levels - 1; level > 0; level--) {
      for (const table of byLevel[level]) {
        for (let index = 0; index < memory.entriesPerTable; index++) {
          const entry = memory.read(table, index);
          if ((entry & Pte.Present) !== 0) byLevel[level - 1].push(frameOf(entry));
        }
      }
      if (level > 1) this.#meter.spendMany(WALK, byLevel[level - 1].length, this.#costs.walkUpper);
    }
    const tables = byLevel.flat();
    this.#meter.spendMany(CONVERT, tables.length * CONVERSIONS_PER_TABLE, this.#costs.convertEntry);
    return tables;
  }
}

function isPresent(entry: number): number {
  return entry & Pte.Present;
}
