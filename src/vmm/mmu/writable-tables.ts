/**
 * Writable page tables (Xen 2.0 to 3.0.2; interface manual of 2.0, section "Writable Page Tables"): the guest writes last-level tables
 * as if they were its own. The first write traps; the hypervisor keeps a copy of the table and lets the guest write it. Two tables can
 * be written at a time: one of the address space that is loaded, which is disconnected from it (active), and one of another address
 * space, which no walk can reach (inactive). A table is checked, entry by entry against the copy, and read-only again when
 * another one needs its place, when an access needs what the active one maps, and, both of them, when the guest asks the hypervisor
 * for an update, a flush or another address space.
 */
import { cause } from "../../core/ledger.ts";
import type { Meter } from "../../machine/meter.ts";
import { frameOf, Pte } from "../../machine/page-tables.ts";
import type { PageWalker } from "../../machine/page-walker.ts";
import { primitiveCost } from "../../machine/profile.ts";
import type { MonitorContext } from "../monitor-contract.ts";
import type { ValidatedTables } from "./validated-tables.ts";

const TRAP = cause("vmm.trap");
const COPY = cause("vmm.direct.copy-table");
const VALIDATE = cause("vmm.direct.validate");
const TLB_FLUSH = cause("hardware.tlb-flush");
const NONE = -1;

/** A place for a table that the guest may write. */
interface Place {
  /** Its machine frame, or {@link NONE}. */
  table: number;
  /** Its entries as they were checked last. */
  readonly before: Uint32Array;
}

export class WritableTables {
  readonly #guarded: ValidatedTables;
  readonly #walker: PageWalker;
  readonly #meter: Meter;
  readonly #costs: ReturnType<typeof costsOf>;
  readonly #active: Place;
  readonly #inactive: Place;
  /** First page that the active table maps, and the entry that it is disconnected from. */
  #firstPage = NONE;
  #upper = NONE;
  #upperIndex = NONE;
  /** Where the last entry is that was made to refer to a table: upper table and index, by machine frame. */
  readonly #linkedFrom: Int32Array;
  readonly #linkedAt: Int32Array;

  constructor(guarded: ValidatedTables, walker: PageWalker, context: MonitorContext) {
    this.#guarded = guarded;
    this.#walker = walker;
    this.#meter = context.meter;
    this.#costs = costsOf(context);
    const { entriesPerTable } = guarded.memory;
    this.#active = { table: NONE, before: new Uint32Array(entriesPerTable) };
    this.#inactive = { table: NONE, before: new Uint32Array(entriesPerTable) };
    this.#linkedFrom = new Int32Array(context.machineFrames.length).fill(NONE);
    this.#linkedAt = new Int32Array(context.machineFrames.length);
  }

  /** An upper entry refers to a table now. */
  noteLink(upper: number, index: number, lower: number): void {
    this.#linkedFrom[lower] = upper;
    this.#linkedAt[lower] = index;
  }

  /** The guest stores an entry in a last-level table. */
  write(machineTable: number, index: number, entry: number): void {
    if (machineTable !== this.#active.table && machineTable !== this.#inactive.table) this.#trap(machineTable);
    this.#guarded.memory.write(machineTable, index, this.#guarded.toMachine(entry));
  }

  /** A page is not mapped. True: because of the active table, which is back now. */
  reattachFor(page: number): boolean {
    const isNeeded =
      this.#active.table !== NONE &&
      page >= this.#firstPage &&
      page < this.#firstPage + this.#guarded.memory.entriesPerTable;
    if (isNeeded) this.#reattach(this.#active);
    return isNeeded;
  }

  /** Check what the guest wrote, in both tables. Throws a RefusedUpdate for an entry that may not be. */
  reattach(): void {
    if (this.#active.table !== NONE) this.#reattach(this.#active);
    if (this.#inactive.table !== NONE) this.#reattach(this.#inactive);
  }

  #trap(table: number): void {
    this.#meter.spend(TRAP, this.#costs.trap);
    const firstPage = this.#firstPageOf(table);
    const upper = firstPage === NONE ? NONE : this.#tableAbove(firstPage, table);
    const place = upper === NONE ? this.#inactive : this.#active;
    if (place.table !== NONE) this.#reattach(place);
    this.#detach(place, table);
    if (upper !== NONE) this.#disconnect(upper, firstPage);
  }

  #detach(place: Place, table: number): void {
    const { words, entriesPerTable } = this.#guarded.memory;
    const start = this.#guarded.memory.position(table, 0);
    this.#meter.spend(COPY, this.#costs.copy);
    place.before.set(words.subarray(start, start + entriesPerTable));
    place.table = table;
  }

  /** Nothing leads to the active table, nor does what the hardware remembers of the way to it. */
  #disconnect(upper: number, firstPage: number): void {
    this.#firstPage = firstPage;
    this.#upper = upper;
    this.#upperIndex = this.#guarded.memory.indexAt(firstPage, 1);
    this.#setPresent(0);
    this.#walker.flush();
  }

  #setPresent(present: number): void {
    const { memory } = this.#guarded;
    const entry = memory.read(this.#upper, this.#upperIndex);
    memory.write(this.#upper, this.#upperIndex, ((entry & ~Pte.Present) | present) >>> 0);
  }

  #reattach(place: Place): void {
    const { table, before } = place;
    place.table = NONE;
    // The page that the guest wrote to is read-only in its own memory again.
    this.#meter.spend(TLB_FLUSH, this.#costs.invalidate);
    this.#meter.spend(VALIDATE, this.#costs.scan);
    const { memory } = this.#guarded;
    for (let index = 0; index < memory.entriesPerTable; index++) {
      const written = memory.read(table, index);
      if (written === before[index]) continue;
      this.#meter.spend(VALIDATE, this.#costs.validate);
      this.#guarded.exchange(table, before[index], written);
    }
    if (place === this.#active) this.#setPresent(Pte.Present);
  }

  /** The first page that a table maps in the last tree that it was made a part of, or {@link NONE} if it is in none. */
  #firstPageOf(table: number): number {
    const { levels, bitsPerLevel } = this.#guarded.memory.format;
    let page = 0;
    let at = table;
    for (let level = 1; level < levels; level++) {
      if (this.#linkedFrom[at] === NONE) return NONE;
      page += this.#linkedAt[at] * 2 ** (level * bitsPerLevel);
      at = this.#linkedFrom[at];
    }
    return page;
  }

  /** The table above a last-level one where that is what maps a page in the address space that is loaded; else {@link NONE}. */
  #tableAbove(page: number, table: number): number {
    const { memory } = this.#guarded;
    let at = this.#walker.root;
    if (!memory.isTable(at)) return NONE;
    for (let level = memory.format.levels - 1; ; level--) {
      const entry = memory.read(at, memory.indexAt(page, level));
      if ((entry & Pte.Present) === 0) return NONE;
      if (level === 1) return frameOf(entry) === table ? at : NONE;
      at = frameOf(entry);
    }
  }
}

function costsOf({ profile }: MonitorContext) {
  return {
    trap: primitiveCost(profile, "hardware.trap"),
    copy: primitiveCost(profile, "page.copy"),
    invalidate: primitiveCost(profile, "hardware.tlb-invalidate"),
    scan: primitiveCost(profile, "xen.pin-table"),
    validate: primitiveCost(profile, "xen.validate-entry"),
  };
}
