/**
 * Page contents as 32-bit ids: equal ids exactly if equal contents. 64-bit fingerprints are interned once, when guests are
 * built, in an open-addressing table on typed arrays; afterwards the simulation compares integers only.
 */

import { CompressedSizes } from "./compressed-sizes.ts";

/** The page of zeros. */
export const ZERO_CONTENT = 0;

/** The id of no content. */
export const NO_CONTENT = 0xffff_ffff;

/** XXH64, seed 0, of 4096 zero bytes: what fingerprint files call the zero page. */
export const ZERO_PAGE_FINGERPRINT = 0xac869b6f32d8bbdbn;

/** Ids from here on are common contents: the same number in every guest. */
const COMMON_BASE = 0x8000_0000;
/** And from here on, pages of the disk image behind all guests. */
const IMAGE_BASE = 0xc000_0000;

export class ContentIds {
  readonly compressed = new CompressedSizes();
  #next = 1;
  #capacity = 1 << 16;
  #used = 0;
  #low = new Uint32Array(this.#capacity);
  #high = new Uint32Array(this.#capacity);
  /** 0: empty slot (the zero page never enters the table). */
  #id = new Uint32Array(this.#capacity);

  /** No more fingerprints will come: what tells equal ones takes no memory from now on. */
  endInterning(): void {
    this.#capacity = 0;
    this.#low = new Uint32Array(0);
    this.#high = new Uint32Array(0);
    this.#id = new Uint32Array(0);
  }

  /** A content that occurs nowhere else. */
  unique(): number {
    return this.#next++;
  }

  /** The content with the given number, the same in every guest. */
  common(number: number): number {
    return COMMON_BASE + number;
  }

  /** A page of the disk image that all guests were installed from. */
  ofImage(page: number): number {
    return IMAGE_BASE + page;
  }

  /** Ids of 64-bit fingerprints, in the same order. */
  internAll(fingerprints: BigUint64Array): Uint32Array {
    if (this.#capacity === 0) throw new Error("fingerprints can be interned only until endInterning()");
    const words = new Uint32Array(fingerprints.buffer, fingerprints.byteOffset, fingerprints.length * 2);
    const ids = new Uint32Array(fingerprints.length);
    const zeroLow = Number(ZERO_PAGE_FINGERPRINT & 0xffff_ffffn);
    const zeroHigh = Number(ZERO_PAGE_FINGERPRINT >> 32n);
    for (let page = 0; page < ids.length; page++) {
      const low = words[2 * page];
      const high = words[2 * page + 1];
      ids[page] = low === zeroLow && high === zeroHigh ? ZERO_CONTENT : this.#intern(low, high);
    }
    return ids;
  }

  #intern(low: number, high: number): number {
    if (this.#used * 2 >= this.#capacity) this.#grow();
    const slot = this.#slotOf(low, high);
    if (this.#id[slot] === 0) {
      this.#low[slot] = low;
      this.#high[slot] = high;
      this.#id[slot] = this.#next++;
      this.#used++;
    }
    return this.#id[slot];
  }

  /** The slot that holds the fingerprint, or the empty one where it belongs. */
  #slotOf(low: number, high: number): number {
    const mask = this.#capacity - 1;
    let slot = (Math.imul(low, 0x9e37_79b1) ^ high) & mask;
    while (this.#id[slot] !== 0 && (this.#low[slot] !== low || this.#high[slot] !== high)) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const [low, high, id] = [this.#low, this.#high, this.#id];
    this.#capacity *= 2;
    this.#low = new Uint32Array(this.#capacity);
    this.#high = new Uint32Array(this.#capacity);
    this.#id = new Uint32Array(this.#capacity);
    for (let old = 0; old < id.length; old++) {
      if (id[old] === 0) continue;
      const slot = this.#slotOf(low[old], high[old]);
      this.#low[slot] = low[old];
      this.#high[slot] = high[old];
      this.#id[slot] = id[old];
    }
  }
}
