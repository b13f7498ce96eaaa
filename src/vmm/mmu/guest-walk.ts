/** A guest's page tables as the software of a VMM reads them, when it is entered because of a page. Large pages occur. */
import { entryOf, frameOf, isLarge, Pte } from "../../machine/page-tables.ts";
import type { PageTableFormat, PageTableMemory } from "../../machine/page-tables.ts";
import type { EntryChange, EntryEffect } from "../monitor-contract.ts";

/** There is no entry, or no table. */
export const NONE = -1;

/** Position in the words of the tables of the entry that maps a page, small or large; {@link NONE} where there is none. */
export function mappingEntry(tables: PageTableMemory, root: number, page: number): number {
  let table = root;
  for (let level = tables.format.levels - 1; ; level--) {
    const position = tables.position(table, tables.indexAt(page, level));
    const entry = tables.words[position];
    if (level === 0 || isLarge(entry, level)) return position;
    if ((entry & Pte.Present) === 0) return NONE;
    table = frameOf(entry);
  }
}

/**
 * The entry that maps a page, now accessed, and dirty if written, as that of a small page; 0 where there is none, or it does not allow the
 * access.
 */
export function useEntry(tables: PageTableMemory, root: number, page: number, write: boolean): number {
  const position = mappingEntry(tables, root, page);
  const entry = position === NONE ? 0 : tables.words[position];
  if ((entry & Pte.Present) === 0 || (write && (entry & Pte.Writable) === 0)) return 0;
  tables.words[position] = entry | (write ? Pte.Accessed | Pte.Dirty : Pte.Accessed);
  return smallEntry(tables, tables.words[position], page);
}

/** The lowest table on the way to a page; {@link NONE} where there is none, as for a large page. */
export function lowestTable(tables: PageTableMemory, root: number, page: number): number {
  let table = root;
  for (let level = tables.format.levels - 1; level > 0; level--) {
    const entry = tables.read(table, tables.indexAt(page, level));
    if ((entry & Pte.Present) === 0 || isLarge(entry, level)) return NONE;
    table = frameOf(entry);
  }
  return table;
}

/** An entry that maps a page as that of a small page: of a large one, the part that the page is. */
export function smallEntry(tables: PageTableMemory, entry: number, page: number): number {
  if ((entry & Pte.Present) === 0 || (entry & Pte.LargePage) === 0) return entry;
  return entryOf(frameOf(entry) + tables.indexAt(page, 0), entry & 0xff & ~Pte.LargePage);
}

/** What a write does to an entry. */
export function effectOf(before: number, after: number): EntryEffect {
  if (((before ^ after) & Pte.Present) === 0) return "unchanged";
  return (after & Pte.Present) === 0 ? "clear" : "set";
}

/**
 * Whether a kernel changes an entry by two stores. With PAE an entry is of 64 bits, and Linux writes the halves of one of the lowest level
 * one by one; only a write protection changes one half alone, and entries of other levels are written by one instruction (set_pte,
 * ptep_get_and_clear and set_64bit, include/asm-i386/pgtable-3level.h; ptep_set_wrprotect, pgtable.h; 2.4.22 and 2.6.12).
 */
export function isInTwoStores({ name }: PageTableFormat, level: number, change: EntryChange, entry: number): boolean {
  return name === "ia32-pae" && level === 0 && (change !== "modify" || entry === 0);
}
