/**
 * The table of page sharing (Waldspurger 2002, section 4.2): by content hash, either a shared frame or a hint, which says
 * where a page with that content was seen but does not protect it. The arrays grow with the entries in use. If pages are
 * shared within a VM only, each VM has hash chains of its own, so that a scan of one stays in few cache lines.
 */
import { copyInto, lengthFor } from "../../core/copy-into.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import { PAGE_BYTES } from "../../machine/page.ts";
import { type VmMemory, vmOfPage } from "../host-memory/vm-memory.ts";

export const NO_ENTRY = -1;
const UNUSED = -(2 ** 31);
const FIRST_BUCKETS = 256;
/** Machine memory of an entry in the modelled VMM (Waldspurger 2002, section 4.2). */
const ENTRY_BYTES = 16;
/** Enough to find stale hints where there are some, few enough not to be felt where there are none. */
const ENTRIES_LOOKED_AT = 16;

export class FrameTable {
  /** Machine memory the table takes: one entry for each machine frame of VMs. */
  readonly overheadPages: number;
  /** Entries in use: shared frames and hints. */
  entries = 0;
  readonly #memory: HostMemory;
  readonly #hashBits: number;
  /** Most entries there can be. */
  readonly #most: number;
  /** First entries of the hash chains: of each VM's, or one array for all VMs. A power of two of each. */
  readonly #buckets: Int32Array[] = [];
  /** Entries in the chains of each of {@link #buckets}. */
  readonly #chained: number[] = [];
  #next = new Int32Array(0);
  #key = new Uint32Array(0);
  /** Page of a hint, numbered through all VMs; -1 - MPN of a shared frame; or UNUSED. */
  #page = new Int32Array(0);
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
    const buckets = this.#bucketsOf(vm);
    return this.#match(buckets[bucketOf(key, buckets)], key);
  }

  /** The one after it in the same chain. */
  next(entry: number, key: number): number {
    return this.#match(this.#next[entry], key);
  }

  isShared(entry: number): boolean {
    return this.#page[entry] < 0;
  }

  sharedFrame(entry: number): number {
    return -1 - this.#page[entry];
  }

  /** The page of a hint, numbered through all VMs. */
  hintPage(entry: number): number {
    return this.#page[entry];
  }

  /** Whether the hint's page is still there, unshared, with a content of that hash. */
  isValidHint(entry: number, key: number): boolean {
    const page = this.#page[entry];
    const vm = vmOfPage(this.#memory.vms, page);
    const mpn = vm.backing[page - vm.firstPage];
    if (mpn < 0 || this.#memory.frames.isShared(mpn)) return false;
    return this.keyOf(this.#memory.frames.content[mpn]) === key;
  }

  addHint(key: number, vm: VmMemory, ppn: number): void {
    const entry = this.#newEntry();
    // Full of valid entries: the page goes without a hint until its next visit.
    if (entry === NO_ENTRY) return;
    const buckets = this.#bucketsWithRoom(vm.index);
    this.#key[entry] = key;
    this.#page[entry] = vm.firstPage + ppn;
    this.#putFirst(entry, buckets);
    this.entries++;
  }

  replaceHint(entry: number, vm: VmMemory, ppn: number): void {
    this.#page[entry] = vm.firstPage + ppn;
  }

  makeShared(entry: number, mpn: number): void {
    this.#page[entry] = -1 - mpn;
  }

  /** Remove the entry of a shared frame that a VM maps. Its content must still be what it was when it was shared. */
  removeShared(mpn: number, vm: number): void {
    const buckets = this.#bucketsOf(vm);
    let entry = buckets[bucketOf(this.keyOf(this.#memory.frames.content[mpn]), buckets)];
    while (this.#page[entry] !== -1 - mpn) entry = this.#next[entry];
    this.#remove(entry, vm);
  }

  /** An entry to fill, or NO_ENTRY. */
  #newEntry(): number {
    if (this.#freeEntry === NO_ENTRY && this.#used < this.#most) {
      if (this.#used === this.#page.length) this.#grow();
      return this.#used++;
    }
    if (this.#freeEntry === NO_ENTRY) this.#dropStaleHint();
    const entry = this.#freeEntry;
    if (entry !== NO_ENTRY) this.#freeEntry = this.#next[entry];
    return entry;
  }

  #grow(): void {
    const capacity = lengthFor(this.#used + 1, this.#used, this.#most);
    this.#next = copyInto(this.#next, new Int32Array(capacity));
    this.#key = copyInto(this.#key, new Uint32Array(capacity));
    this.#page = copyInto(this.#page, new Int32Array(capacity));
  }

  #bucketsOf(vm: number): Int32Array {
    const space = this.#interVm ? 0 : vm;
    while (this.#buckets.length <= space) {
      this.#buckets.push(new Int32Array(FIRST_BUCKETS).fill(NO_ENTRY));
      this.#chained.push(0);
    }
    return this.#buckets[space];
  }

  /** Buckets of a VM that is about to have one more entry: twice as many when there are two entries for each. */
  #bucketsWithRoom(vm: number): Int32Array {
    const buckets = this.#bucketsOf(vm);
    const space = this.#interVm ? 0 : vm;
    if (this.#chained[space]++ === 2 * buckets.length) this.#buckets[space] = this.#spread(buckets);
    return this.#buckets[space];
  }

  /** Twice as many buckets with the same entries. Chains are rebuilt from their old ends, so that their order stays. */
  #spread(old: Int32Array): Int32Array {
    const buckets = new Int32Array(2 * old.length).fill(NO_ENTRY);
    for (const head of old) {
      let reversed = NO_ENTRY;
      for (let entry = head; entry !== NO_ENTRY; ) {
        const next = this.#next[entry];
        this.#next[entry] = reversed;
        reversed = entry;
        entry = next;
      }
      while (reversed !== NO_ENTRY) {
        const next = this.#next[reversed];
        this.#putFirst(reversed, buckets);
        reversed = next;
      }
    }
    return buckets;
  }

  #putFirst(entry: number, buckets: Int32Array): void {
    const bucket = bucketOf(this.#key[entry], buckets);
    this.#next[entry] = buckets[bucket];
    buckets[bucket] = entry;
  }

  /** A clock hand over the entries frees the first stale hint it meets, so that a full table is never searched whole. */
  #dropStaleHint(): void {
    for (let looked = 0; looked < ENTRIES_LOOKED_AT; looked++) {
      const entry = this.#hand;
      this.#hand = (entry + 1) % this.#most;
      const page = this.#page[entry];
      if (page < 0 || this.isValidHint(entry, this.#key[entry])) continue;
      return this.#remove(entry, vmOfPage(this.#memory.vms, page).index);
    }
  }

  /** Take an entry that a VM finds out of its chain. */
  #remove(entry: number, vm: number): void {
    const buckets = this.#bucketsOf(vm);
    const bucket = bucketOf(this.#key[entry], buckets);
    if (buckets[bucket] === entry) buckets[bucket] = this.#next[entry];
    else {
      let before = buckets[bucket];
      while (this.#next[before] !== entry) before = this.#next[before];
      this.#next[before] = this.#next[entry];
    }
    this.#chained[this.#interVm ? 0 : vm]--;
    this.entries--;
    this.#page[entry] = UNUSED;
    this.#next[entry] = this.#freeEntry;
    this.#freeEntry = entry;
  }

  #match(from: number, key: number): number {
    let entry = from;
    while (entry !== NO_ENTRY && this.#key[entry] !== key) entry = this.#next[entry];
    return entry;
  }
}

function bucketOf(key: number, buckets: Int32Array): number {
  return key & (buckets.length - 1);
}
