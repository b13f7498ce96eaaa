/** The hardware half of address translation: the TLB, and the walk of the page tables that the base register points to. */
import { cause } from "../core/ledger.ts";
import type { Meter } from "./meter.ts";
import { Pte } from "./page-tables.ts";
import type { PageTableMemory } from "./page-tables.ts";
import { primitiveCost } from "./profile.ts";
import type { MachineProfile } from "./profile.ts";
import type { Tlb } from "./tlb.ts";

/** {@link PageWalker.translate}: the tables don't allow the access. */
export const NOT_TRANSLATED = -1;

export const TLB_MISS = cause("hardware.tlb-miss");
const TLB_FLUSH = cause("hardware.tlb-flush");
const TRAP = cause("hardware.trap");
const WRITABLE_AND_DIRTY = Pte.Writable | Pte.Dirty;

export class PageWalker {
  readonly #tables: PageTableMemory;
  readonly #tlb: Tlb;
  readonly #meter: Meter;
  readonly #walkCycles: number;
  readonly #trapCycles: number;
  readonly #flushCycles: number;
  readonly #invalidateCycles: number;
  /** The frame of the root table. */
  root = 0;

  constructor(tables: PageTableMemory, tlb: Tlb, meter: Meter, profile: MachineProfile) {
    this.#tables = tables;
    this.#tlb = tlb;
    this.#meter = meter;
    this.#walkCycles = tables.format.levels * primitiveCost(profile, "hardware.page-walk-level");
    this.#trapCycles = primitiveCost(profile, "hardware.trap");
    this.#flushCycles = primitiveCost(profile, "hardware.tlb-flush");
    this.#invalidateCycles = primitiveCost(profile, "hardware.tlb-invalidate");
  }

  /** The frame a page translates to, or {@link NOT_TRANSLATED}: {@link raiseFault} follows. Sets accessed and dirty bits. */
  translate(page: number, write: boolean): number {
    const slot = this.#tlb.lookup(page);
    if (slot !== -1) {
      const entry = this.#tlb.entries[slot];
      if (!write || (entry & WRITABLE_AND_DIRTY) === WRITABLE_AND_DIRTY) return entry >>> 8;
    }
    return this.#walk(page, write);
  }

  /** The page-fault exception: round trip to whoever handles it. */
  raiseFault(): void {
    this.#meter.spend(TRAP, this.#trapCycles);
  }

  /** Load the page-table base: drops all but global translations. */
  loadRoot(root: number): void {
    this.root = root;
    this.flush();
  }

  flush(): void {
    this.#tlb.flush();
    this.#meter.spend(TLB_FLUSH, this.#flushCycles);
  }

  invalidate(page: number): void {
    this.#tlb.invalidate(page);
    this.#meter.spend(TLB_FLUSH, this.#invalidateCycles);
  }

  #walk(page: number, write: boolean): number {
    this.#meter.spend(TLB_MISS, this.#walkCycles);
    const position = this.#tables.walk(this.root, page);
    if (position === -1) return NOT_TRANSLATED;
    const words = this.#tables.words;
    const entry = words[position];
    if ((entry & Pte.Present) === 0 || (write && (entry & Pte.Writable) === 0)) return NOT_TRANSLATED;
    words[position] = entry | (write ? Pte.Accessed | Pte.Dirty : Pte.Accessed);
    this.#tlb.insert(page, words[position]);
    return entry >>> 8;
  }
}
