/**
 * The hypervisor's side of direct paging (Barham 2003, section 3.3.3): page tables in the guest's memory that hold machine
 * frames, and the rules that an entry has to keep to. What has been pinned is checked entry by entry, and stays true.
 */
import { entryOf, frameOf, IA32_PAGES, PageTableMemory, Pte } from "../../machine/page-tables.ts";
import type { MonitorContext } from "../monitor-contract.ts";
import { PageTypes, RefusedUpdate } from "./page-types.ts";

/**
 * The hypervisor has the top 64 MB of every address space on IA-32 (Barham 2003, section 3.3.3), 168 MB with PAE (Xen 3.0
 * interface manual), so that entering it changes no root and costs no TLB entry. On x86-64 it is far from where the guest is.
 */
const HYPERVISOR_PAGES = { ia32: (64 * 1024) / 4, "ia32-pae": (168 * 1024) / 4, "x86-64": 0 } as const;
/** The lowest level whose entries are wholly the hypervisor's or not at all. */
const HOLE_LEVEL = 1;
const NONE = -1;

export class ValidatedTables {
  /** The tables; frames are machine frames. */
  readonly memory: PageTableMemory;
  readonly types: PageTypes;
  readonly machineOf: Uint32Array;
  /** First page that is the hypervisor's; Infinity where the guest has none such. */
  readonly hypervisorStart: number;
  readonly #guestOf: Uint32Array;
  /** With three levels, the entry of a root that leads to what the hypervisor has entries in; else {@link NONE}. */
  readonly #topmostIndex: number;
  /** Tables that such an entry leads to: what they map ends where the address space ends. */
  readonly #topmost = new Set<number>();

  constructor({ pageTableFormat, machineFrames }: MonitorContext) {
    this.memory = new PageTableMemory(pageTableFormat, machineFrames.length);
    this.types = new PageTypes(machineFrames.length);
    this.machineOf = machineFrames;
    this.#guestOf = new Uint32Array(machineFrames.length);
    machineFrames.forEach((machine, guest) => (this.#guestOf[machine] = guest));
    const holePages = HYPERVISOR_PAGES[pageTableFormat.name];
    this.hypervisorStart = holePages === 0 ? Infinity : IA32_PAGES - holePages;
    const { levels, bitsPerLevel } = pageTableFormat;
    const isBelowRoot = holePages > 0 && levels - 1 > HOLE_LEVEL;
    this.#topmostIndex = isBelowRoot ? (IA32_PAGES >>> ((levels - 1) * bitsPerLevel)) - 1 : NONE;
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
    if (this.#isHypervisors(machineTable, level, index)) {
      throw new RefusedUpdate(`entry ${index} of table ${machineTable} is the hypervisor's`);
    }
    const validated = this.toMachine(entry);
    const before = this.memory.read(machineTable, index);
    const isTopmost = index === this.#topmostIndex && this.isRoot(machineTable);
    if (isTopmost) this.#requireAlone(before, validated);
    this.#refer(level, validated);
    this.#drop(level, before);
    if (isTopmost) this.#changeTopmost(before, validated);
    this.memory.write(machineTable, index, validated);
  }

  /** Check an entry of a last-level table that the guest wrote itself, in place of another. */
  exchange(machineTable: number, before: number, written: number): void {
    const level = this.types.tableLevel(machineTable);
    this.#refer(level, written);
    this.#drop(level, before);
  }

  /** Pin a table: its type is fixed and every entry checked. Returns how many entries are present. */
  pin(machineTable: number, level: number): number {
    this.types.pin(machineTable, level);
    let present = 0;
    for (let index = 0; index < this.memory.entriesPerTable; index++) {
      const entry = this.memory.read(machineTable, index);
      if ((entry & Pte.Present) === 0) continue;
      const isTopmost = index === this.#topmostIndex && this.isRoot(machineTable);
      if (isTopmost) this.#requireAlone(0, entry);
      this.#refer(level, entry);
      if (isTopmost) this.#changeTopmost(0, entry);
      present++;
    }
    return present;
  }

  /** Give a table free again, and what its entries refer to. Returns how many entries were present. */
  unpin(machineTable: number): number {
    const level = this.types.tableLevel(machineTable);
    const isRoot = this.isRoot(machineTable);
    this.types.unpin(machineTable);
    let present = 0;
    for (let index = 0; index < this.memory.entriesPerTable; index++) {
      const entry = this.memory.read(machineTable, index);
      if ((entry & Pte.Present) !== 0) present++;
      if (index === this.#topmostIndex && isRoot) this.#changeTopmost(entry, 0);
      this.#drop(level, entry);
    }
    return present;
  }

  isRoot(machineTable: number): boolean {
    return this.types.tableLevel(machineTable) === this.memory.format.levels - 1;
  }

  #isHypervisors(table: number, level: number, index: number): boolean {
    if (level !== HOLE_LEVEL || (!this.isRoot(table) && !this.#topmost.has(table))) return false;
    const { bitsPerLevel } = this.memory.format;
    const first = this.isRoot(table) ? 0 : IA32_PAGES - (this.memory.entriesPerTable << bitsPerLevel);
    return first + (index << bitsPerLevel) >= this.hypervisorStart;
  }

  /**
   * The hypervisor's entries are not the same in every address space, so that no two roots may lead to the table that has them
   * (create_pae_xen_mappings, xen/arch/x86/mm.c, Xen 3.0.4).
   */
  #requireAlone(before: number, entry: number): void {
    const lower = frameOf(entry);
    const stays = (before & Pte.Present) !== 0 && frameOf(before) === lower;
    if ((entry & Pte.Present) === 0 || stays || !this.#topmost.has(lower)) return;
    throw new RefusedUpdate(`table ${lower}, which has entries of the hypervisor's, is part of another address space`);
  }

  #changeTopmost(before: number, entry: number): void {
    if ((before & Pte.Present) !== 0) this.#topmost.delete(frameOf(before));
    if ((entry & Pte.Present) !== 0) this.#topmost.add(frameOf(entry));
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
