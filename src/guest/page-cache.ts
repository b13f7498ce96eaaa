/**
 * The guest's page cache over one file set, at either resolution: which file pages are in memory, and which of them must
 * still be written.
 */
import { BitSet } from "../core/bit-set.ts";
import type { GuestPages } from "./guest-pages.ts";

const NOWHERE = -1;

export class PageCache {
  /** Pages of the file set. */
  readonly size: number;
  /** Pages that must still be written. */
  dirtyCount = 0;
  readonly #pages: GuestPages;
  readonly #frameOf: Int32Array;
  readonly #dirty: BitSet;

  constructor(pages: GuestPages, filePages: number) {
    this.size = filePages;
    this.#pages = pages;
    this.#frameOf = new Int32Array(filePages).fill(NOWHERE);
    this.#dirty = new BitSet(filePages);
  }

  /** The frame of a file page that a system call is about to use, or -1. */
  find(page: number): number {
    const frame = this.#frameOf[page];
    if (frame !== NOWHERE) this.#pages.replacement.useByCall(frame);
    return frame;
  }

  /** The frame of a file page, or -1; that is no use of it. */
  frameOf(page: number): number {
    return this.#frameOf[page];
  }

  insert(page: number, frame: number): void {
    this.#frameOf[page] = frame;
  }

  /** Take a page out. */
  remove(page: number): void {
    this.markClean(page);
    this.#frameOf[page] = NOWHERE;
  }

  isDirty(page: number): boolean {
    return this.#dirty.has(page);
  }

  markDirty(page: number): void {
    if (this.#dirty.has(page)) return;
    this.dirtyCount++;
    this.#dirty.add(page);
  }

  markClean(page: number): void {
    if (!this.#dirty.has(page)) return;
    this.dirtyCount--;
    this.#dirty.delete(page);
  }

  /** The next dirty page from `from` on, or -1. */
  nextDirty(from: number): number {
    return this.dirtyCount === 0 ? -1 : this.#dirty.next(from);
  }
}
