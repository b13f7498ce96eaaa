/**
 * A guest's files at host resolution, where pages have contents and the disk is asked after the fact: read through the page
 * cache, written back later. At monitor resolution: file-io.ts.
 */
import { BufferHeads } from "./buffer-heads.ts";
import { DirtyLimits } from "./dirty-limits.ts";
import { DirtyQueue } from "./dirty-queue.ts";
import { FileMappings } from "./file-mappings.ts";
import type { FilesOnDisk } from "./files-on-disk.ts";
import { Evicted, type GuestPages, type PageOwner, PageUse } from "./guest-pages.ts";
import type { KernelVersion } from "./kernel-version.ts";
import { PageCache } from "./page-cache.ts";
import { PageReads } from "./page-reads.ts";
import type { SettledPages } from "./settled-pages.ts";
import type { PhysicalMemory } from "./physical-memory.ts";
import { SequentialReads } from "./sequential-reads.ts";

const NONE = -1;

export class FileCache implements PageOwner {
  misses = 0;
  /** Faults on mapped pages that had to wait for the disk, and all others. */
  majorFaults = 0;
  minorFaults = 0;
  /** Files that processes have open, and calls that read them. */
  readonly calls = new SequentialReads();
  readonly #pages: GuestPages;
  readonly #physical: PhysicalMemory;
  readonly #disk: FilesOnDisk;
  readonly #settled: SettledPages;
  readonly #version: KernelVersion;
  readonly #cache: PageCache;
  /** Pages to be written back. */
  readonly #toWrite: DirtyQueue;
  readonly #limits: DirtyLimits;
  readonly #mappings: FileMappings;
  readonly #reads: PageReads;

  constructor(
    pages: GuestPages,
    physical: PhysicalMemory,
    disk: FilesOnDisk,
    settled: SettledPages,
    filePages: number,
    version: KernelVersion,
  ) {
    this.#version = version;
    this.#pages = pages;
    this.#physical = physical;
    this.#disk = disk;
    this.#settled = settled;
    this.#cache = new PageCache(pages, filePages);
    this.#limits = new DirtyLimits(pages, version.dirty);
    this.#toWrite = new DirtyQueue(filePages);
    this.#mappings = new FileMappings(pages.replacement, filePages);
    const heads = version.keepsBufferHeads ? new BufferHeads(pages, physical) : undefined;
    this.#reads = new PageReads(this.#cache, pages, physical, disk, heads);
  }

  /** Content of a file page, as a system call reads it; a disk request is added when it was not in the cache. */
  read(page: number): number {
    const ppn = this.#useByCall(page, false);
    // Without a page to cache it in, the data goes straight to the reader.
    return ppn === NONE ? this.#disk.content(page) : this.#physical.read(ppn);
  }

  /** The same, whatever the page holds. `ahead`: more may be read of the file, which is what the present call says. */
  touch(page: number, ahead = false): void {
    if (this.#settled.hasFile(page) && !(ahead && this.calls.awaits(page))) return;
    const ppn = this.#useByCall(page, ahead);
    if (ppn === NONE) return;
    if (this.#pages.replacement.isKnownToCalls(ppn)) this.#settled.addFile(page);
    // The VMM may unsettle the page again.
    this.#physical.touch(ppn);
    if (!this.#physical.isSettled(ppn)) this.#settled.deleteFile(page);
  }

  /**
   * Content of a page of a file that a process has mapped from page `from` to page `to`, as program text or as data, and
   * uses now. `process`: 0 to 7; whoever has no page tables of its own is 0.
   */
  visit(page: number, from: number, to: number, text: boolean, process = 0): number {
    if (this.#cache.frameOf(page) === NONE) this.#majorFault(page, from, to, text, process);
    else if (!this.#mappings.has(page, process)) this.#minorFault(page, from, to, text, process);
    const ppn = this.#cache.frameOf(page);
    if (ppn === NONE) return this.#disk.content(page);
    this.#mappings.use(page, ppn, text, process);
    return this.#physical.read(ppn);
  }

  /** PPN of a file page, or -1; that is no use of it. */
  ppnOf(page: number): number {
    return this.#cache.frameOf(page);
  }

  /** The page is a block of the file system, and its buffer is used. */
  useBlock(page: number): void {
    this.#cache.find(page);
  }

  /** A mapping of a process is gone. */
  unmap(from: number, to: number, process = 0): void {
    for (let page = from; page < to; page++) {
      if (this.#mappings.has(page, process)) this.#mappings.unmap(page, this.#cache.frameOf(page), process);
    }
  }

  /**
   * Overwrite a file page at simulated time `now`. `sync` writes it to the disk at once; where there are too many dirty
   * pages, others that have been dirty for longer are written, for which the writer waits. `inPart`: a part of it that was there
   * before, so that the rest has to be read first (__block_prepare_write, fs/buffer.c); `toEnd`: up to the end of the page.
   */
  write(page: number, content: number, sync: boolean, now: number, inPart = false, toEnd = true): void {
    let ppn = this.#cache.find(page);
    if (ppn === NONE && inPart) {
      this.misses++;
      ppn = this.#reads.readIn(page);
    } else if (ppn === NONE) {
      ppn = this.#reads.allocate(page);
      this.#cache.insert(page, ppn);
    }
    if (ppn !== NONE) this.#physical.write(ppn, content);
    if (ppn !== NONE && toEnd) this.#pages.replacement.passBy(ppn);
    if (sync || ppn === NONE) {
      this.#disk.write(page, ppn === NONE ? content : this.#physical.readForDisk(ppn));
      this.#cache.markClean(page);
      return;
    }
    this.#cache.markDirty(page);
    this.#toWrite.add(page, now);
    if (this.#limits.exceedsThrottle(this.#cache.dirtyCount)) this.writeOldest();
  }

  /**
   * The file that these pages belong to is deleted: they leave the cache, and nobody writes them back. One that is written
   * again within the age at which pages are written back keeps its place in the queue for that. Returns how many there were.
   */
  delete(first: number, pages: number): number {
    let left = 0;
    for (let page = first; page < first + pages; page++) {
      const ppn = this.#cache.frameOf(page);
      this.#disk.forget(page);
      if (ppn === NONE) continue;
      this.#mappings.delete(page);
      this.#reads.marked.delete(page);
      this.#cache.remove(page);
      this.#pages.release(ppn);
      left++;
    }
    return left;
  }

  /** Pages read from the disk; more than misses where neighbours are read as well. */
  get pageIns(): number {
    return this.#reads.pageIns;
  }

  /** There are so many dirty pages that they are to be written in the background. */
  get writesBack(): boolean {
    return this.#limits.exceedsBackground(this.#cache.dirtyCount);
  }

  /** There are still so many that writing in the background is to go on. */
  get goesOnWriting(): boolean {
    return this.#limits.exceedsStop(this.#cache.dirtyCount);
  }

  /** The page is in the cache, and newer than what is on the disk. */
  isDirty(page: number): boolean {
    return this.#cache.isDirty(page);
  }

  /** Write pages back that became dirty at or before `before`; one disk request per run of neighbours. */
  writeBack(before: number): void {
    while (this.#toWrite.length > 0 && this.#toWrite.oldest <= before) this.#writeHead();
  }

  /** Write back those pages that have been dirty for longest, as many as are written at a time. */
  writeOldest(): void {
    const left = Math.max(0, this.#cache.dirtyCount - this.#version.dirty.batch);
    while (this.#toWrite.length > 0 && this.#cache.dirtyCount > left) this.#writeHead();
  }

  /** The page is in the cache already, at `ppn`, with `content`: how a guest looks when it is ready. */
  adopt(page: number, ppn: number, content: number): void {
    this.#pages.take(ppn, PageUse.File, page);
    this.#cache.insert(page, ppn);
    this.#disk.adopt(page, content);
  }

  /** The page is on the disk as it is, no process maps it, and none faults on it. */
  isDiscardable(ppn: number, page: number): boolean {
    return !this.#cache.isDirty(page) && !this.#mappings.isMapped(page) && this.#pages.kept !== ppn;
  }

  isUsedBySeveral(page: number): boolean {
    return this.#mappings.isUsedBySeveral(page);
  }

  evict(ppn: number, page: number): Evicted {
    if (this.#pages.kept === ppn) return Evicted.Kept;
    this.#mappings.delete(page);
    this.#reads.marked.delete(page);
    if (this.#cache.isDirty(page)) this.#clean(ppn, page);
    this.#cache.remove(page);
    return Evicted.Safe;
  }

  /** PPN of a page, which is read if it has to be; -1: there is no memory for it. */
  #useByCall(page: number, ahead: boolean): number {
    const cached = this.#cache.find(page);
    if (cached !== NONE) {
      if (ahead && this.calls.found(page)) this.#readBehind(cached, page);
      return cached;
    }
    this.misses++;
    if (ahead && page > this.calls.map) this.#useMap(NONE);
    const ppn = this.#reads.readIn(page);
    if (ppn === NONE) return NONE;
    if (!this.#version.agesPages) this.#pages.replacement.useByCall(ppn);
    if (ahead && this.calls.missed(page)) this.#readBehind(ppn, page);
    return ppn;
  }

  #writeHead(): void {
    const page = this.#toWrite.take();
    if (this.#cache.isDirty(page)) this.#clean(this.#cache.frameOf(page), page);
  }

  /**
   * Nobody but the fault's process waits, and only for its own page. What is there is mapped first (do_read_fault, mm/memory.c), and the rest
   * once it has been read: who has waited for the disk has the fault again (VM_FAULT_RETRY of filemap_fault, mm/filemap.c).
   */
  #majorFault(page: number, from: number, to: number, text: boolean, process: number): void {
    this.#mapAround(page, from, to, text, process);
    this.majorFaults++;
    this.misses++;
    const ppn = this.#reads.readIn(page);
    if (ppn === NONE) return;
    const window = this.#version.readAroundPages;
    const first = Math.max(from, page - (window >> 1));
    this.#reads.readAhead(ppn, first, Math.min(to, first + window), first + window - (window >> 2));
    this.#mapAround(page, from, to, text, process);
  }

  #minorFault(page: number, from: number, to: number, text: boolean, process: number): void {
    this.minorFaults++;
    if (this.#reads.marked.has(page)) {
      this.#reads.marked.delete(page);
      let next = page + 1;
      while (next < to && this.#cache.frameOf(next) !== NONE) next++;
      const window = this.#version.readAroundPages;
      if (next - page <= window)
        this.#reads.readAhead(this.#cache.frameOf(page), next, Math.min(to, next + window), next);
    }
    this.#mapAround(page, from, to, text, process);
  }

  /** Read what is to be read ahead because of a read of `page`, and expect those before it to be done with. */
  #readBehind(ppn: number, page: number): void {
    const { from, to, passed, map } = this.calls;
    this.#reads.readAhead(ppn, from, Math.min(to, map), NONE);
    if (to > map && this.#useMap(ppn)) this.#reads.readAhead(ppn, Math.max(from, map + 1), to, NONE);
    for (let behind = page - 1; behind >= passed; behind--) {
      if (behind === map) continue;
      const frame = this.#cache.frameOf(behind);
      if (frame === NONE) return;
      this.#pages.replacement.passBy(frame);
    }
  }

  /** Use the page that says where the file's pages behind it are; `ppn` is to stay where it is. Returns whether it is there. */
  #useMap(ppn: number): boolean {
    const { map } = this.calls;
    if (this.#cache.find(map) !== NONE) return true;
    this.misses++;
    return this.#reads.readMap(ppn, map);
  }

  /** The processor's accessed bit is set in all entries that a fault makes (x86: pages are mapped as used). */
  #mapAround(page: number, from: number, to: number, text: boolean, process: number): void {
    const window = this.#version.faultAroundPages;
    const first = page - (page % window);
    for (let next = Math.max(first, from); next < Math.min(to, first + window); next++) {
      const ppn = this.#cache.frameOf(next);
      if (ppn === NONE || this.#mappings.has(next, process) || this.#reads.marked.has(next)) continue;
      this.#mappings.add(next, process);
      this.#mappings.use(next, ppn, text, process);
    }
  }

  #clean(ppn: number, page: number): void {
    this.#disk.write(page, this.#physical.readForDisk(ppn));
    this.#cache.markClean(page);
  }
}
