/**
 * Which pages the processes of a guest have mapped at host resolution, where there are no page tables: what forks share and
 * write-protect (copy-on-write), what a forked child has of its own, and which ranges are mappings of files.
 */
import { BitSet } from "../core/bit-set.ts";
import { findRegion, type Region, withoutRange, withRegion } from "../guest/regions.ts";
import type { PageTableFormat } from "../machine/page-tables.ts";
import type { GuestShape } from "../workload/compiled-workload.ts";
import type { GuestThread } from "./guest-thread.ts";

/** What the guest kernel has to do about an access, beyond bringing the page into memory. */
export const Fault = {
  None: 0,
  /** Somebody else has the page, too: a copy is written. */
  CopyOnWrite: 1,
  /** Nobody else has the write-protected page any more. */
  Reuse: 2,
} as const;
export type FaultKind = (typeof Fault)[keyof typeof Fault];

export class ProcessPages {
  /** Logical page that the last {@link access} has reached. */
  logical = 0;
  readonly #pagesEach: number;
  readonly #filePages: number;
  /**
   * Pages of service processes that are mapped, and of those the ones that no fork has write-protected since they were written;
   * of a child, pages of its own, and pages that it has unmapped. Its others are as its parent has them, or not mapped if it
   * executes an image of its own.
   */
  readonly #mappedPages: BitSet;
  readonly #writablePages: BitSet;
  readonly #unmappedByChild: BitSet;
  /** Pages mapped by page table, of service processes; used or not, of children (see {@link #use}). */
  readonly #tableBits: number;
  readonly #tables: number;
  readonly #mappedByTable: Uint32Array;
  readonly #usedTables: Uint8Array;
  /** By service process: pages mapped, of those the ones that are writable, and children. */
  readonly #mapped: Uint32Array;
  readonly #writable: Uint32Array;
  readonly #children: Uint32Array;
  readonly #files: (readonly Region[])[];

  constructor(shape: GuestShape, transientPages: number, format: PageTableFormat) {
    const { processes, anonymousPages, residentAnonymousPages } = shape;
    this.#pagesEach = anonymousPages;
    this.#filePages = shape.filePages;
    const logicalPages = processes * anonymousPages + transientPages;
    this.#mappedPages = new BitSet(logicalPages);
    this.#writablePages = new BitSet(logicalPages);
    this.#unmappedByChild = this.#writablePages;
    for (let process = 0; process < processes; process++) {
      const first = process * anonymousPages;
      this.#mappedPages.addRange(first, first + residentAnonymousPages);
      this.#writablePages.addRange(first, first + residentAnonymousPages);
    }
    // Page 0 begins a page table (ANONYMOUS_START).
    this.#tableBits = format.bitsPerLevel;
    this.#tables = (anonymousPages >>> this.#tableBits) + 1;
    this.#mappedByTable = new Uint32Array(processes * this.#tables);
    for (let process = 0; process < processes; process++) {
      for (let page = 0; page < residentAnonymousPages; page++) this.#mappedByTable[this.#table(process, page)]++;
    }
    this.#usedTables = new Uint8Array(this.#tables * shape.threads);
    this.#mapped = new Uint32Array(processes).fill(residentAnonymousPages);
    this.#writable = new Uint32Array(processes).fill(residentAnonymousPages);
    this.#children = new Uint32Array(processes);
    this.#files = Array.from({ length: processes }, () => []);
  }

  /** Pages that the current process has mapped. */
  mapped(thread: GuestThread): number {
    return thread.depth > 0 ? thread.mapped : this.#mapped[thread.process];
  }

  /** Of those of a child, pages in page tables that it has used. */
  used(thread: GuestThread): number {
    return thread.used;
  }

  /** Of those, pages of a service process that a fork has to write-protect. */
  writable(thread: GuestThread): number {
    return thread.depth > 0 ? 0 : this.#writable[thread.process];
  }

  /** Where the current process has a page of its own. */
  logicalPage(thread: GuestThread, page: number): number {
    return thread.depth > 0 ? thread.transientBase + page : this.#servicePage(thread, page);
  }

  /** Page of the file set that is mapped at a page; -1: the page is anonymous. */
  filePage(thread: GuestThread, page: number): number {
    const files = this.#filesOf(thread);
    if (files.length === 0) return -1;
    const region = findRegion(files, page);
    return region === undefined || this.#filePages === 0 ? -1 : (page - region.start) % this.#filePages;
  }

  /** Where the mapping of a file that a page is in ends, as a page of the file set. */
  fileEnd(thread: GuestThread, page: number): number {
    const region = findRegion(this.#filesOf(thread), page);
    return region === undefined ? 0 : Math.min(region.end - region.start, this.#filePages);
  }

  /** Visit a page that is mapped to a file. True: for the first time. */
  mapFilePage(thread: GuestThread, page: number): boolean {
    const before = this.mapped(thread);
    if (thread.depth > 0 || !this.#mappedPages.has(this.#servicePage(thread, page))) this.access(thread, page, false);
    return this.mapped(thread) > before;
  }

  /** Visit an anonymous page. */
  access(thread: GuestThread, page: number, write: boolean): FaultKind {
    if (thread.depth > 0) return this.#accessInChild(thread, page, write);
    const { process } = thread;
    const at = process * this.#pagesEach + page;
    this.logical = at;
    if (this.#writablePages.has(at)) return Fault.None;
    const mapped = this.#mappedPages.has(at);
    if (mapped && !write) return Fault.None;
    this.#writablePages.add(at);
    this.#writable[process]++;
    if (!mapped) {
      this.#mappedPages.add(at);
      this.#mapped[process]++;
      this.#mappedByTable[this.#table(process, page)]++;
      return Fault.None;
    }
    return this.#children[process] > 0 ? Fault.CopyOnWrite : Fault.Reuse;
  }

  fork(thread: GuestThread): void {
    const { process } = thread;
    if (thread.depth++ > 0) return;
    this.#writablePages.deleteRange(process * this.#pagesEach, (process + 1) * this.#pagesEach);
    this.#writable[process] = 0;
    this.#children[process]++;
    this.#inherit(thread);
  }

  /** The current process has mapped nothing but an image of so many pages from now on. */
  exec(thread: GuestThread, image: number): void {
    this.#forget(thread);
    thread.image = image;
    thread.mapped = image;
    thread.used = image;
    thread.files = [];
  }

  exit(thread: GuestThread): void {
    const { process } = thread;
    this.#forget(thread);
    thread.image = 0;
    this.#inherit(thread);
    if (--thread.depth === 0 && this.#children[process] > 0) this.#children[process]--;
  }

  /** A service process has ended, and one that has mapped nothing takes its place. */
  endService(process: number): void {
    for (const pages of [this.#mappedPages, this.#writablePages]) {
      pages.deleteRange(process * this.#pagesEach, (process + 1) * this.#pagesEach);
    }
    this.#mappedByTable.fill(0, process * this.#tables, (process + 1) * this.#tables);
    this.#mapped[process] = 0;
    this.#writable[process] = 0;
    this.#files[process] = [];
  }

  mapFile(thread: GuestThread, start: number, pages: number): void {
    const files = this.#filesOf(thread);
    const region: Region = { start, end: start + pages, kind: "file", writable: true };
    this.#setFiles(thread, withRegion(files, region));
  }

  /** Nothing is mapped in a range any more. */
  unmap(thread: GuestThread, start: number, pages: number): void {
    const files = this.#filesOf(thread);
    if (files.length > 0) this.#setFiles(thread, withoutRange(files, start, start + pages));
    for (let page = start; page < start + pages; page++) this.#unmapPage(thread, page);
  }

  /** Pages that the current process has mapped in a range. */
  mappedIn(thread: GuestThread, start: number, pages: number): number {
    let count = 0;
    for (let page = start; page < start + pages; page++) if (this.#isMapped(thread, page)) count++;
    return count;
  }

  #accessInChild(thread: GuestThread, page: number, write: boolean): FaultKind {
    const at = thread.transientBase + page;
    this.#use(thread, page);
    this.logical = at;
    if (this.#mappedPages.has(at)) return Fault.None;
    const inherited = this.#isMapped(thread, page);
    if (inherited && !write) {
      this.logical = this.#servicePage(thread, page);
      return Fault.None;
    }
    this.#mappedPages.add(at);
    this.#unmappedByChild.delete(at);
    if (inherited) return Fault.CopyOnWrite;
    thread.mapped++;
    thread.used++;
    return Fault.None;
  }

  #isMapped(thread: GuestThread, page: number): boolean {
    const inService = this.#servicePage(thread, page);
    if (thread.depth === 0) return this.#mappedPages.has(inService);
    const own = thread.transientBase + page;
    if (this.#mappedPages.has(own)) return true;
    return thread.image === 0 && !this.#unmappedByChild.has(own) && this.#mappedPages.has(inService);
  }

  #unmapPage(thread: GuestThread, page: number): void {
    const mapped = this.#isMapped(thread, page);
    if (thread.depth > 0) {
      this.#mappedPages.delete(thread.transientBase + page);
      this.#unmappedByChild.add(thread.transientBase + page);
      if (!mapped) return;
      thread.mapped--;
      thread.used -= this.#usedTables[this.#tableOf(thread, page)];
      return;
    }
    if (!mapped) return;
    const { process } = thread;
    const at = this.#servicePage(thread, page);
    this.#mapped[process]--;
    this.#mappedByTable[this.#table(process, page)]--;
    if (this.#writablePages.has(at)) this.#writable[process]--;
    this.#writablePages.delete(at);
    this.#mappedPages.delete(at);
  }

  /** A child visits a page: all that is mapped by its page table counts as used from now on. */
  #use(thread: GuestThread, page: number): void {
    const at = this.#tableOf(thread, page);
    if (this.#usedTables[at] === 1) return;
    this.#usedTables[at] = 1;
    if (thread.image === 0) thread.used += this.#mappedByTable[this.#table(thread.process, page)];
  }

  #inherit(thread: GuestThread): void {
    thread.mapped = this.#mapped[thread.process];
    thread.used = 0;
    thread.files = this.#files[thread.process];
  }

  #table(process: number, page: number): number {
    return process * this.#tables + (page >>> this.#tableBits);
  }

  #tableOf(thread: GuestThread, page: number): number {
    return thread.index * this.#tables + (page >>> this.#tableBits);
  }

  #servicePage(thread: GuestThread, page: number): number {
    return thread.process * this.#pagesEach + page;
  }

  #filesOf(thread: GuestThread): readonly Region[] {
    return thread.depth > 0 ? thread.files : this.#files[thread.process];
  }

  #setFiles(thread: GuestThread, files: readonly Region[]): void {
    if (thread.depth > 0) thread.files = files;
    else this.#files[thread.process] = files;
  }

  #forget(thread: GuestThread): void {
    this.#mappedPages.deleteRange(thread.transientBase, thread.transientBase + thread.transientPages);
    this.#unmappedByChild.deleteRange(thread.transientBase, thread.transientBase + thread.transientPages);
    this.#usedTables.fill(0, thread.index * this.#tables, (thread.index + 1) * this.#tables);
  }
}
