/**
 * The hypervisor's side of direct paging (Barham 2003, section 3.3.3): page tables in the guest's memory that hold machine
 * frames, and the rules that an entry has to keep to. What has been pinned is checked entry by entry, and stays true.
 */
import { entryOf, frameOf, PageTableMemory, Pte } from "../../machine/page-tables.ts";
import type { MonitorContext } from "../monitor-contract.ts";
import { PageTypes, RefusedUpdate } from "./page-types.ts";

/** On IA-32 the hypervisor has the top 64 MB of every address space (Barham 2003, section 3.3.3). */
const HYPERVISOR_PAGES = (64 * 1024) / 4;
const IA32_PAGES = 2 ** 20;

export class ValidatedTables {
  /** The tables; frames are machine frames. */
  readonly memory: PageTableMemory;
  readonly types: PageTypes;
  readonly machineOf: Uint32Array;
  readonly #guestOf: Uint32Array;
  /** Index of the first root entry that is the hypervisor's. */
  readonly #holeIndex: number;

  constructor({ pageTableFormat, machineFrames }: MonitorContext) {
    this.memory = new PageTableMemory(pageTableFormat, machineFrames.length);
    this.types = new PageTypes(machineFrames.length);
    this.machineOf = machineFrames;
    this.#guestOf = new Uint32Array(machineFrames.length);
    machineFrames.forEach((machine, guest) => (this.#guestOf[machine] = guest));
    const isIa32 = pageTableFormat.name === "ia32";
    this.#holeIndex = isIa32 ? (IA32_PAGES - HYPERVISOR_PAGES) >>> pageTableFormat.bitsPerLevel : Infinity;
  }

  /** An entry as the guest reads it: the machine frame in it translated back. */
  read(machineTable: number, index: number): number {
    const entry = this.memory.read(machineTable, index);
    return (entry & Pte.Present) === 0 ? entry : entryOf(this.#guestOf[frameOf(entry)], entry & 0xff);
  }

  /** The guest's entry with the machine frame in it. */
  toMachine(entry: number): number {
    if ((entry & Pte.Present) === 0) return entry;
    const machine = this.machineOf[frameOf(entry)];
    if (machine === undefined) throw new RefusedUpdate(`frame ${frameOf(entry)} does not belong to the guest`);
    return entryOf(machine, entry & 0xff);
  }

  /** Check a new entry of a pinned table and write it. */
  update(machineTable: number, index: number, entry: number): void {
    const level = this.types.tableLevel(machineTable);
    if (level === -1) throw new RefusedUpdate(`frame ${machineTable} is no page table`);
    const isRoot = level === this.memory.format.levels - 1;
    if (isRoot && index >= this.#holeIndex) throw new RefusedUpdate(`entry ${index} of a root is the hypervisor's`);
    const validated = this.toMachine(entry);
    this.#refer(level, validated);
    this.#drop(level, this.memory.read(machineTable, index));
    this.memory.write(machineTable, index, validated);
  }

  /** Pin a table: its type is fixed and every entry checked. Returns how many entries are present. */
  pin(machineTable: number, level: number): number {
    this.types.pin(machineTable, level);
    let present = 0;
    for (let index = 0; index < this.memory.entriesPerTable; index++) {
      const entry = this.memory.read(machineTable, index);
      if ((entry & Pte.Present) === 0) continue;
      this.#refer(level, entry);
      present++;
    }
    return present;
  }

  /** Give a table free again, and what its entries refer to. Returns how many entries were present. */
  unpin(machineTable: number): number {
    const level = this.types.tableLevel(machineTable);
    this.types.unpin(machineTable);
    let present = 0;
    for (let index = 0; index < this.memory.entriesPerTable; index++) {
      const entry = this.memory.read(machineTable, index);
      if ((entry & Pte.Present) !== 0) present++;
      this.#drop(level, entry);
    }
    return present;
  }

  isRoot(machineTable: number): boolean {
    return this.types.tableLevel(machineTable) === this.memory.format.levels - 1;
  }

  #refer(level: number, entry: number): void {
    if ((entry & Pte.Present) === 0) return;
    if (level > 0) this.types.referToTable(frameOf(entry), level - 1);
    else if ((entry & Pte.Writable) !== 0) this.types.mapWritable(frameOf(entry));
  }

  #drop(level: number, entry: number): void {
    if ((entry & Pte.Present) === 0) return;
    if (level > 0) this.types.dropTable(frameOf(entry));
    else if ((entry & Pte.Writable) !== 0) this.types.unmapWritable(frameOf(entry));
  }
}
