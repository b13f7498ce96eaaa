/**
 * The compressed pages of one VM. Frames of the VMM hold two pages of up to 2 KiB each, or four of up to 1 KiB; the oldest
 * page makes room when the cache is as large as it gets.
 */
import type { MachineFrames } from "../../machine/frames.ts";
import { PAGE_BYTES } from "../../machine/page.ts";

const NONE = -1;
const MOST_PAGES_PER_FRAME = 4;
/** Pages in a frame, by the most bytes that each may have; one that has more is not worth keeping. */
const CLASSES = [
  { bytes: PAGE_BYTES / 4, pages: 4 },
  { bytes: PAGE_BYTES / 2, pages: 2 },
] as const;

/** Pages of that size which share a frame; 0: it is too large for the cache. */
export function pagesPerFrame(bytes: number): number {
  return CLASSES.find((one) => bytes <= one.bytes)?.pages ?? 0;
}

export class CompressionCache {
  /** Compressed pages. */
  length = 0;
  /** Frames in use. */
  frames = 0;
  readonly #machine: MachineFrames;
  readonly #mpn: Int32Array;
  /** Pages that a frame is divided for; 0: the frame is not in use. */
  readonly #capacity: Uint8Array;
  readonly #used: Uint8Array;
  /** By place: the guest page there and its content. */
  readonly #ppn: Int32Array;
  readonly #content: Uint32Array;
  /** Places in the order in which they were filled. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** By pages in a frame: frames that had room when they were put here. */
  readonly #open: number[][] = Array.from({ length: MOST_PAGES_PER_FRAME + 1 }, () => []);
  /** Frames given back, and the first that has never been in use. */
  readonly #unused: number[] = [];
  #fresh = 0;
  #oldest = NONE;
  #youngest = NONE;

  /** A cache of at most `most` frames of the machine. */
  constructor(machine: MachineFrames, most: number) {
    const places = most * MOST_PAGES_PER_FRAME;
    this.#machine = machine;
    this.#mpn = new Int32Array(most);
    this.#capacity = new Uint8Array(most);
    this.#used = new Uint8Array(most);
    this.#ppn = new Int32Array(places);
    this.#content = new Uint32Array(places);
    this.#next = new Int32Array(places);
    this.#previous = new Int32Array(places);
  }

  /** Whether one more page fits that shares its frame with so many, given a free frame of the machine. */
  hasRoom(pagesInFrame: number): boolean {
    return this.#openFrame(pagesInFrame) !== NONE || this.#unused.length > 0 || this.#fresh < this.#mpn.length;
  }

  /** Put a page into a place, where there is room for it. */
  add(ppn: number, content: number, pagesInFrame: number): number {
    const open = this.#openFrame(pagesInFrame);
    const frame = open === NONE ? this.#newFrame(pagesInFrame) : open;
    let place = frame * MOST_PAGES_PER_FRAME;
    while (this.#ppn[place] !== NONE) place++;
    this.#ppn[place] = ppn;
    this.#content[place] = content;
    this.#used[frame]++;
    this.length++;
    this.#previous[place] = this.#youngest;
    this.#next[place] = NONE;
    if (this.#youngest === NONE) this.#oldest = place;
    else this.#next[this.#youngest] = place;
    this.#youngest = place;
    return place;
  }

  /** Take a page out; its content. The last page of a frame gives it back to the machine. */
  take(place: number): number {
    const frame = Math.floor(place / MOST_PAGES_PER_FRAME);
    const [before, after] = [this.#previous[place], this.#next[place]];
    if (before === NONE) this.#oldest = after;
    else this.#next[before] = after;
    if (after === NONE) this.#youngest = before;
    else this.#previous[after] = before;
    this.#ppn[place] = NONE;
    this.length--;
    if (this.#used[frame] === this.#capacity[frame]) this.#open[this.#capacity[frame]].push(frame);
    if (--this.#used[frame] === 0) this.#giveBack(frame);
    return this.#content[place];
  }

  /** The guest page that has been here longest, -1 if there is none. */
  get oldestPage(): number {
    return this.#oldest === NONE ? NONE : this.#ppn[this.#oldest];
  }

  /** A frame divided for so many pages that has room for one. */
  #openFrame(pages: number): number {
    const open = this.#open[pages];
    for (let frame = open.at(-1); frame !== undefined; frame = open.at(-1)) {
      if (this.#capacity[frame] === pages && this.#used[frame] < pages) return frame;
      open.pop();
    }
    return NONE;
  }

  #newFrame(pages: number): number {
    const frame = this.#unused.pop() ?? this.#fresh++;
    if (frame >= this.#mpn.length) throw new RangeError("the compression cache is full");
    const first = frame * MOST_PAGES_PER_FRAME;
    this.#ppn.fill(NONE, first, first + MOST_PAGES_PER_FRAME);
    this.#mpn[frame] = this.#machine.takeForVmm();
    this.#capacity[frame] = pages;
    this.#open[pages].push(frame);
    this.frames++;
    return frame;
  }

  #giveBack(frame: number): void {
    this.#machine.giveBack(this.#mpn[frame]);
    this.#capacity[frame] = 0;
    this.#unused.push(frame);
    this.frames--;
  }
}
