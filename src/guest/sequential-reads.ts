/**
 * How far system calls that read files read ahead: Linux 2.4.7, do_generic_file_read, generic_file_readahead and drop_behind of
 * mm/filemap.c. What the kernel remembers lies with each open file (struct file): it begins when a process opens the file, and
 * two that have opened the same one know nothing of each other.
 */
import { isGoingOn, openFileOf, pagesAsked, wholePages } from "../workload/read-call.ts";

/** MIN_READAHEAD, MAX_READAHEAD: pages. */
const LEAST = 3;
const MOST = 31;
/** Numbers of open files that a process may have. */
const NUMBERS = 64;
const NOWHERE = -1;

/** A file that a process has open. Its pages are counted from 0, without those that only say where others are. */
class OpenFile {
  /** Of the file set: the file's first page, and the one that says where those behind it are; Infinity: there is none. */
  readonly first: number;
  readonly map: number;
  /** The page after the last one read ahead (f_raend), or -1. */
  end = NOWHERE;
  /** Pages of the latest read (f_ralen), and of that and the one before it (f_rawin). */
  latest = 0;
  window = 0;
  /** Pages that are to be read ahead next (f_ramax). */
  next = 0;
  /** Of the present call: whole pages of the file, and whether it goes on where others were. */
  whole = 0;
  isSequential = false;

  constructor(first: number, map: number) {
    this.first = first;
    this.map = map;
  }

  startAnew(): void {
    this.end = NOWHERE;
    this.latest = 0;
    this.window = 0;
    this.next = 0;
  }

  pageOf(place: number): number {
    return place - this.first - (place > this.map ? 1 : 0);
  }

  placeOf(page: number): number {
    const place = this.first + page;
    return place < this.map ? place : place + 1;
  }
}

export class SequentialReads {
  /** Pages of the file set to be read ahead after {@link missed} or {@link found} said so: the first, and the one after the last. */
  from = 0;
  to = 0;
  /** The first of the pages that the reader is expected to be done with then. */
  passed = 0;
  /** By reader and number. */
  readonly #files: (OpenFile | undefined)[] = [];
  /** Of the present call. */
  #file = new OpenFile(0, Infinity);

  /** A process opens a file by a number below 63. `map`: the page of the file set that says where the file's pages behind it are; 0: there is none. */
  open(reader: number, number: number, first: number, map: number): void {
    this.#files[reader * NUMBERS + number] = new OpenFile(first, map === 0 ? Infinity : map);
  }

  /** A call of a process begins, or goes on, at page `place` of the file set: src/workload/read-call.ts. */
  begin(reader: number, place: number, call: number): void {
    const file = this.#files[reader * NUMBERS + openFileOf(call)];
    if (file === undefined)
      throw new Error(`process ${reader} reads file ${openFileOf(call)}, which it has not opened`);
    this.#file = file;
    if (isGoingOn(call)) return;
    const page = file.pageOf(place);
    file.whole = wholePages(call);
    file.isSequential = file.end === NOWHERE ? page === 0 : page <= file.end && page + file.window >= file.end;
    if (!file.isSequential) file.startAnew();
    const asked = pagesAsked(call);
    if (asked === 0) file.next = 0;
    else file.next = Math.min(MOST, Math.max(file.next, asked, file.isSequential ? LEAST : 0));
  }

  /** The page that says where pages of the file behind it are; Infinity: there is none. */
  get map(): number {
    return this.#file.map;
  }

  /** The call needs a page that is not in memory. Returns whether others are to be read with it. */
  missed(place: number): boolean {
    const file = this.#file;
    const page = file.pageOf(place);
    if (file.latest > 0 && page < file.end && page + file.window >= file.end) return false;
    const ahead = page < file.whole ? file.next : 0;
    file.latest = 1;
    file.window = ahead === 0 ? 1 : 0;
    file.end = page + 1;
    return ahead > 0 && this.#readAhead(page, page, ahead);
  }

  /** The call comes to a page that is in memory: it is in the latest of what was read ahead, so that {@link found} matters. */
  awaits(place: number): boolean {
    const { end, latest, next, isSequential } = this.#file;
    const page = this.#file.pageOf(place);
    return isSequential && next > 0 && end !== NOWHERE && page <= end && page + latest >= end;
  }

  /** The call uses a page that is in memory. Returns whether others are to be read now. */
  found(place: number): boolean {
    if (!this.awaits(place)) return false;
    const file = this.#file;
    const last = file.end - 1;
    if (last >= file.whole) return false;
    file.window = file.latest;
    file.latest = 0;
    return this.#readAhead(file.pageOf(place), last, file.next + 1);
  }

  /** So many pages after `last`, of which there may be fewer. */
  #readAhead(page: number, last: number, pages: number): true {
    const file = this.#file;
    const ahead = Math.min(pages, file.whole - last);
    file.latest += ahead;
    file.window += file.latest;
    file.end = last + ahead + 1;
    file.next = Math.min(MOST, 2 * file.next);
    this.from = file.placeOf(last + 1);
    this.to = file.placeOf(Math.min(file.whole, last + ahead + 1) - 1) + 1;
    this.passed = file.placeOf(Math.max(0, page - file.window));
    return true;
  }
}
