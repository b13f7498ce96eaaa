/** The guest's page cache over one file set: which file pages are in memory, and which of them must still be written. */
const NOWHERE = -1;

export class PageCache {
  /** Pages of the file set. */
  readonly size: number;
  readonly #frameOf: Int32Array;
  readonly #dirty: Uint8Array;
  readonly #referenced: Uint8Array;
  #dirtyCount = 0;
  #cached = 0;
  #hand = 0;

  constructor(filePages: number) {
    this.size = filePages;
    this.#frameOf = new Int32Array(filePages).fill(NOWHERE);
    this.#dirty = new Uint8Array(filePages);
    this.#referenced = new Uint8Array(filePages);
  }

  get cached(): number {
    return this.#cached;
  }

  get dirtyCount(): number {
    return this.#dirtyCount;
  }

  /** The frame of a file page, or -1. */
  find(page: number): number {
    const frame = this.#frameOf[page];
    if (frame !== NOWHERE) this.#referenced[page] = 1;
    return frame;
  }

  has(page: number): boolean {
    return this.#frameOf[page] !== NOWHERE;
  }

  insert(page: number, frame: number): void {
    this.#frameOf[page] = frame;
    this.#referenced[page] = 1;
    this.#cached++;
  }

  /** Take a page out; returns its frame. */
  remove(page: number): number {
    const frame = this.#frameOf[page];
    this.markClean(page);
    this.#frameOf[page] = NOWHERE;
    this.#cached--;
    return frame;
  }

  isDirty(page: number): boolean {
    return this.#dirty[page] === 1;
  }

  markDirty(page: number): void {
    this.#dirtyCount += 1 - this.#dirty[page];
    this.#dirty[page] = 1;
  }

  markClean(page: number): void {
    this.#dirtyCount -= this.#dirty[page];
    this.#dirty[page] = 0;
  }

  /** The next dirty page from `from` on, or -1. */
  nextDirty(from: number): number {
    return this.#dirtyCount === 0 ? -1 : this.#dirty.indexOf(1, from);
  }

  /**
   * Second chance: the next page that has not been used since the hand last passed and that nothing maps, or -1 when
   * there is none.
   */
  victim(references: Uint16Array): number {
    if (this.#cached === 0) return -1;
    for (let step = 0; step < 2 * this.size; step++) {
      const page = this.#hand;
      this.#hand = page + 1 === this.size ? 0 : page + 1;
      const frame = this.#frameOf[page];
      if (frame === NOWHERE || references[frame] > 1) continue;
      if (this.#referenced[page] === 0) return page;
      this.#referenced[page] = 0;
    }
    return -1;
  }
}
