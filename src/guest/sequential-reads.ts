/**
 * How far system calls that read files read ahead: Linux 2.4.7, do_generic_file_read, generic_file_readahead and drop_behind of
 * mm/filemap.c. What the kernel keeps for each open file is kept here for the page where the file, or that part of it which lies
 * together on disk, ends.
 */
import { isJustOpened, pagesAsked, pagesBefore, pagesLeft } from "../workload/read-call.ts";

/** MIN_READAHEAD, MAX_READAHEAD: pages. */
const LEAST = 3;
const MOST = 31;
/** Files that are remembered; of more, those that were opened first are forgotten first, though they may still be read. */
const FILES = 256;
const NOWHERE = -1;

/** Of an open file; pages are pages of the file set. */
class OpenFile {
  /** The page after the last one read ahead (f_raend), or -1. */
  end = NOWHERE;
  /** Pages of the latest read (f_ralen), and of that and the one before it (f_rawin). */
  latest = 0;
  window = 0;
  /** Pages that are to be read ahead next (f_ramax). */
  next = 0;

  startAnew(): void {
    this.end = NOWHERE;
    this.latest = 0;
    this.window = 0;
    this.next = 0;
  }
}

export class SequentialReads {
  /** Pages to be read ahead after {@link missed} or {@link found} said so: the first, and the one after the last. */
  from = 0;
  to = 0;
  /** The first of the pages that the reader is expected to be done with then. */
  passed = 0;
  readonly #files = new Map<number, OpenFile>();
  /** Of the present call: its file, the file's first page and the one after its last, and whether it goes on where others were. */
  #file = new OpenFile();
  #first = 0;
  #end = 0;
  #isSequential = false;

  /** A call begins at `page`: src/workload/read-call.ts. */
  begin(page: number, call: number): void {
    this.#first = page - pagesBefore(call);
    this.#end = page + pagesLeft(call);
    this.#file = this.#fileThatEnds(this.#end);
    const file = this.#file;
    if (isJustOpened(call)) file.startAnew();
    this.#isSequential =
      file.end === NOWHERE ? page === this.#first : page <= file.end && page + file.window >= file.end;
    if (!this.#isSequential) file.startAnew();
    const asked = pagesAsked(call);
    if (asked === 0) file.next = 0;
    else file.next = Math.min(MOST, Math.max(file.next, asked, this.#isSequential ? LEAST : 0));
  }

  /** The call needs a page that is not in memory. Returns whether others are to be read with it. */
  missed(page: number): boolean {
    const file = this.#file;
    if (file.latest > 0 && page < file.end && page + file.window >= file.end) return false;
    const ahead = page < this.#end ? file.next : 0;
    file.latest = 1;
    file.window = ahead === 0 ? 1 : 0;
    file.end = page + 1;
    return ahead > 0 && this.#readAhead(page, page, ahead);
  }

  /** The call comes to a page that is in memory: it is in the latest of what was read ahead, so that {@link found} matters. */
  awaits(page: number): boolean {
    const { end, latest, next } = this.#file;
    return this.#isSequential && next > 0 && end !== NOWHERE && page <= end && page + latest >= end;
  }

  /** The call uses a page that is in memory. Returns whether others are to be read now. */
  found(page: number): boolean {
    if (!this.awaits(page)) return false;
    const file = this.#file;
    const last = file.end - 1;
    if (last >= this.#end) return false;
    file.window = file.latest;
    file.latest = 0;
    return this.#readAhead(page, last, file.next + 1);
  }

  /** So many pages after `last`, of which there may be fewer. */
  #readAhead(page: number, last: number, pages: number): true {
    const file = this.#file;
    const ahead = Math.min(pages, this.#end - last);
    file.latest += ahead;
    file.window += file.latest;
    file.end = last + ahead + 1;
    file.next = Math.min(MOST, 2 * file.next);
    this.from = last + 1;
    this.to = Math.min(this.#end, last + ahead + 1);
    this.passed = Math.max(this.#first, page - file.window);
    return true;
  }

  #fileThatEnds(end: number): OpenFile {
    let file = this.#files.get(end);
    if (file !== undefined) return file;
    file = new OpenFile();
    this.#files.set(end, file);
    if (this.#files.size > FILES) {
      const [oldest] = this.#files.keys();
      this.#files.delete(oldest);
    }
    return file;
  }
}
