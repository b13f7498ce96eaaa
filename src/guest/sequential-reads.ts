/**
 * How far system calls that read files read ahead: Linux 2.4, do_generic_file_read and generic_file_readahead, mm/filemap.c. What the
 * kernel keeps for each open file is kept for the place where its window ends, which is the same as long as one reads a file at a time.
 */

/** MIN_READAHEAD, MAX_READAHEAD: pages. */
const LEAST = 3;
const MOST = 31;
/** Windows that are remembered: of files that are open at once. */
const WINDOWS = 256;

/** Pages of the file set, the first and the one after the last. */
interface Window {
  readonly from: number;
  readonly to: number;
}

export class SequentialReads {
  /** By the page at which a reader has reached the window: where it ends, and pages that are to be read then. */
  readonly #windows = new Map<number, { readonly end: number; readonly next: number }>();

  /** A page is read that is not there. Returns the end of what is to be read with it; `opened`: it is the first since its file was opened. */
  begins(page: number, opened: boolean): number {
    const pages = opened ? LEAST : 2;
    return this.#remember(page + 1, page + 1 + pages, 2 * pages);
  }

  /** A read of a page that is there makes a difference: a reader has come to the latest window. */
  awaits(page: number): boolean {
    return this.#windows.size > 0 && this.#windows.has(page);
  }

  /** A page is read that is there. Returns what is to be read now, if the reader has come to the latest window. */
  goesOn(page: number): Window | undefined {
    const window = this.#windows.get(page);
    if (window === undefined) return undefined;
    this.#windows.delete(page);
    const to = this.#remember(window.end, window.end + window.next + 1, Math.min(MOST, 2 * window.next));
    return { from: window.end, to };
  }

  #remember(page: number, end: number, next: number): number {
    this.#windows.delete(page);
    this.#windows.set(page, { end, next });
    if (this.#windows.size > WINDOWS) {
      const [oldest] = this.#windows.keys();
      this.#windows.delete(oldest);
    }
    return end;
  }
}
