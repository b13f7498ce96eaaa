/** A process's address space: its page tables, built entry by entry through the MMU, and its regions. */
import { entryOf, Pte, UPPER_FLAGS } from "../machine/page-tables.ts";
import type { KernelContext } from "./kernel-context.ts";
import { findRegion, type Region } from "./regions.ts";
import { type EntryChange, NOT_A_TABLE } from "./virtual-hardware.ts";

/** A range of pages below one lowest-level table, within one region or between two. */
export interface Piece {
  readonly start: number;
  readonly end: number;
}

export class AddressSpace {
  readonly id: number;
  readonly root: number;
  regions: readonly Region[] = [];
  readonly #context: KernelContext;
  /** Frames of the tables below the root: by level, by the page number's bits above that level. */
  readonly #tables: readonly Map<number, number>[];
  readonly #bits: number;
  readonly #mask: number;
  #lastArea = -1;
  #lastTable = -1;

  constructor(context: KernelContext, id: number) {
    const { levels, bitsPerLevel } = context.machine.pageTableFormat;
    this.#context = context;
    this.id = id;
    this.#bits = bitsPerLevel;
    this.#mask = (1 << bitsPerLevel) - 1;
    this.#tables = Array.from({ length: levels - 1 }, () => new Map<number, number>());
    this.root = context.tables.take(levels - 1);
    context.highMemory?.link(this.root);
    context.spaces.set(id, this);
  }

  /** The entry of a page; 0 where there is no table. */
  entry(page: number): number {
    const table = this.#find(page);
    return table === -1 ? 0 : this.#context.machine.mmu.readEntry(table, page & this.#mask);
  }

  /** Write the entry of a page; makes the tables above it as needed. */
  setEntry(page: number, entry: number, change: EntryChange = "set"): void {
    let table = this.#find(page);
    if (table === -1) table = this.#build(page);
    this.#context.machine.mmu.writeEntry(table, page & this.#mask, entry, change);
  }

  /** Map the large page around a page, where there is no lowest-level table. */
  setLargeEntry(page: number, entry: number): void {
    const table = this.#build(page, 1);
    this.#context.machine.mmu.writeEntry(table, (page >>> this.#bits) & this.#mask, entry | Pte.LargePage, "set");
  }

  /** The first page of [page, end) whose entry is not zero, or -1. */
  nextUsed(page: number, end: number): number {
    const { mmu } = this.#context.machine;
    while (page < end) {
      const table = this.#find(page);
      if (table === -1) {
        page = this.#endOfHole(page);
        continue;
      }
      if (mmu.readEntry(table, page & this.#mask) !== 0) return page;
      page++;
    }
    return -1;
  }

  /**
   * [start, end) as far as there are lowest-level tables, in order, cut where tables end and where regions begin and end: what
   * Linux goes through in one go, region by region and table by table. Between regions only where something is mapped.
   */
  pieces(start: number, end: number): Piece[] {
    const borders = this.regions.flatMap((region) => [region.start, region.end]);
    const pieces: Piece[] = [];
    for (let page = start; page < end; ) {
      if (this.#find(page) === -1) {
        page = this.#endOfHole(page);
        continue;
      }
      const endOfTable = ((page >>> this.#bits) + 1) * 2 ** this.#bits;
      const next = Math.min(end, endOfTable, ...borders.filter((border) => border > page));
      if (findRegion(this.regions, page) !== undefined || this.nextUsed(page, next) !== -1) {
        pieces.push({ start: page, end: next });
      }
      page = next;
    }
    return pieces;
  }

  /** Make the tables above a page as needed. */
  makeTables(page: number): void {
    if (this.#find(page) === -1) this.#build(page);
  }

  /**
   * Give back the tables in [start, end) that no region needs and nothing is mapped by, an upper one as soon as it is empty
   * (free_pgtables, mm/memory.c; clear_page_tables of Linux 2.4). What is not kept is freed together, the last one first, so
   * that they will be taken in this order (release_pages, mm/swap.c).
   */
  freeTables(start: number, end: number): void {
    const [first, last] = [start >>> this.#bits, (end - 1) >>> this.#bits];
    const areas = [...this.#tables[0].keys()].filter((area) => area >= first && area <= last).sort((a, b) => a - b);
    const { frames, machine, tables } = this.#context;
    // What has been cleared may be queued still, and is about to be read.
    machine.mmu.commit();
    const freed: number[] = [];
    for (const lowest of areas) {
      let area = lowest;
      for (let level = 0; level < this.#tables.length && this.#isUnused(area, level); level++) {
        const table = this.#removeTable(area, level);
        if (!tables.keep(table, level, this.root)) freed.push(table);
        area >>>= this.#bits;
      }
    }
    for (const table of freed.toReversed()) frames.release(table);
    tables.trim(this.root);
    this.#lastArea = -1;
  }

  #removeTable(area: number, level: number): number {
    const { mmu } = this.#context.machine;
    const table = this.#tables[level].get(area) ?? this.root;
    const upper = level + 1 < this.#tables.length ? this.#tables[level + 1].get(area >>> this.#bits) : this.root;
    mmu.writeEntry(upper ?? this.root, area & this.#mask, 0, "set");
    this.#tables[level].delete(area);
    return table;
  }

  /** Give the frame of the root back; there may be no other tables any more, nor may it be loaded. */
  destroy(): void {
    const { frames, machine, spaces, highMemory } = this.#context;
    machine.mmu.useAsTable(this.root, NOT_A_TABLE, this.root);
    highMemory?.unlink(this.root);
    frames.release(this.root);
    spaces.delete(this.id);
  }

  #isUnused(area: number, level: number): boolean {
    const shift = (level + 1) * this.#bits;
    if (this.regions.some(({ start, end }) => start >>> shift <= area && (end - 1) >>> shift >= area)) return false;
    if (level > 0) return ![...this.#tables[level - 1].keys()].some((lower) => lower >>> this.#bits === area);
    const first = area << this.#bits;
    return this.nextUsed(first, first + this.#mask + 1) === -1;
  }

  /** The first page behind the largest area around a page that has no table. */
  #endOfHole(page: number): number {
    let level = this.#tables.length - 1;
    while (level > 0 && this.#tables[level].has(page >>> ((level + 1) * this.#bits))) level--;
    const shift = (level + 1) * this.#bits;
    return ((page >>> shift) + 1) * 2 ** shift;
  }

  #find(page: number): number {
    const area = page >>> this.#bits;
    if (area === this.#lastArea) return this.#lastTable;
    const table = this.#tables[0].get(area);
    if (table === undefined) return -1;
    this.#lastArea = area;
    this.#lastTable = table;
    return table;
  }

  /** Make the tables above a page down to a level as needed. Returns the one at that level. */
  #build(page: number, lowest = 0): number {
    const { mmu } = this.#context.machine;
    let upper = this.root;
    for (let level = this.#tables.length - 1; level >= lowest; level--) {
      const area = page >>> ((level + 1) * this.#bits);
      let table = this.#tables[level].get(area);
      if (table === undefined) {
        table = this.#context.tables.take(level, this.root);
        this.#tables[level].set(area, table);
        mmu.writeEntry(upper, area & this.#mask, entryOf(table, UPPER_FLAGS), "set");
        // XenLinux 2.4, pmd_populate, include/asm-xeno/pgalloc.h.
        mmu.commit();
      }
      upper = table;
    }
    return upper;
  }
}
