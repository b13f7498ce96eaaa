/**
 * A guest's files at host resolution, where pages have contents and the disk is asked after the fact: read through the page
 * cache, written back later. At monitor resolution: file-io.ts.
 */
import type { ContentIds } from "../machine/content-ids.ts";
import { DiskRequestKind, type DiskRequests } from "./disk-requests.ts";
import { type GuestPages, type PageOwner, PageUse } from "./guest-pages.ts";
import { PageCache } from "./page-cache.ts";
import type { PhysicalMemory } from "./physical-memory.ts";

const NONE = -1;
const UNSEEN = 0xffff_ffff;

export class FileCache implements PageOwner {
  misses = 0;
  readonly #pages: GuestPages;
  readonly #physical: PhysicalMemory;
  readonly #requests: DiskRequests;
  readonly #ids: ContentIds;
  readonly #cache: PageCache;
  /** What is on the disk; a page that nobody has looked at yet gets a content of its own when somebody does. */
  readonly #onDisk: Uint32Array;
  /** File pages in the order in which they became dirty, with the time: a ring, each page in it at most once. */
  readonly #dirtyRing: Int32Array;
  readonly #dirtySince: Float64Array;
  readonly #queued: Uint8Array;
  #dirtyHead = 0;
  #dirtyCount = 0;

  constructor(pages: GuestPages, physical: PhysicalMemory, requests: DiskRequests, ids: ContentIds, filePages: number) {
    this.#pages = pages;
    this.#physical = physical;
    this.#requests = requests;
    this.#ids = ids;
    this.#cache = new PageCache(pages, filePages);
    this.#onDisk = new Uint32Array(filePages).fill(UNSEEN);
    this.#dirtyRing = new Int32Array(filePages);
    this.#dirtySince = new Float64Array(filePages);
    this.#queued = new Uint8Array(filePages);
  }

  /** Content of a file page; a disk request is added when it was not in the cache. */
  read(page: number): number {
    const cached = this.#cache.find(page);
    if (cached !== NONE) return this.#physical.read(cached);
    this.misses++;
    const content = this.#stored(page);
    this.#requests.add(DiskRequestKind.FileRead, page);
    const ppn = this.#pages.allocate(PageUse.File, page);
    // Without a page to cache it in, the data goes straight to the reader.
    if (ppn === NONE) return content;
    this.#cache.insert(page, ppn);
    this.#physical.write(ppn, content);
    return content;
  }

  /** Overwrite a whole file page at simulated time `now`. `sync` writes it to the disk at once. */
  write(page: number, content: number, sync: boolean, now: number): void {
    let ppn = this.#cache.find(page);
    if (ppn === NONE) {
      ppn = this.#pages.allocate(PageUse.File, page);
      this.#cache.insert(page, ppn);
    }
    if (ppn !== NONE) this.#physical.write(ppn, content);
    if (sync || ppn === NONE) {
      this.#onDisk[page] = content;
      this.#requests.add(DiskRequestKind.FileWrite, page);
      this.#cache.markClean(page);
      return;
    }
    this.#cache.markDirty(page);
    if (this.#queued[page] === 0) this.#enqueue(page, now);
  }

  /** Write pages back that became dirty at or before `before`; one disk request per run of neighbours. */
  writeBack(before: number): void {
    while (this.#dirtyCount > 0 && this.#dirtySince[this.#dirtyHead] <= before) {
      const page = this.#dirtyRing[this.#dirtyHead];
      this.#dirtyHead = (this.#dirtyHead + 1) % this.#dirtyRing.length;
      this.#dirtyCount--;
      this.#queued[page] = 0;
      if (this.#cache.isDirty(page)) this.#clean(this.#cache.frameOf(page), page);
    }
  }

  /** The page is in the cache already, at `ppn`, with `content`: how a guest looks when it is ready. */
  adopt(page: number, ppn: number, content: number): void {
    this.#pages.take(ppn, PageUse.File, page);
    this.#cache.insert(page, ppn);
    this.#onDisk[page] = content;
  }

  evict(ppn: number, page: number): boolean {
    if (this.#cache.isDirty(page)) this.#clean(ppn, page);
    this.#cache.remove(page);
    return true;
  }

  #clean(ppn: number, page: number): void {
    this.#onDisk[page] = this.#physical.read(ppn);
    this.#requests.add(DiskRequestKind.FileWrite, page);
    this.#cache.markClean(page);
  }

  #stored(page: number): number {
    if (this.#onDisk[page] === UNSEEN) this.#onDisk[page] = this.#ids.unique();
    return this.#onDisk[page];
  }

  #enqueue(page: number, now: number): void {
    const slot = (this.#dirtyHead + this.#dirtyCount) % this.#dirtyRing.length;
    this.#dirtyRing[slot] = page;
    this.#dirtySince[slot] = now;
    this.#queued[page] = 1;
    this.#dirtyCount++;
  }
}
