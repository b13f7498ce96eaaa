/**
 * A second-level cache: physically indexed, set-associative, least recently used line replaced. It holds lines by machine
 * frame, so that processes with working sets of their own displace each other's.
 */
import { cause } from "../core/ledger.ts";
import type { Meter } from "./meter.ts";
import { PAGE_BYTES } from "./page.ts";

const LINE_FILL = cause("hardware.cache-line-fill");
const EMPTY = -1;

export interface CacheShape {
  readonly bytes: number;
  readonly ways: number;
  readonly lineBytes: number;
}

export class Cache {
  readonly linesPerPage: number;
  readonly #ways: number;
  /** Pages that lie side by side in the cache: the colours of memory. A power of two. */
  readonly #colours: number;
  /** Lines by set, `frame * linesPerPage + line`, in each set the most recently used one first. */
  readonly #lines: Int32Array;
  readonly #meter: Meter;
  readonly #lineFill: number;

  /** `lineFill`: cycles of a line that has to come from memory. Throws a RangeError unless a way is 2^n pages. */
  constructor({ bytes, ways, lineBytes }: CacheShape, lineFill: number, meter: Meter) {
    this.linesPerPage = PAGE_BYTES / lineBytes;
    this.#ways = ways;
    this.#colours = bytes / ways / PAGE_BYTES;
    if (!Number.isInteger(Math.log2(this.#colours)) || !Number.isInteger(Math.log2(this.linesPerPage)))
      throw new RangeError(`a cache of ${bytes} bytes, ${ways} ways, lines of ${lineBytes}: a way must be 2^n pages`);
    this.#lines = new Int32Array(bytes / lineBytes).fill(EMPTY);
    this.#meter = meter;
    this.#lineFill = lineFill;
  }

  /** `count` lines of a frame from line `first` on are used; those that are not in the cache are filled. */
  use(frame: number, first: number, count: number): void {
    const firstSet = this.colourOf(frame) * this.linesPerPage;
    const firstLine = frame * this.linesPerPage;
    let fills = 0;
    for (let line = first; line < first + count; line++) {
      if (!this.#find((firstSet + line) * this.#ways, firstLine + line)) fills++;
    }
    this.#meter.spendMany(LINE_FILL, fills, this.#lineFill);
  }

  /**
   * Which sets a frame's lines belong to. Pages that follow each other in virtual memory lie in frames of any colour once
   * memory has been in use for a while, so the colour is drawn from the frame number (the finalizer of MurmurHash3)
   * instead of counting upwards in the order in which a guest that has just booted hands frames out.
   */
  colourOf(frame: number): number {
    let hash = Math.imul(frame ^ (frame >>> 16), 0x85eb_ca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
    return (hash ^ (hash >>> 16)) & (this.#colours - 1);
  }

  /** Whether a line is in the set that begins at `start`; it is afterwards, as the most recently used one. */
  #find(start: number, line: number): boolean {
    const lines = this.#lines;
    const end = start + this.#ways;
    let at = start;
    while (at < end && lines[at] !== line) at++;
    const found = at < end;
    for (let slot = found ? at : end - 1; slot > start; slot--) lines[slot] = lines[slot - 1];
    lines[start] = line;
    return found;
  }
}
