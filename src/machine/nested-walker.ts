/**
 * Address translation with hardware-assisted paging: the walk of the guest's own tables, in which every guest frame, be it
 * of a table or of the page itself, goes through the nested tables. A walk in two dimensions, of m guest and n nested
 * levels, makes nm + n + m references when nothing is cached, 24 for 4 x 4 (Bhargava et al. 2008). The TLB holds virtual
 * page -> machine frame, so that a hit costs what it costs natively.
 */
import { NESTED_VIOLATION, type NestedTranslation } from "./nested-translation.ts";
import { entryOf, frameOf, isLarge, Pte } from "./page-tables.ts";
import type { PageTableMemory } from "./page-tables.ts";
import { NOT_CACHED } from "./page-walk-cache.ts";
import { NOT_TRANSLATED, PageWalker, type PagingHardware } from "./page-walker.ts";

export class NestedWalker extends PageWalker {
  readonly #nested: NestedTranslation;
  /** References to entries of guest tables in the walk that is going on. */
  #guestReferences = 0;
  /** 0, or 1 where the guest maps a large page. */
  #lastLevel = 0;

  /** `guest`: the guest's tables, in guest frames, which {@link root} is, too. */
  constructor(guest: PageTableMemory, nested: NestedTranslation, hardware: PagingHardware) {
    super(guest, hardware);
    this.#nested = nested;
  }

  /** The machine frame, {@link NOT_TRANSLATED} or {@link NESTED_VIOLATION}. References are charged as they are made. */
  protected override walk(page: number, write: boolean): number {
    this.#nested.references = 0;
    this.#guestReferences = 0;
    const table = this.#lastTable(page);
    const frame = table < 0 ? table : this.#translateLast(table, page, write);
    this.chargeWalk(this.#guestReferences + this.#nested.references);
    return frame;
  }

  /** The guest's table whose entry maps a page (its level in {@link #lastLevel}), or why there is none. */
  #lastTable(page: number): number {
    const known = this.findCached(page);
    let level = known === NOT_CACHED ? this.tables.format.levels - 1 : known;
    let table = known === NOT_CACHED ? this.root : this.cache.table;
    // The cache holds tables with their machine frames (combined mappings, Intel SDM vol. 3, section 28.3).
    if (known === NOT_CACHED && this.#nested.machineFrame(table) === NESTED_VIOLATION) return NESTED_VIOLATION;
    for (; level > 0; level--) {
      const entry = this.tables.read(table, this.tables.indexAt(page, level));
      if (isLarge(entry, level)) break;
      this.#guestReferences += 1;
      if ((entry & Pte.Present) === 0) return NOT_TRANSLATED;
      table = frameOf(entry);
      if (this.#nested.machineFrame(table) === NESTED_VIOLATION) return NESTED_VIOLATION;
      this.cache.insert(page, level, table);
    }
    this.#lastLevel = level;
    return table;
  }

  #translateLast(table: number, page: number, write: boolean): number {
    this.#guestReferences += 1;
    const entry = this.useEntry(table, this.#lastLevel, page, write);
    if (entry === 0) return NOT_TRANSLATED;
    const within = this.#lastLevel === 0 ? 0 : this.tables.indexAt(page, 0);
    const machineFrame = this.#nested.machineFrame(frameOf(entry) + within);
    if (machineFrame === NESTED_VIOLATION) return NESTED_VIOLATION;
    const flags = entry & 0xff;
    // The TLB holds what both dimensions have in common (Bhargava et al. 2008): a large page if it is one in both.
    if (this.#lastLevel > 0 && this.#nested.isLarge)
      this.tlb.insertLarge(page, this.tables.format.bitsPerLevel, entryOf(machineFrame - within, flags));
    else this.tlb.insert(page, entryOf(machineFrame, this.#lastLevel > 0 ? flags & ~Pte.LargePage : flags));
    return machineFrame;
  }
}
