/** How small pages become when they are compressed: as measured, or as a page of a real guest would. */
import { copyInto } from "../core/copy-into.ts";
import { PAGE_BYTES } from "./page.ts";

/** Sizes are measured in these units, rounded up. */
const SIZE_UNIT_BYTES = 32;
/**
 * 64 quantiles, in units, of 463,609 pages that are not zero: nine Linux guests of 256 MiB two minutes after the start of
 * their work, zlib deflate level 1 (workloads/data/README.md). 128 and more: the page does not shrink.
 */
const QUANTILES = Uint8Array.from(
  (
    "2 2 2 3 4 7 7 10 11 13 13 14 14 15 17 18 20 21 21 22 23 23 24 25 26 26 27 28 29 30 31 32 33 34 " +
    "35 37 38 40 42 43 45 47 50 52 54 56 59 62 65 69 72 75 77 79 80 82 83 84 86 87 91 113 122 129"
  ).split(" "),
  Number,
);

export class CompressedSizes {
  /** By content id, in units; 0: not measured. */
  #measured = new Uint8Array(0);

  /** Contents whose size was measured: ids (of which none is a common content) and sizes in units, one a page. */
  record(ids: Uint32Array, units: Uint8Array): void {
    const largest = ids.reduce((most, id) => Math.max(most, id), 0);
    if (largest >= this.#measured.length) this.#measured = copyInto(this.#measured, new Uint8Array(largest + 1));
    for (let page = 0; page < Math.min(ids.length, units.length); page++) this.#measured[ids[page]] = units[page];
  }

  /** Bytes of a page with that content once it is compressed; a page of zeros (content 0) takes next to nothing. */
  bytes(content: number): number {
    if (content === 0) return SIZE_UNIT_BYTES;
    const units = content < this.#measured.length ? this.#measured[content] : 0;
    // Of contents made up by the simulation each gets a quantile of its own: a hash that spreads consecutive ids evenly.
    const quantile = Math.imul(content, 0x9e37_79b1) >>> 26;
    return Math.min(PAGE_BYTES, SIZE_UNIT_BYTES * (units > 0 ? units : QUANTILES[quantile]));
  }
}
