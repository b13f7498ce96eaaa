/**
 * LRU stack distances (Mattson et al. 1970): one pass over a trace gives the misses of a fully associative LRU memory of
 * every size. The distance of a touch is the position of its page in the list of pages by recency, 1 = touched last.
 */
import type { ReferenceTrace } from "../workload/reference-trace.ts";

/** Touches by stack distance (index 1 ... number of pages); index 0 counts first touches, which miss at every size. */
export function stackDistances(trace: ReferenceTrace): Float64Array {
  const pages = trace.pageNumbers.length;
  const recency = new RecencyList(pages);
  const touches = new Float64Array(pages + 1);
  let previous = -1;
  for (let i = 0; i < trace.length; i++) {
    const page = trace.page[i];
    touches[page === previous ? 1 : recency.touch(page)]++;
    previous = page;
  }
  return touches;
}

/** Misses of an LRU memory of `frames` frames that starts empty. */
export function lruMisses(distances: Float64Array, frames: number): number {
  let misses = distances[0];
  for (let distance = frames + 1; distance < distances.length; distance++) misses += distances[distance];
  return misses;
}

export interface LruPoint {
  readonly frames: number;
  readonly misses: number;
  /** Misses over page touches, rounded to 9 decimals. */
  readonly missRatio: number;
}

/** Misses at each of the given numbers of frames. */
export function lruCurve(distances: Float64Array, frames: readonly number[]): LruPoint[] {
  const touches = distances.reduce((total, count) => total + count, 0);
  return frames.map((count) => {
    const misses = lruMisses(distances, count);
    return { frames: count, misses, missRatio: Math.round((misses / touches) * 1e9) / 1e9 };
  });
}

/**
 * The pages by time of last use. A Fenwick tree (1994) over a window of time slots counts the pages used since a given
 * slot; when the window is full, the slots in use move to its front. It is sized to stay in the cache, unlike a tree over
 * the length of the trace.
 */
class RecencyList {
  readonly #slots: number;
  /** Fenwick tree over slots 1 ... #slots: 1 where a page was used last. */
  readonly #tree: Int32Array;
  readonly #pageInSlot: Uint32Array;
  /** 0: never used. */
  readonly #slotOfPage: Uint32Array;
  #now = 0;
  #used = 0;

  constructor(pages: number) {
    this.#slots = Math.max(2 * pages, 1024);
    this.#tree = new Int32Array(this.#slots + 1);
    this.#pageInSlot = new Uint32Array(this.#slots + 1);
    this.#slotOfPage = new Uint32Array(pages);
  }

  /** Use a page; returns its stack distance before this use, or 0 if it is the first. */
  touch(page: number): number {
    if (this.#now === this.#slots) this.#compact();
    const last = this.#slotOfPage[page];
    let distance = 0;
    if (last === 0) {
      this.#used++;
    } else {
      distance = this.#used - this.#usedUpTo(last) + 1;
      this.#change(last, -1);
    }
    const slot = ++this.#now;
    this.#slotOfPage[page] = slot;
    this.#pageInSlot[slot] = page;
    this.#change(slot, 1);
    return distance;
  }

  #usedUpTo(slot: number): number {
    let count = 0;
    for (let i = slot; i > 0; i &= i - 1) count += this.#tree[i];
    return count;
  }

  #change(slot: number, by: number): void {
    for (let i = slot; i <= this.#slots; i += i & -i) this.#tree[i] += by;
  }

  #compact(): void {
    let front = 0;
    for (let slot = 1; slot <= this.#slots; slot++) {
      const page = this.#pageInSlot[slot];
      if (this.#slotOfPage[page] !== slot) continue;
      this.#pageInSlot[++front] = page;
      this.#slotOfPage[page] = front;
    }
    this.#now = front;
    this.#tree.fill(0);
    for (let slot = 1; slot <= front; slot++) this.#change(slot, 1);
  }
}
