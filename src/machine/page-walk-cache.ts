/**
 * A page-walk cache (the paging-structure caches of Intel SDM vol. 3, section 4.10.3; translation caches in Barr et al.
 * 2010): it remembers which lower tables the upper levels lead to, so that a walk can start below them. Fully associative,
 * least recently used. What it holds is stale once the tables have changed, until it is told.
 */
import { entryOf, frameOf, Pte } from "./page-tables.ts";
import type { PageTableFormat } from "./page-tables.ts";
import { Tlb } from "./tlb.ts";

/** {@link PageWalkCache.find}: nothing is known of the page; the walk starts at the root. */
export const NOT_CACHED = -1;

export class PageWalkCache {
  readonly #levels: number;
  readonly #bits: number;
  /** Lower tables by level and the bits of a page number above it; absent where the machine has no such cache. */
  readonly #tables: Tlb | undefined;
  /** The table that {@link find} has found. */
  table = 0;

  /** `entries`: upper-level entries that it holds; 0 for a machine without one. */
  constructor({ levels, bitsPerLevel }: PageTableFormat, entries: number) {
    this.#levels = levels;
    this.#bits = bitsPerLevel;
    this.#tables = entries === 0 ? undefined : new Tlb(entries, entries);
  }

  /** Level of the lowest known {@link table} on the way to a page, or {@link NOT_CACHED}. */
  find(page: number): number {
    const tables = this.#tables;
    if (tables === undefined) return NOT_CACHED;
    for (let level = 1; level < this.#levels; level++) {
      const slot = tables.lookup(this.#key(page, level));
      if (slot === -1) continue;
      this.table = frameOf(tables.entries[slot]);
      return level - 1;
    }
    return NOT_CACHED;
  }

  /** The entry of a page at an upper level leads to a table. */
  insert(page: number, level: number, table: number): void {
    this.#tables?.insert(this.#key(page, level), entryOf(table, Pte.Present));
  }

  flush(): void {
    this.#tables?.flush();
  }

  /** Upper levels number 3 at most, and their bits of a page number 23. */
  #key(page: number, level: number): number {
    return ((page >>> (level * this.#bits)) << 2) | level;
  }
}
