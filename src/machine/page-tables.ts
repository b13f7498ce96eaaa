/**
 * Radix page tables in simulated memory, one structure for IA-32 (2 levels x 10 bits, with PAE 3 x 9) and x86-64 (4 x 9).
 *
 * A table occupies one page frame, so that a VMM can trace, pin and validate it. An entry is one 32-bit word,
 * `frame << 8 | flags`: 24-bit frame numbers reach 64 GiB, enough for every host simulated here. Virtual page numbers are
 * unsigned 32-bit integers, so that of the topmost x86-64 level the lowest 5 index bits are used (16 TiB).
 */
import { copyInto } from "../core/copy-into.ts";
import type { PageTableFormatName } from "./profile.ts";

/** Flag bits of an entry. The upper two are left to software by both architectures. */
export const Pte = {
  Present: 1,
  Writable: 2,
  User: 4,
  Accessed: 8,
  Dirty: 16,
  Global: 32,
  /** Software: private and write-protected because it is shared after a fork. */
  CopyOnWrite: 64,
  /** Software: not present, and the frame field holds a slot of the guest's swap device. */
  Swapped: 128,
  /** Present, one level above the last: maps a large page (page size, bit 7). */
  LargePage: 128,
} as const;

/** Of an entry of an upper level, which leaves it to the last one what is allowed. */
export const UPPER_FLAGS = Pte.Present | Pte.Writable | Pte.User | Pte.Accessed;

/** Pages of an address space on IA-32. */
export const IA32_PAGES = 2 ** 20;

export interface PageTableFormat {
  readonly name: PageTableFormatName;
  readonly levels: number;
  readonly bitsPerLevel: number;
  /** The processor keeps the entries of the root in registers, so that no walk reads them. */
  readonly rootInRegisters?: true;
}

/**
 * IA-32 without PAE (Intel SDM vol. 3, 4.3) and with it (4.4; of its root only four entries are used, which are loaded with CR3: 4.4.1),
 * and x86-64 with four levels (4.5).
 */
export const PAGE_TABLE_FORMATS: Readonly<Record<PageTableFormatName, PageTableFormat>> = {
  ia32: { name: "ia32", levels: 2, bitsPerLevel: 10 },
  "ia32-pae": { name: "ia32-pae", levels: 3, bitsPerLevel: 9, rootInRegisters: true },
  "x86-64": { name: "x86-64", levels: 4, bitsPerLevel: 9 },
};

const NONE = -1;

export function entryOf(frame: number, flags: number): number {
  return ((frame << 8) | flags) >>> 0;
}

export function frameOf(entry: number): number {
  return entry >>> 8;
}

/** Whether an entry at a level maps a large page, so that a walk ends there. */
export function isLarge(entry: number, level: number): boolean {
  return level === 1 && (entry & Pte.Present) !== 0 && (entry & Pte.LargePage) !== 0;
}

/** The page frames that hold page tables. */
export class PageTableMemory {
  readonly format: PageTableFormat;
  readonly entriesPerTable: number;
  /** Words of all tables; grows, so don't keep a reference to it. */
  words = new Uint32Array(0);
  readonly #slotOf: Int32Array;
  readonly #freeSlots: number[] = [];
  #slots = 0;

  /** `frames`: how many page frames there are; tables may be in any of them. */
  constructor(format: PageTableFormat, frames: number) {
    this.format = format;
    this.entriesPerTable = 1 << format.bitsPerLevel;
    this.#slotOf = new Int32Array(frames).fill(NONE);
  }

  /** Make a frame an empty table. */
  create(frame: number): void {
    if (this.#slotOf[frame] !== NONE) throw new Error(`frame ${frame} is a page table already`);
    const slot = this.#freeSlots.pop() ?? this.#newSlot();
    this.#slotOf[frame] = slot;
    this.words.fill(0, slot * this.entriesPerTable, (slot + 1) * this.entriesPerTable);
  }

  /** The frame is ordinary memory again. */
  destroy(frame: number): void {
    this.#freeSlots.push(this.#slot(frame));
    this.#slotOf[frame] = NONE;
  }

  isTable(frame: number): boolean {
    return this.#slotOf[frame] !== NONE;
  }

  /** Index of a table's entry that translates a page, at a level (0 = the level that holds page frames). */
  indexAt(page: number, level: number): number {
    return (page >>> (level * this.format.bitsPerLevel)) & (this.entriesPerTable - 1);
  }

  /** Position in {@link words} of an entry. */
  position(table: number, index: number): number {
    return this.#slot(table) * this.entriesPerTable + index;
  }

  read(table: number, index: number): number {
    return this.words[this.position(table, index)];
  }

  write(table: number, index: number, entry: number): void {
    this.words[this.position(table, index)] = entry;
  }

  /** Position in {@link words} of the last-level entry of a page, or -1 where an upper level is not present. */
  walk(root: number, page: number): number {
    const bits = this.format.bitsPerLevel;
    const mask = this.entriesPerTable - 1;
    let slot = this.#slotOf[root];
    for (let shift = (this.format.levels - 1) * bits; shift > 0; shift -= bits) {
      const entry = this.words[slot * this.entriesPerTable + ((page >>> shift) & mask)];
      if ((entry & Pte.Present) === 0) return NONE;
      slot = this.#slotOf[entry >>> 8];
    }
    return slot * this.entriesPerTable + (page & mask);
  }

  #slot(frame: number): number {
    const slot = this.#slotOf[frame];
    if (slot === undefined || slot === NONE) throw new Error(`frame ${frame} is not a page table`);
    return slot;
  }

  #newSlot(): number {
    if ((this.#slots + 1) * this.entriesPerTable > this.words.length) {
      const length = Math.max(16, this.#slots * 2) * this.entriesPerTable;
      this.words = copyInto(this.words, new Uint32Array(length));
    }
    return this.#slots++;
  }
}
