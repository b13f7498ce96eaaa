/**
 * Pages of a guest of which one read more changes nothing: the page is in memory and known to be in use, a frame is behind it,
 * and nobody waits for a touch of it. A bit each tells these, by logical page and by page of the files: a read of one of them,
 * as nearly all reads are, asks for that bit alone and for no entry of a table. A host of hundreds of VMs has its bits in the
 * processor's cache, which its tables do not fit in.
 *
 * Whoever takes away what a bit stands for takes the bit away as well: see GuestPages.unsettle().
 */
import { BitSet } from "../core/bit-set.ts";

export class SettledPages {
  readonly #bits: BitSet;
  /** The files' pages come after the anonymous ones. */
  readonly #firstOfFiles: number;

  constructor(anonymousPages: number, filePages: number) {
    this.#firstOfFiles = anonymousPages;
    this.#bits = new BitSet(anonymousPages + filePages);
  }

  /** A process reads a logical page. */
  has(page: number): boolean {
    return this.#bits.has(page);
  }

  add(page: number): void {
    this.#bits.add(page);
  }

  delete(page: number): void {
    this.#bits.delete(page);
  }

  /** A system call reads a page of a file. */
  hasFile(page: number): boolean {
    return this.#bits.has(this.#firstOfFiles + page);
  }

  addFile(page: number): void {
    this.#bits.add(this.#firstOfFiles + page);
  }

  deleteFile(page: number): void {
    this.#bits.delete(this.#firstOfFiles + page);
  }
}
