/**
 * The second dimension of hardware-assisted paging (AMD nested paging, Intel EPT): the walk of the VMM's nested tables from
 * a guest frame (PPN) to a machine frame (MPN), behind a nested TLB and a page-walk cache of its own (Bhargava et al. 2008).
 * The guest cannot change any of it, so that nothing the guest does makes the caches stale.
 */
import { entryOf, frameOf, Pte } from "./page-tables.ts";
import type { PageTableMemory } from "./page-tables.ts";
import { NOT_CACHED, PageWalkCache } from "./page-walk-cache.ts";
import type { MachineProfile } from "./profile.ts";
import { Tlb } from "./tlb.ts";

/** {@link NestedTranslation.machineFrame}: the nested tables don't map the guest frame; an exit to the VMM follows. */
export const NESTED_VIOLATION = -2;
/** Tells the number of a large page from that of a small one in the nested TLB; guest frames have 24 bits. */
const LARGE = 1 << 24;

export class NestedTranslation {
  readonly #tables: PageTableMemory;
  readonly #root: number;
  readonly #cache: PageWalkCache;
  readonly #nestedTlb: Tlb | undefined;
  readonly #largeMask: number;
  /** References to nested entries since somebody set it to 0. */
  references = 0;
  /** The guest frame of the last {@link NESTED_VIOLATION}. */
  violation = 0;
  /** Whether the frame translated last is mapped by a large page. */
  isLarge = false;

  constructor(tables: PageTableMemory, root: number, profile: MachineProfile) {
    const entries = profile.nestedTlb?.entries ?? 0;
    this.#tables = tables;
    this.#root = root;
    this.#cache = new PageWalkCache(tables.format, profile.pageWalkCache?.entries ?? 0);
    this.#nestedTlb = entries === 0 ? undefined : new Tlb(entries, entries);
    this.#largeMask = tables.entriesPerTable - 1;
  }

  /** The machine frame behind a guest frame, or {@link NESTED_VIOLATION}. */
  machineFrame(guestFrame: number): number {
    const nestedTlb = this.#nestedTlb;
    if (nestedTlb === undefined) return this.#walk(guestFrame);
    const slot = nestedTlb.lookup(guestFrame);
    this.isLarge = false;
    if (slot !== -1) return frameOf(nestedTlb.entries[slot]);
    const large = nestedTlb.lookup(this.#largeKey(guestFrame));
    if (large === -1) return this.#walk(guestFrame);
    this.isLarge = true;
    return frameOf(nestedTlb.entries[large]) + (guestFrame & this.#largeMask);
  }

  #walk(guestFrame: number): number {
    const known = this.#cache.find(guestFrame);
    let level = known === NOT_CACHED ? this.#tables.format.levels - 1 : known;
    let table = known === NOT_CACHED ? this.#root : this.#cache.table;
    for (;;) {
      this.references += 1;
      const entry = this.#tables.read(table, this.#tables.indexAt(guestFrame, level));
      if ((entry & Pte.Present) === 0) {
        this.violation = guestFrame;
        return NESTED_VIOLATION;
      }
      if (level === 0) return this.#found(guestFrame, frameOf(entry));
      if ((entry & Pte.LargePage) !== 0) return this.#foundLarge(guestFrame, frameOf(entry));
      table = frameOf(entry);
      this.#cache.insert(guestFrame, level, table);
      level -= 1;
    }
  }

  #found(guestFrame: number, machineFrame: number): number {
    this.isLarge = false;
    this.#nestedTlb?.insert(guestFrame, entryOf(machineFrame, Pte.Present));
    return machineFrame;
  }

  #foundLarge(guestFrame: number, firstMachineFrame: number): number {
    this.isLarge = true;
    this.#nestedTlb?.insert(this.#largeKey(guestFrame), entryOf(firstMachineFrame, Pte.Present));
    return firstMachineFrame + (guestFrame & this.#largeMask);
  }

  #largeKey(guestFrame: number): number {
    return LARGE | (guestFrame >>> this.#tables.format.bitsPerLevel);
  }
}
