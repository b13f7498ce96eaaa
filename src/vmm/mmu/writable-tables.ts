/**
 * Writable page tables (Xen 2.0 and 3.0): the guest writes its last-level tables as if they were its own. The first write
 * traps; the hypervisor takes the table out of the tree and lets the guest write it. It is checked and put back when an
 * access needs it, when another table is written, or when the guest changes or flushes translations.
 */
import { cause } from "../../core/ledger.ts";
import type { Meter } from "../../machine/meter.ts";
import { Pte } from "../../machine/page-tables.ts";
import type { PageWalker } from "../../machine/page-walker.ts";
import { primitiveCost } from "../../machine/profile.ts";
import type { MonitorContext } from "../monitor-contract.ts";
import type { ValidatedTables } from "./validated-tables.ts";

const TRAP = cause("vmm.trap");
const VALIDATE = cause("vmm.direct.validate");
const NONE = -1;

export class WritableTables {
  readonly #guarded: ValidatedTables;
  readonly #walker: PageWalker;
  readonly #meter: Meter;
  readonly #trap: number;
  readonly #validate: number;
  readonly #scan: number;
  /** Machine frame of the table that is out of the tree. */
  #detached = NONE;
  readonly #before: Uint32Array;
  /** Where the entry is that refers to a table: upper table and index, by machine frame. */
  readonly #upper: Int32Array;
  readonly #upperIndex: Int32Array;

  constructor(guarded: ValidatedTables, walker: PageWalker, { profile, meter, machineFrames }: MonitorContext) {
    this.#guarded = guarded;
    this.#walker = walker;
    this.#meter = meter;
    this.#trap = primitiveCost(profile, "hardware.trap");
    this.#validate = primitiveCost(profile, "xen.validate-entry");
    this.#scan = primitiveCost(profile, "xen.pin-table");
    this.#before = new Uint32Array(guarded.memory.entriesPerTable);
    this.#upper = new Int32Array(machineFrames.length).fill(NONE);
    this.#upperIndex = new Int32Array(machineFrames.length);
  }

  get isDetached(): boolean {
    return this.#detached !== NONE;
  }

  /** An upper entry refers to a table now. */
  noteLink(upper: number, index: number, lower: number): void {
    this.#upper[lower] = upper;
    this.#upperIndex[lower] = index;
  }

  /** The guest stores an entry in a last-level table. */
  write(machineTable: number, index: number, entry: number): void {
    if (this.#detached !== machineTable) {
      this.reattach();
      this.#detach(machineTable);
    }
    this.#guarded.memory.write(machineTable, index, this.#guarded.toMachine(entry));
  }

  /** Check what the guest wrote, and put the table back. Throws a RefusedUpdate for an entry that may not be. */
  reattach(): void {
    const table = this.#detached;
    if (table === NONE) return;
    this.#detached = NONE;
    this.#meter.spend(VALIDATE, this.#scan);
    const { memory } = this.#guarded;
    for (let index = 0; index < memory.entriesPerTable; index++) {
      const written = memory.read(table, index);
      if (written === this.#before[index]) continue;
      this.#meter.spend(VALIDATE, this.#validate);
      this.#guarded.exchange(table, this.#before[index], written);
    }
    this.#setPresent(table, Pte.Present);
  }

  #detach(table: number): void {
    this.#meter.spend(TRAP, this.#trap);
    const { memory } = this.#guarded;
    for (let index = 0; index < memory.entriesPerTable; index++) this.#before[index] = memory.read(table, index);
    this.#setPresent(table, 0);
    this.#detached = table;
    // What the hardware remembers of the way to the table would lead around the check.
    this.#walker.flush();
  }

  #setPresent(table: number, present: number): void {
    const upper = this.#upper[table];
    if (upper === NONE) return;
    const entry = this.#guarded.memory.read(upper, this.#upperIndex[table]);
    this.#guarded.memory.write(upper, this.#upperIndex[table], ((entry & ~Pte.Present) | present) >>> 0);
  }
}
