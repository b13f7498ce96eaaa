/**
 * What a VMM with shadow page tables reads of an address space that the guest switches to: its page tables and their
 * shadows, which displace other lines of the second-level cache.
 *
 * That VMware Workstation goes through them is assumed; no source says what it does in a switch. Between two processes one
 * takes it 40,466 cycles (shadow.root-switch), ten for each entry of the four tables of a small process. Where the processes
 * fill the cache it takes longer by far more than bare metal: by 4 us with 8 of them that sum 16 KB each, 10 with 8 of 64 KB,
 * 21 and 17 with 16 (Barham et al. 2003, Table 4, less what it is with two that sum nothing). That grows with what is in the
 * cache, and not with what the processes visit: with 64 KB, address spaces that had lost their shadows would have twelve more
 * hidden faults than with 16 KB, and take 40 us longer, not 4 us less.
 */
import type { Cache } from "../../machine/cache.ts";
import { frameOf, isLarge, type PageTableMemory, Pte } from "../../machine/page-tables.ts";
import type { ShadowTables } from "./shadow-tables.ts";

export class TableReads {
  readonly #guest: PageTableMemory;
  readonly #shadows: ShadowTables;
  readonly #machineFrames: Uint32Array;
  readonly #cache: Cache;

  constructor(guest: PageTableMemory, shadows: ShadowTables, machineFrames: Uint32Array, cache: Cache) {
    this.#guest = guest;
    this.#shadows = shadows;
    this.#machineFrames = machineFrames;
    this.#cache = cache;
  }

  /** A root, the tables below it, and their shadows as far as there are any. */
  read(root: number): void {
    this.#read(root, this.#guest.format.levels - 1);
  }

  #read(table: number, level: number): void {
    this.#use(this.#machineFrames[table]);
    const shadow = this.#shadows.find(table);
    // The pool lies in memory of the VMM's own, beyond that of the guest.
    if (shadow !== -1) this.#use(this.#machineFrames.length + shadow);
    if (level === 0) return;
    const { words, entriesPerTable } = this.#guest;
    const start = this.#guest.position(table, 0);
    for (let at = start; at < start + entriesPerTable; at++) {
      const entry = words[at];
      if ((entry & Pte.Present) !== 0 && !isLarge(entry, level)) this.#read(frameOf(entry), level - 1);
    }
  }

  #use(frame: number): void {
    this.#cache.use(frame, 0, this.#cache.linesPerPage);
  }
}
