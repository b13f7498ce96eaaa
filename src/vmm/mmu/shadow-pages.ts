/**
 * Shadow pages as KVM keeps them (arch/x86/kvm/mmu/mmu.c, Linux 6.1): found by the guest page they shadow and the level they
 * shadow it at. They outlive the process whose tables they shadow, until the page is put to another use or they are too
 * many: then the oldest goes.
 */
import { PageTableMemory, Pte } from "../../machine/page-tables.ts";
import type { PageTableFormat } from "../../machine/page-tables.ts";
import type { RecentRoots } from "./recent-roots.ts";
import { ShadowLinks } from "./shadow-links.ts";

const NONE = -1;
/** kvm_mmu_calculate_default_mmu_pages: 20 per mille of the guest's pages, at least 64. */
const SHADOWS_PER_PAGE = 0.02;
const LEAST_SHADOWS = 64;
/** Accesses that a table that stands for a large page may allow: by users or not, writing or not (kvm_mmu_page_role.access). */
const DIRECT_ACCESSES = 4;

export class ShadowPages {
  /** The shadow tables; their frames are numbers within the pool. */
  readonly memory: PageTableMemory;
  readonly links: ShadowLinks;
  /** Out of sync: the guest may write the table without being noticed. Lowest level only. */
  readonly isUnsync: Uint8Array;
  /** Emulated writes since a fault last walked the table. */
  readonly writes: Uint8Array;
  readonly #levels: number;
  readonly #guestPages: number;
  readonly #shadowOf: Int32Array;
  readonly #guestOf: Int32Array;
  readonly #level: Uint8Array;
  readonly #created: Float64Array;
  readonly #free: number[];
  #clock = 0;

  constructor(format: PageTableFormat, guestPages: number) {
    const capacity = Math.max(LEAST_SHADOWS, Math.floor(guestPages * SHADOWS_PER_PAGE));
    this.memory = new PageTableMemory(format, capacity);
    this.links = new ShadowLinks(this.memory, capacity);
    this.isUnsync = new Uint8Array(capacity);
    this.writes = new Uint8Array(capacity);
    this.#levels = format.levels;
    this.#guestPages = guestPages;
    this.#shadowOf = new Int32Array((format.levels + DIRECT_ACCESSES) * guestPages).fill(NONE);
    this.#guestOf = new Int32Array(capacity).fill(NONE);
    this.#level = new Uint8Array(capacity);
    this.#created = new Float64Array(capacity);
    this.#free = Array.from({ length: capacity }, (_, position) => capacity - 1 - position);
  }

  /** The shadow of a guest table as a table of a level, or -1. */
  find(guestTable: number, level: number): number {
    return this.#shadowOf[level * this.#guestPages + guestTable];
  }

  /**
   * What stands for the level of a table of small pages that shadows a large one, by its first frame: such tables are apart by what
   * the entry allows, no writing before it is dirty.
   */
  directLevel(large: number): number {
    const isWritable = (large & Pte.Writable) !== 0 && (large & Pte.Dirty) !== 0;
    return this.#levels + ((large & Pte.User) !== 0 ? 1 : 0) + (isWritable ? 2 : 0);
  }

  /** Whether a page is shadowed as a table above the lowest level: then every write to it is noticed. */
  trackedLevel(guestTable: number): number {
    for (let level = 1; level < this.#levels; level++) if (this.find(guestTable, level) !== NONE) return level;
    return NONE;
  }

  /** All shadows of a page, whatever level it is shadowed at. */
  all(guestTable: number): number[] {
    const levels = Array.from({ length: this.#levels }, (_, level) => this.find(guestTable, level));
    return levels.filter((shadow) => shadow !== NONE);
  }

  /** How many more there is room for. */
  get room(): number {
    return this.#free.length;
  }

  /** The shadow that was made first, roots at hand left out. */
  oldest(roots: RecentRoots): number {
    let oldest = NONE;
    for (let shadow = 0; shadow < this.#created.length; shadow++) {
      if (this.#guestOf[shadow] === NONE || roots.has(this.#guestOf[shadow])) continue;
      if (oldest === NONE || this.#created[shadow] < this.#created[oldest]) oldest = shadow;
    }
    return oldest;
  }

  create(guestTable: number, level: number): number {
    const shadow = this.#free.pop();
    if (shadow === undefined) throw new Error("no shadow page is free");
    this.memory.create(shadow);
    this.#shadowOf[level * this.#guestPages + guestTable] = shadow;
    this.#guestOf[shadow] = guestTable;
    this.#level[shadow] = level;
    this.#created[shadow] = ++this.#clock;
    this.writes[shadow] = 0;
    this.isUnsync[shadow] = 0;
    return shadow;
  }

  guestTable(shadow: number): number {
    return this.#guestOf[shadow];
  }

  level(shadow: number): number {
    return this.#level[shadow];
  }

  /** Empty an entry of an upper shadow; what it referred to stays. False: it was empty. */
  clearLink(upper: number, index: number): boolean {
    const lower = this.links.below(upper, index);
    if (lower === NONE) return false;
    this.links.unlink(lower);
    return true;
  }

  /** Remove a shadow. Returns how many entries it had. */
  zap(shadow: number): number {
    this.links.unlink(shadow);
    const level = this.#level[shadow];
    let present = 0;
    for (let index = 0; index < this.memory.entriesPerTable; index++) {
      if ((this.memory.read(shadow, index) & Pte.Present) === 0) continue;
      present++;
      if (level > 0 && level < this.#levels) this.clearLink(shadow, index);
    }
    this.memory.destroy(shadow);
    this.#shadowOf[level * this.#guestPages + this.#guestOf[shadow]] = NONE;
    this.#guestOf[shadow] = NONE;
    this.isUnsync[shadow] = 0;
    this.#free.push(shadow);
    return present;
  }
}
