/**
 * Shadows of a guest's large pages. The host backs the guest by small pages, so that a table of small ones stands for a large
 * one; KVM calls it direct, since there is no table of the guest's behind it (FNAME(fetch), arch/x86/kvm/mmu, Linux 6.1).
 */
import { cause } from "../../core/ledger.ts";
import type { Meter } from "../../machine/meter.ts";
import { frameOf, type PageTableMemory, Pte } from "../../machine/page-tables.ts";
import { smallEntry } from "./guest-walk.ts";
import type { ShadowPages } from "./shadow-pages.ts";
import type { UnsyncCosts } from "./unsync-costs.ts";
import { PREFETCH_GROUP, type UnsyncTables } from "./unsync-tables.ts";

const NEW_SHADOW = cause("vmm.shadow.new-table");
const PREFETCH = cause("vmm.shadow.prefetch");
const NONE = -1;

export class DirectShadows {
  readonly #guest: PageTableMemory;
  readonly #shadows: ShadowPages;
  readonly #tables: UnsyncTables;
  readonly #meter: Meter;
  readonly #costs: UnsyncCosts;

  constructor(guest: PageTableMemory, shadows: ShadowPages, tables: UnsyncTables, meter: Meter, costs: UnsyncCosts) {
    this.#guest = guest;
    this.#shadows = shadows;
    this.#tables = tables;
    this.#meter = meter;
    this.#costs = costs;
  }

  /**
   * Below an entry of an upper shadow: the entry of a page in the table that stands for the large page around it, and what is
   * missing of its aligned group, since all of it is there (__direct_pte_prefetch). Returns whether there was another table for it,
   * which the hardware may remember: one that allows another access (validate_direct_spte).
   */
  fill(large: number, page: number, upper: number, index: number): boolean {
    const { links, memory } = this.#shadows;
    const table = this.#tableOf(large);
    const isOther = !links.isLinked(upper, index, table) && this.#shadows.clearLink(upper, index);
    links.link(upper, index, table);
    memory.write(table, memory.indexAt(page, 0), this.#entry(large, page));
    const first = page - (page % PREFETCH_GROUP);
    for (let next = first; next < first + PREFETCH_GROUP; next++) {
      if ((memory.read(table, memory.indexAt(next, 0)) & Pte.Present) !== 0) continue;
      this.#meter.spend(PREFETCH, this.#costs.prefetch);
      memory.write(table, memory.indexAt(next, 0), this.#entry(large, next));
    }
    return isOther;
  }

  #tableOf(large: number): number {
    const level = this.#shadows.directLevel(large);
    const known = this.#shadows.find(frameOf(large), level);
    if (known !== NONE) return known;
    this.#meter.spend(NEW_SHADOW, this.#costs.newShadow);
    return this.#shadows.create(frameOf(large), level);
  }

  /** KVM's entries are never global: those of a table that is used again would stay in the TLB for long. */
  #entry(large: number, page: number): number {
    const part = smallEntry(this.#guest, large, page) & ~Pte.Global;
    return (this.#tables.shadowEntry(part >>> 0) | Pte.Accessed) >>> 0;
  }
}
