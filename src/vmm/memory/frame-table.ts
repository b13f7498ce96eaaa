/**
 * The table of page sharing (Waldspurger 2002, section 4.2): by content hash, either a shared frame or a hint, which says
 * where a page with that content was seen but does not protect it. The arrays grow with the entries in use.
 */
import { copyInto } from "../../core/copy-into.ts";
import { FrameState } from "../../machine/frames.ts";
import type { HostMemory } from "../host-memory.ts";
import { PAGE_BYTES } from "../../machine/page.ts";

export const NO_ENTRY = -1;
const UNUSED = -(2 ** 31);
const FIRST_CAPACITY = 1024;
/** 2^32 over the golden ratio (Knuth 1973, section 6.4): spreads the VMs that have a content over the buckets. */
const SALT = 0x9e37_79b1;
/** Machine memory of an entry in the modelled VMM (Waldspurger 2002, section 4.2). */
const ENTRY_BYTES = 16;
/** Enough to find stale hints where there are some, few enough not to be felt where there are none. */
const ENTRIES_LOOKED_AT = 16;

export class FrameTable {
  /** Machine memory the table takes: one entry for each machine frame of VMs. */
  readonly overheadPages: number;
  readonly #memory: HostMemory;
  readonly #hashBits: number;
  /** Most entries there can be. */
  readonly #most: number;
  #buckets = new Int32Array(FIRST_CAPACITY).fill(NO_ENTRY);
  #next = new Int32Array(FIRST_CAPACITY);
  #key = new Uint32Array(FIRST_CAPACITY);
  /** Index of a hint's VM; if pages are shared within a VM only, that of a shared frame's, too. */
  #vm = new Uint16Array(FIRST_CAPACITY);
  /** PPN of a hint, -1 - MPN of a shared frame, or UNUSED. */
  #page = new Int32Array(FIRST_CAPACITY);
  /** Entries that have been in use; those of them that are free are linked, the one freed last first. */
  #used = 0;
  #freeEntry = NO_ENTRY;
  #hand = 0;

  readonly #interVm: boolean;

  /** `interVm`: entries are for all VMs. Otherwise the hash is salted and each VM finds its own only. */
  constructor(memory: HostMemory, hashBits: number, interVm: boolean) {
    this.#most = memory.frames.forVms;
    this.overheadPages = Math.ceil((this.#most * ENTRY_BYTES) / PAGE_BYTES);
    this.#memory = memory;
    this.#hashBits = hashBits;
    this.#interVm = interVm;
  }

  /** Hash of a content: a permutation of the 32-bit ids (murmur3's finalizer), cut to the bits asked for. */
  keyOf(content: number): number {
    let hash = content ^ (content >>> 16);
    hash = Math.imul(hash, 0x85eb_ca6b);
    hash ^= hash >>> 13;
    hash = Math.imul(hash, 0xc2b2_ae35);
    hash ^= hash >>> 16;
    return hash >>> (32 - this.#hashBits);
  }

  /** The first entry that a VM finds for a key, or NO_ENTRY. */
  first(key: number, vm: number): number {
    return this.#match(this.#buckets[this.#bucketOf(key, vm)], key, vm);
  }

  next(entry: number, key: number, vm: number): number {
    return this.#match(this.#next[entry], key, vm);
  }

  isShared(entry: number): boolean {
    return this.#page[entry] < 0;
  }

  sharedFrame(entry: number): number {
    return -1 - this.#page[entry];
  }

  hintVm(entry: number): number {
    return this.#vm[entry];
  }

  hintPpn(entry: number): number {
    return this.#page[entry];
  }

  /** Whether the hint's page is still there, unshared, with a content of that hash. */
  isValidHint(entry: number, key: number): boolean {
    const mpn = this.#memory.vms[this.#vm[entry]].backing[this.#page[entry]];
    if (mpn < 0 || this.#memory.frames.state[mpn] === FrameState.Shared) return false;
    return this.keyOf(this.#memory.frames.content[mpn]) === key;
  }

  addHint(key: number, vm: number, ppn: number): void {
    const entry = this.#newEntry();
    // Full of valid entries: the page goes without a hint until its next visit.
    if (entry === NO_ENTRY) return;
    const bucket = this.#bucketOf(key, vm);
    this.#key[entry] = key;
    this.#vm[entry] = vm;
    this.#page[entry] = ppn;
    this.#next[entry] = this.#buckets[bucket];
    this.#buckets[bucket] = entry;
  }

  replaceHint(entry: number, vm: number, ppn: number): void {
    this.#vm[entry] = vm;
    this.#page[entry] = ppn;
  }

  makeShared(entry: number, mpn: number): void {
    this.#page[entry] = -1 - mpn;
  }

  /** Remove the entry of a shared frame that a VM maps. Its content must still be what it was when it was shared. */
  removeShared(mpn: number, vm: number): void {
    const bucket = this.#bucketOf(this.keyOf(this.#memory.frames.content[mpn]), vm);
    let before = NO_ENTRY;
    let entry = this.#buckets[bucket];
    while (this.#page[entry] !== -1 - mpn) {
      before = entry;
      entry = this.#next[entry];
    }
    this.#remove(entry, before, bucket);
  }

  /** An entry to fill, or NO_ENTRY. */
  #newEntry(): number {
    if (this.#freeEntry === NO_ENTRY && this.#used < this.#most) {
      if (this.#used === this.#vm.length) this.#grow();
      return this.#used++;
    }
    if (this.#freeEntry === NO_ENTRY) this.#dropStaleHint();
    const entry = this.#freeEntry;
    if (entry !== NO_ENTRY) this.#freeEntry = this.#next[entry];
    return entry;
  }

  /** Twice as many entries and buckets. Chains are rebuilt from their old ends, so that their order stays. */
  #grow(): void {
    const capacity = Math.min(this.#most, 2 * this.#vm.length);
    this.#next = copyInto(this.#next, new Int32Array(capacity));
    this.#key = copyInto(this.#key, new Uint32Array(capacity));
    this.#vm = copyInto(this.#vm, new Uint16Array(capacity));
    this.#page = copyInto(this.#page, new Int32Array(capacity));
    const old = this.#buckets;
    this.#buckets = new Int32Array(2 * old.length).fill(NO_ENTRY);
    for (let bucket = 0; bucket < old.length; bucket++) {
      let reversed = NO_ENTRY;
      for (let entry = old[bucket]; entry !== NO_ENTRY; ) {
        const next = this.#next[entry];
        this.#next[entry] = reversed;
        reversed = entry;
        entry = next;
      }
      while (reversed !== NO_ENTRY) {
        const next = this.#next[reversed];
        const target = this.#bucketOf(this.#key[reversed], this.#vm[reversed]);
        this.#next[reversed] = this.#buckets[target];
        this.#buckets[target] = reversed;
        reversed = next;
      }
    }
  }

  /** A clock hand over the entries frees the first stale hint it meets, so that a full table is never searched whole. */
  #dropStaleHint(): void {
    for (let looked = 0; looked < ENTRIES_LOOKED_AT; looked++) {
      const entry = this.#hand;
      this.#hand = (entry + 1) % this.#most;
      const isHint = this.#page[entry] >= 0;
      if (isHint && !this.isValidHint(entry, this.#key[entry])) return this.#unlink(entry);
    }
  }

  #unlink(entry: number): void {
    const bucket = this.#bucketOf(this.#key[entry], this.#vm[entry]);
    let before = NO_ENTRY;
    for (let at = this.#buckets[bucket]; at !== entry; at = this.#next[at]) before = at;
    this.#remove(entry, before, bucket);
  }

  #remove(entry: number, before: number, bucket: number): void {
    if (before === NO_ENTRY) this.#buckets[bucket] = this.#next[entry];
    else this.#next[before] = this.#next[entry];
    this.#page[entry] = UNUSED;
    this.#next[entry] = this.#freeEntry;
    this.#freeEntry = entry;
  }

  #match(from: number, key: number, vm: number): number {
    let entry = from;
    while (entry !== NO_ENTRY && (this.#key[entry] !== key || !(this.#interVm || this.#vm[entry] === vm))) {
      entry = this.#next[entry];
    }
    return entry;
  }

  #bucketOf(key: number, vm: number): number {
    return (this.#interVm ? key : key ^ Math.imul(vm, SALT)) & (this.#buckets.length - 1);
  }
}
