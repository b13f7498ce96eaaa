/** A guest's page tables as the software of a VMM reads them, when it is entered because of a page. Large pages occur. */
import { entryOf, frameOf, isLarge, Pte } from "../../machine/page-tables.ts";
import type { PageTableMemory } from "../../machine/page-tables.ts";
import type { EntryEffect } from "../monitor-contract.ts";

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
