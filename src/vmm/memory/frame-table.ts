/**
 * The table of page sharing (Waldspurger 2002, section 4.2): by content hash, either a shared frame or a hint, which says
 * where a page with that content was seen but does not protect it.
 */
import { arithmeticSequence } from "../../core/arithmetic-sequence.ts";
import { FrameState } from "../../machine/frames.ts";
import type { HostMemory } from "../host-memory.ts";
import { PAGE_BYTES } from "../../machine/page.ts";

export const NO_ENTRY = -1;
const SHARED = -1;
const UNUSED = -2;
/** Machine memory of an entry in the modelled VMM (Waldspurger 2002, section 4.2). */
const ENTRY_BYTES = 16;
/** Enough to find stale hints where there are some, few enough not to be felt where there are none. */
const ENTRIES_LOOKED_AT = 16;

export class FrameTable {
  /** Machine memory the table takes: one entry for each machine frame of VMs. */
  readonly overheadPages: number;
  readonly #memory: HostMemory;
  readonly #hashBits: number;
  readonly #buckets: Int32Array;
  readonly #next: Int32Array;
  readonly #key: Uint32Array;
  readonly #group: Int32Array;
  /** Index of the hint's VM, SHARED, or UNUSED. */
  readonly #vm: Int32Array;
  /** PPN of a hint, MPN of a shared frame. */
  readonly #page: Int32Array;
  #freeEntry = 0;
  #hand = 0;

  constructor(memory: HostMemory, hashBits: number) {
    const entries = memory.frames.forVms;
    this.overheadPages = Math.ceil((entries * ENTRY_BYTES) / PAGE_BYTES);
    this.#memory = memory;
    this.#hashBits = hashBits;
    this.#buckets = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(2, entries)))).fill(NO_ENTRY);
    this.#next = arithmeticSequence(entries, 1, 1);
    if (entries > 0) this.#next[entries - 1] = NO_ENTRY;
    this.#key = new Uint32Array(entries);
    this.#group = new Int32Array(entries);
    this.#vm = new Int32Array(entries).fill(UNUSED);
    this.#page = new Int32Array(entries);
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

  first(key: number, group: number): number {
    return this.#match(this.#buckets[this.#bucketOf(key)], key, group);
  }

  next(entry: number, key: number, group: number): number {
    return this.#match(this.#next[entry], key, group);
  }

  isShared(entry: number): boolean {
    return this.#vm[entry] === SHARED;
  }

  sharedFrame(entry: number): number {
    return this.#page[entry];
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

  addHint(key: number, group: number, vm: number, ppn: number): void {
    if (this.#freeEntry === NO_ENTRY) this.#dropStaleHint();
    const entry = this.#freeEntry;
    // Full of valid entries: the page goes without a hint until its next visit.
    if (entry === NO_ENTRY) return;
    this.#freeEntry = this.#next[entry];
    const bucket = this.#bucketOf(key);
    this.#key[entry] = key;
    this.#group[entry] = group;
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
    this.#vm[entry] = SHARED;
    this.#page[entry] = mpn;
  }

  /** Remove the entry of a shared frame. Its content must still be what it was when it was shared. */
  removeShared(mpn: number): void {
    const bucket = this.#bucketOf(this.keyOf(this.#memory.frames.content[mpn]));
    let before = NO_ENTRY;
    let entry = this.#buckets[bucket];
    while (this.#vm[entry] !== SHARED || this.#page[entry] !== mpn) {
      before = entry;
      entry = this.#next[entry];
    }
    this.#remove(entry, before, bucket);
  }

  /** A clock hand over the entries frees the first stale hint it meets, so that a full table is never searched whole. */
  #dropStaleHint(): void {
    for (let looked = 0; looked < ENTRIES_LOOKED_AT; looked++) {
      const entry = this.#hand;
      this.#hand = (entry + 1) % this.#vm.length;
      const isHint = this.#vm[entry] >= 0;
      if (isHint && !this.isValidHint(entry, this.#key[entry])) return this.#unlink(entry);
    }
  }

  #unlink(entry: number): void {
    const bucket = this.#bucketOf(this.#key[entry]);
    let before = NO_ENTRY;
    for (let at = this.#buckets[bucket]; at !== entry; at = this.#next[at]) before = at;
    this.#remove(entry, before, bucket);
  }

  #remove(entry: number, before: number, bucket: number): void {
    if (before === NO_ENTRY) this.#buckets[bucket] = this.#next[entry];
    else this.#next[before] = this.#next[entry];
    this.#vm[entry] = UNUSED;
    this.#next[entry] = this.#freeEntry;
    this.#freeEntry = entry;
  }

  #match(from: number, key: number, group: number): number {
    let entry = from;
    while (entry !== NO_ENTRY && (this.#key[entry] !== key || this.#group[entry] !== group)) entry = this.#next[entry];
    return entry;
  }

  #bucketOf(key: number): number {
    return key & (this.#buckets.length - 1);
  }
}
