/**
 * A set-associative TLB with least-recently-used replacement. It holds the page-table entries that map pages by virtual page,
 * small and large ones side by side, as Intel's NetBurst and the second level of later processors do; that others have places
 * apart for large pages, 8 on the Pentium III, is not modelled.
 */
import { Pte } from "./page-tables.ts";

/** No virtual page has this number: the topmost page of the 32-bit range is never mapped. */
const EMPTY = 0xffffffff;
const MISS = -1;
/** Large pages are numbered from here on: no program has small pages there. */
const LARGE = 0x8000_0000;
/** {@link Tlb.translate}: the tables have to be walked. */
export const NOT_IN_TLB = -1;
/** An entry with neither of these is the kernel's own, and goes where user code is gone to. */
const GLOBAL_OR_USER = Pte.Global | Pte.User;
const WRITABLE_AND_DIRTY = Pte.Writable | Pte.Dirty;
/** Size of the table that remembers where a page was last found; a power of two. */
const HINTS = 1024;

export class Tlb {
  readonly #sets: number;
  readonly #ways: number;
  readonly #pages: Uint32Array;
  readonly #stamps: Float64Array;
  readonly #hints = new Uint16Array(HINTS);
  /** Slots that may hold the kernel's own entries, each once: what {@link flushKernel} has to look at. */
  readonly #kernelSlots: Uint16Array;
  readonly #isKernelSlot: Uint8Array;
  #kernelCount = 0;
  /** Entries by slot, as returned by {@link lookup}. */
  readonly entries: Uint32Array;
  /** How often {@link flushAll} or {@link forgetWalks} was called: what caches parts of walks follows. */
  flushes = 0;
  /** Translations for fetching instructions, which the processor keeps apart and drops together with the others. */
  readonly instructions: Tlb | undefined;
  #clock = 0;
  /** A large page is 2 to this power of small ones; 0: none has ever been held. */
  #largeShift = 0;

  /** `entries / ways` sets, which must be a power of two; at most 65536 entries. */
  constructor(entries: number, ways: number, instructions?: Tlb) {
    this.#sets = entries / ways;
    this.#ways = ways;
    this.instructions = instructions;
    if (!Number.isInteger(Math.log2(this.#sets)))
      throw new RangeError(`${entries} entries of ${ways} ways: sets must be a power of two`);
    this.#pages = new Uint32Array(entries).fill(EMPTY);
    this.#stamps = new Float64Array(entries);
    this.entries = new Uint32Array(entries);
    this.#kernelSlots = new Uint16Array(entries);
    this.#isKernelSlot = new Uint8Array(entries);
  }

  /** Slot that holds a page, or -1. A hit makes the page the most recently used one of its set. */
  lookup(page: number): number {
    const hint = this.#hints[page & (HINTS - 1)];
    if (this.#pages[hint] === page) {
      this.#stamps[hint] = ++this.#clock;
      return hint;
    }
    return this.#search(page);
  }

  /** Frame of a page, as far as what is held allows the access, or {@link NOT_IN_TLB}. */
  translate(page: number, write: boolean): number {
    const slot = this.lookup(page);
    if (slot === MISS) return this.#largeShift === 0 ? NOT_IN_TLB : this.#translateLarge(page, write);
    return frameFor(this.entries[slot], write);
  }

  #translateLarge(page: number, write: boolean): number {
    const slot = this.lookup(LARGE + (page >>> this.#largeShift));
    const first = slot === MISS ? NOT_IN_TLB : frameFor(this.entries[slot], write);
    return first === NOT_IN_TLB ? NOT_IN_TLB : first + (page & ((1 << this.#largeShift) - 1));
  }

  /** Put a page in, in place of its older entry or of the least recently used one of the set. */
  insert(page: number, entry: number): void {
    const slot = this.#slotFor(page);
    this.#pages[slot] = page;
    this.entries[slot] = entry;
    this.#stamps[slot] = ++this.#clock;
    this.#hints[page & (HINTS - 1)] = slot;
    if ((entry & GLOBAL_OR_USER) === 0 && this.#isKernelSlot[slot] === 0) {
      this.#isKernelSlot[slot] = 1;
      this.#kernelSlots[this.#kernelCount++] = slot;
    }
  }

  /** Put in the large page around a page, of 2 to the power of `shift` small ones, which all large pages have. */
  insertLarge(page: number, shift: number, entry: number): void {
    this.#largeShift = shift;
    this.insert(LARGE + (page >>> shift), entry);
  }

  /** Drop a page, and the large page around it. */
  invalidate(page: number): void {
    const slot = this.#search(page);
    if (slot !== MISS) this.#clear(slot);
    const large = this.#largeShift === 0 ? MISS : this.#search(LARGE + (page >>> this.#largeShift));
    if (large !== MISS) this.#clear(large);
  }

  /** Drop everything but global pages (what writing the page-table base does). */
  flush(): void {
    this.instructions?.flush();
    for (let slot = 0; slot < this.#pages.length; slot++) {
      if ((this.entries[slot] & Pte.Global) === 0) this.#clear(slot);
    }
  }

  /** Drop what is neither user code's nor global: where a hypervisor has made user pages global, the base written takes no others. */
  flushKernel(): void {
    this.instructions?.flushKernel();
    for (let at = 0; at < this.#kernelCount; at++) {
      const slot = this.#kernelSlots[at];
      this.#isKernelSlot[slot] = 0;
      // Another entry may have taken the place meanwhile.
      if ((this.entries[slot] & GLOBAL_OR_USER) === 0) this.#clear(slot);
    }
    this.#kernelCount = 0;
  }

  /** Drop everything, as a change between guest and VMM does without address-space tags. */
  flushAll(): void {
    this.instructions?.flushAll();
    this.flushes += 1;
    this.#pages.fill(EMPTY);
    this.#stamps.fill(0);
    this.entries.fill(0);
  }

  /** The page-table base is written, and all that is held is global: it stays, but nothing that is cached of upper levels. */
  forgetWalks(): void {
    this.flushes += 1;
  }

  #search(page: number): number {
    const pages = this.#pages;
    const first = (page & (this.#sets - 1)) * this.#ways;
    const end = first + this.#ways;
    for (let slot = first; slot < end; slot++) {
      if (pages[slot] !== page) continue;
      this.#stamps[slot] = ++this.#clock;
      this.#hints[page & (HINTS - 1)] = slot;
      return slot;
    }
    return MISS;
  }

  /** Where a page is, or else the least recently used slot of its set. */
  #slotFor(page: number): number {
    const pages = this.#pages;
    const stamps = this.#stamps;
    const first = (page & (this.#sets - 1)) * this.#ways;
    const end = first + this.#ways;
    let oldest = first;
    let oldestStamp = stamps[first];
    for (let slot = first; slot < end; slot++) {
      if (pages[slot] === page) return slot;
      const stamp = stamps[slot];
      if (stamp < oldestStamp) {
        oldest = slot;
        oldestStamp = stamp;
      }
    }
    return oldest;
  }

  #clear(slot: number): void {
    this.#pages[slot] = EMPTY;
    this.entries[slot] = 0;
    this.#stamps[slot] = 0;
  }
}

/** The first write of a page walks, too: the entry has to become dirty. */
function frameFor(entry: number, write: boolean): number {
  return !write || (entry & WRITABLE_AND_DIRTY) === WRITABLE_AND_DIRTY ? entry >>> 8 : NOT_IN_TLB;
}
