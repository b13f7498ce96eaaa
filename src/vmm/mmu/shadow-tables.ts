/**
 * The pool of shadow page tables, in memory of the VMM's own: at most one for each page table of the guest, by its frame,
 * and one for each large page, by its first frame plus the guest's number of pages. When the pool is full, the shadow that
 * has not been used for longest goes.
 *
 * A shadow that nothing leads to any more may stay, as in Linux's KVM, which finds it by its table when the guest links that
 * again; or go at once with all below it, as in Xen, which counts what refers to a shadow and makes an exception of roots
 * only: they have to outlast a switch (sh_put_ref, sh_type_is_pinnable, xen/arch/x86/mm/shadow, 3.1).
 */
import { entryOf, frameOf, PageTableMemory, Pte } from "../../machine/page-tables.ts";
import type { PageTableFormat } from "../../machine/page-tables.ts";
import { ShadowLinks } from "./shadow-links.ts";

const NONE = -1;

interface Settings {
  /** How many there may be. */
  readonly shadowTables: number;
  readonly keepsUnlinked: boolean;
}

export class ShadowTables {
  /** Shadow tables; their frames are numbers within the pool. */
  readonly memory: PageTableMemory;
  readonly links: ShadowLinks;
  readonly #shadowOf: Int32Array;
  readonly #guestOf: Int32Array;
  readonly #level: Uint8Array;
  readonly #lastUse: Float64Array;
  readonly #free: number[];
  readonly #machineFrames: Uint32Array;
  readonly #keepsUnlinked: boolean;
  #clock = 0;

  /** `machineFrames`: the machine page behind each guest page. */
  constructor(format: PageTableFormat, machineFrames: Uint32Array, settings: Settings) {
    const { shadowTables: capacity, keepsUnlinked } = settings;
    this.#machineFrames = machineFrames;
    this.#keepsUnlinked = keepsUnlinked;
    this.memory = new PageTableMemory(format, capacity);
    this.links = new ShadowLinks(this.memory, capacity);
    this.#shadowOf = new Int32Array(2 * machineFrames.length).fill(NONE);
    this.#guestOf = new Int32Array(capacity).fill(NONE);
    this.#level = new Uint8Array(capacity);
    this.#lastUse = new Float64Array(capacity);
    this.#free = Array.from({ length: capacity }, (_, position) => capacity - 1 - position);
  }

  /** The shadow of a guest table, or -1. */
  find(guestTable: number): number {
    return this.#shadowOf[guestTable];
  }

  /** Whether a further shadow takes the place of another. */
  get isFull(): boolean {
    return this.#free.length === 0;
  }

  /** The shadow of a guest table, used now; an empty one if there was none. */
  obtain(guestTable: number, level: number): number {
    let shadow = this.#shadowOf[guestTable];
    if (shadow === NONE) {
      if (this.isFull) this.drop(this.#guestOf[this.#leastRecentlyUsed()]);
      shadow = this.#free.pop() as number;
      this.memory.create(shadow);
      this.#shadowOf[guestTable] = shadow;
      this.#guestOf[shadow] = guestTable;
      this.#level[shadow] = level;
    }
    this.#lastUse[shadow] = ++this.#clock;
    return shadow;
  }

  /** Empty an entry of an upper shadow. Returns whether shadows went with it. */
  clearLink(upper: number, index: number): boolean {
    const lower = this.links.below(upper, index);
    if (lower === NONE) return false;
    if (this.#keepsUnlinked) this.links.unlink(lower);
    else this.drop(this.#guestOf[lower]);
    return !this.#keepsUnlinked;
  }

  /** Give up the shadow of a guest table, if it has one, and those below it, if they are not kept. */
  drop(guestTable: number): void {
    const shadow = this.#shadowOf[guestTable];
    if (shadow === NONE) return;
    this.links.unlink(shadow);
    if (this.#level[shadow] > 0) {
      for (let index = 0; index < this.memory.entriesPerTable; index++) this.clearLink(shadow, index);
    }
    this.memory.destroy(shadow);
    this.#shadowOf[guestTable] = NONE;
    this.#guestOf[shadow] = NONE;
    this.#free.push(shadow);
  }

  /**
   * What the shadow of a last-level entry may allow: nothing before the page has been accessed, and no writing before it
   * is dirty, because the guest would miss those bits; and never writing to a traced table.
   */
  leafEntry(entry: number): number {
    if ((entry & Pte.Present) === 0 || (entry & Pte.Accessed) === 0) return 0;
    const frame = frameOf(entry);
    const writable = (entry & Pte.Writable) !== 0 && (entry & Pte.Dirty) !== 0 && this.find(frame) === NONE;
    const kept = entry & (Pte.Present | Pte.User | Pte.Accessed | Pte.Dirty | Pte.Global);
    return entryOf(this.#machineFrames[frame], writable ? kept | Pte.Writable : kept);
  }

  #leastRecentlyUsed(): number {
    let oldest = 0;
    for (let shadow = 1; shadow < this.#lastUse.length; shadow++) {
      if (this.#lastUse[shadow] < this.#lastUse[oldest]) oldest = shadow;
    }
    return oldest;
  }
}
