/** The hardware half of address translation: the TLB, and the walk of the page tables that the base register points to. */
import { cause, event } from "../core/ledger.ts";
import { type FaultAddress, NO_PAGE } from "./fault-address.ts";
import type { Meter } from "./meter.ts";
import { frameOf, isLarge, Pte } from "./page-tables.ts";
import type { PageTableMemory } from "./page-tables.ts";
import { NOT_CACHED, PageWalkCache } from "./page-walk-cache.ts";
import { primitiveCost } from "./profile.ts";
import type { MachineProfile } from "./profile.ts";
import { NOT_IN_TLB } from "./tlb.ts";
import type { Tlb } from "./tlb.ts";

/** {@link PageWalker.translate}: the tables don't allow the access. */
export const NOT_TRANSLATED = -1;

export const TLB_MISS = cause("hardware.tlb-miss");
/** References to page-table entries in walks; their cycles are charged to {@link TLB_MISS}. */
export const WALK_REFERENCE = event("page-walk-reference");
const TLB_FLUSH = cause("hardware.tlb-flush");
const TRAP = cause("hardware.trap");

/** What a walker has in common with the rest of its processor. */
export interface PagingHardware {
  readonly profile: MachineProfile;
  readonly meter: Meter;
  readonly tlb: Tlb;
  readonly faultAddress: FaultAddress;
}

export class PageWalker {
  protected readonly tables: PageTableMemory;
  protected readonly tlb: Tlb;
  protected readonly cache: PageWalkCache;
  readonly #meter: Meter;
  readonly #referenceCycles: number;
  readonly #trapCycles: number;
  readonly #flushCycles: number;
  readonly #invalidateCycles: number;
  readonly #faultAddress: FaultAddress;
  #flushesSeen = 0;
  /** The page of the last walk, which is that of a fault if it allowed no access. */
  walkedPage = NO_PAGE;
  /** The frame of the root table. */
  root = 0;

  constructor(tables: PageTableMemory, { profile, meter, tlb, faultAddress }: PagingHardware) {
    this.tables = tables;
    this.cache = new PageWalkCache(tables.format, profile.pageWalkCache?.entries ?? 0);
    this.tlb = tlb;
    this.#meter = meter;
    this.#faultAddress = faultAddress;
    this.#referenceCycles = primitiveCost(profile, "hardware.page-walk-level");
    this.#trapCycles = primitiveCost(profile, "hardware.trap");
    this.#flushCycles = primitiveCost(profile, "hardware.tlb-flush");
    this.#invalidateCycles = primitiveCost(profile, "hardware.tlb-invalidate");
  }

  /** The frame a page translates to, or {@link NOT_TRANSLATED}: {@link raiseFault} follows. Sets accessed and dirty bits. */
  translate(page: number, write: boolean): number {
    const frame = this.tlb.translate(page, write);
    if (frame !== NOT_IN_TLB) return frame;
    this.walkedPage = page;
    return this.walk(page, write);
  }

  /** The page-fault exception of the last walk: round trip to whoever handles it. */
  raiseFault(): void {
    this.#faultAddress.page = this.walkedPage;
    this.#meter.spend(TRAP, this.#trapCycles);
  }

  /** Load the page-table base: drops all but global translations. */
  loadRoot(root: number): void {
    this.root = root;
    this.flush();
  }

  flush(): void {
    this.tlb.flush();
    this.cache.flush();
    this.#meter.spend(TLB_FLUSH, this.#flushCycles);
  }

  /** Drop one page's translation, and all that is known of upper levels (Intel SDM vol. 3, section 4.10.4.1). */
  invalidate(page: number): void {
    this.tlb.invalidate(page);
    this.cache.flush();
    this.#meter.spend(TLB_FLUSH, this.#invalidateCycles);
  }

  /**
   * Walk the tables after a TLB miss; what {@link translate} returns. A walk that ends early, where an upper level is not
   * present, is charged as if it went down to the last: the page fault that follows costs a multiple.
   */
  protected walk(page: number, write: boolean): number {
    const known = this.findCached(page);
    const { levels, rootInRegisters } = this.tables.format;
    let level = known === NOT_CACHED ? levels - 1 : known;
    let table = known === NOT_CACHED ? this.root : this.cache.table;
    // The highest level at which an entry is read.
    const first = rootInRegisters ? Math.min(level, levels - 2) : level;
    for (; level > 0; level--) {
      const entry = this.tables.read(table, this.tables.indexAt(page, level));
      if (isLarge(entry, level)) break;
      if ((entry & Pte.Present) === 0) {
        this.chargeWalk(first + 1);
        return NOT_TRANSLATED;
      }
      table = frameOf(entry);
      this.cache.insert(page, level, table);
    }
    this.chargeWalk(first - level + 1);
    const entry = this.useEntry(table, level, page, write);
    if (entry === 0) return NOT_TRANSLATED;
    if (level > 0) {
      this.tlb.insertLarge(page, this.tables.format.bitsPerLevel, entry);
      return frameOf(entry) + this.tables.indexAt(page, 0);
    }
    this.tlb.insert(page, entry);
    return frameOf(entry);
  }

  /** {@link PageWalkCache.find}, of what a TLB that was emptied as a whole has left of the cache: nothing. */
  protected findCached(page: number): number {
    if (this.#flushesSeen !== this.tlb.flushes) {
      this.#flushesSeen = this.tlb.flushes;
      this.cache.flush();
    }
    return this.cache.find(page);
  }

  protected chargeWalk(references: number): void {
    this.#meter.spend(TLB_MISS, references * this.#referenceCycles);
    this.#meter.countMany(WALK_REFERENCE, references);
  }

  /** The entry at the level that maps a page, now accessed, and dirty if written; 0 if it doesn't allow the access. */
  protected useEntry(table: number, level: number, page: number, write: boolean): number {
    const position = this.tables.position(table, this.tables.indexAt(page, level));
    const entry = this.tables.words[position];
    if ((entry & Pte.Present) === 0 || (write && (entry & Pte.Writable) === 0)) return 0;
    const used = (entry | (write ? Pte.Accessed | Pte.Dirty : Pte.Accessed)) >>> 0;
    this.tables.words[position] = used;
    return used;
  }
}
