/** Last-level guest tables that may be written without being noticed, and how their shadows come into step again. */
import { cause, event } from "../../core/ledger.ts";
import type { Meter } from "../../machine/meter.ts";
import { entryOf, frameOf, type PageTableMemory, Pte } from "../../machine/page-tables.ts";
import type { ShadowPages } from "./shadow-pages.ts";
import type { UnsyncCosts } from "./unsync-costs.ts";

const SYNC = cause("vmm.shadow.sync");
const REFRESH = cause("vmm.shadow.invalidate");
const PREFETCH = cause("vmm.shadow.prefetch");
const MMU_UNSYNC = event("mmu_unsync");

/** PTE_PREFETCH_NUM, mmu.c. */
export const PREFETCH_GROUP = 8;

export class UnsyncTables {
  readonly #guest: PageTableMemory;
  readonly #shadows: ShadowPages;
  readonly #machineFrames: Uint32Array;
  readonly #meter: Meter;
  readonly #costs: UnsyncCosts;
  readonly #unsync: number[] = [];

  constructor(
    guest: PageTableMemory,
    shadows: ShadowPages,
    machineFrames: Uint32Array,
    meter: Meter,
    costs: UnsyncCosts,
  ) {
    this.#guest = guest;
    this.#shadows = shadows;
    this.#machineFrames = machineFrames;
    this.#meter = meter;
    this.#costs = costs;
  }

  /** The guest may write the table from now on. */
  add(shadow: number): void {
    this.#meter.countMany(MMU_UNSYNC, 1);
    this.#shadows.isUnsync[shadow] = 1;
    this.#unsync.push(shadow);
  }

  /** The shadow is given up. */
  forget(shadow: number): void {
    if (this.#shadows.isUnsync[shadow] === 1) this.#meter.countMany(MMU_UNSYNC, -1);
  }

  /** Before a root is used again, what is out of sync below its shadow is brought into step and write-protected. */
  synchronize(root: number): void {
    for (let i = this.#unsync.length - 1; i >= 0; i--) {
      const shadow = this.#unsync[i];
      const isUnsync = this.#shadows.isUnsync[shadow] === 1;
      if (isUnsync && !this.#shadows.links.isBelow(shadow, root)) continue;
      this.#unsync.splice(i, 1);
      if (!isUnsync) continue;
      this.forget(shadow);
      this.#shadows.isUnsync[shadow] = 0;
      this.syncEntries(shadow);
    }
  }

  /**
   * Before a shadow is linked, since the guest need not flush when an entry becomes present (FNAME(fetch)): a lowest one that
   * is out of sync may still be written, what is out of sync below an upper one may not.
   */
  bringIntoStep(shadow: number): void {
    if (this.#shadows.level(shadow) > 0) this.synchronize(shadow);
    else if (this.#shadows.isUnsync[shadow] === 1) this.syncEntries(shadow);
  }

  /** Every entry that is there is made anew from the guest's, whether that has changed or not (FNAME(sync_page)). */
  syncEntries(shadow: number): void {
    const { memory } = this.#shadows;
    const table = this.#shadows.guestTable(shadow);
    const isTable = this.#guest.isTable(table);
    this.#meter.spend(SYNC, this.#costs.syncTable);
    for (let index = 0; index < memory.entriesPerTable; index++) {
      const before = memory.read(shadow, index);
      if ((before & Pte.Present) === 0) continue;
      const entry = isTable ? this.shadowEntry(this.#guest.read(table, index)) : 0;
      const isKept = entry !== 0 && frameOf(entry) === frameOf(before);
      this.#meter.spend(SYNC, this.#costs.syncEntry);
      memory.write(shadow, index, isKept ? entry : 0);
    }
  }

  /** The entry of a page is made anew in the table out of sync that a walk from a root's shadow comes to (FNAME(invlpg)). */
  refresh(page: number, root: number): void {
    const { memory } = this.#shadows;
    let shadow = root;
    for (let level = memory.format.levels - 1; level > 0 && shadow !== -1; level--) {
      const entry = memory.read(shadow, memory.indexAt(page, level));
      shadow = (entry & Pte.Present) === 0 ? -1 : frameOf(entry);
    }
    if (shadow === -1 || this.#shadows.isUnsync[shadow] === 0) return;
    const index = memory.indexAt(page, 0);
    const table = this.#shadows.guestTable(shadow);
    if ((memory.read(shadow, index) & Pte.Present) !== 0) this.#meter.spend(REFRESH, this.#costs.zapEntry);
    const entry = this.#guest.isTable(table) ? this.shadowEntry(this.#guest.read(table, index)) : 0;
    if (entry !== 0) this.#meter.spend(REFRESH, this.#costs.prefetch);
    memory.write(shadow, index, entry);
  }

  /** Entries of an aligned group that are in use, up to the first that is not, beside the one of a fault (FNAME(pte_prefetch)). */
  prefetch(shadow: number, index: number): void {
    const { memory } = this.#shadows;
    const table = this.#shadows.guestTable(shadow);
    const first = index - (index % PREFETCH_GROUP);
    for (let next = first; next < first + PREFETCH_GROUP; next++) {
      if ((memory.read(shadow, next) & Pte.Present) !== 0) continue;
      const entry = this.shadowEntry(this.#guest.read(table, next));
      if (entry === 0) return;
      this.#meter.spend(PREFETCH, this.#costs.prefetch);
      memory.write(shadow, next, entry);
    }
  }

  /** Nothing before the page has been accessed, no writing before it is dirty: the guest would miss those bits. */
  shadowEntry(entry: number): number {
    if ((entry & Pte.Present) === 0 || (entry & Pte.Accessed) === 0) return 0;
    const writable = (entry & Pte.Writable) !== 0 && (entry & Pte.Dirty) !== 0;
    const kept = entry & (Pte.Present | Pte.User | Pte.Dirty | Pte.Global);
    return entryOf(this.#machineFrames[frameOf(entry)], writable ? kept | Pte.Writable : kept);
  }
}
