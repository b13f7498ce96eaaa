/** Pages of files as they come into a guest's page cache at host resolution: from the disk, one by one or many together. */
import { BitSet } from "../core/bit-set.ts";
import type { BufferHeads } from "./buffer-heads.ts";
import type { FilesOnDisk } from "./files-on-disk.ts";
import { type GuestPages, PageUse } from "./guest-pages.ts";
import type { PageCache } from "./page-cache.ts";
import type { PhysicalMemory } from "./physical-memory.ts";

const NONE = -1;

export class PageReads {
  /** Pages read from the disk. */
  pageIns = 0;
  /** Pages a fault on which asks for more to be read ahead (PG_readahead). */
  readonly marked: BitSet;
  readonly #cache: PageCache;
  readonly #pages: GuestPages;
  readonly #physical: PhysicalMemory;
  readonly #disk: FilesOnDisk;
  readonly #heads: BufferHeads | undefined;

  /** `heads`: absent, the kernel keeps nothing besides a page. */
  constructor(
    cache: PageCache,
    pages: GuestPages,
    physical: PhysicalMemory,
    disk: FilesOnDisk,
    heads: BufferHeads | undefined,
  ) {
    this.#cache = cache;
    this.#pages = pages;
    this.#physical = physical;
    this.#disk = disk;
    this.#heads = heads;
    this.marked = new BitSet(cache.size);
  }

  /** PPN for a page of a file that is not in the cache; -1: there is no memory for it. */
  allocate(page: number): number {
    this.#heads?.prepare();
    return this.#pages.allocate(PageUse.File, page);
  }

  /** PPN of a page that is read; -1: there is no memory to keep it in. */
  readIn(page: number): number {
    const content = this.#disk.read(page);
    this.pageIns++;
    const ppn = this.allocate(page);
    if (ppn === NONE) return NONE;
    this.#cache.insert(page, ppn);
    this.#physical.writeFromDisk(ppn, content);
    return ppn;
  }

  /** Read what is missing of a window, and mark a page of it; the page of the fault, `ppn`, is to stay where it is. */
  readAhead(ppn: number, from: number, to: number, marked: number): void {
    this.#pages.kept = ppn;
    for (let page = from; page < to; page++) {
      if (this.#cache.frameOf(page) !== NONE) continue;
      if (this.readIn(page) === NONE) break;
      if (page === marked) this.marked.add(page);
    }
    this.#pages.kept = NONE;
  }

  /** Read a page that says where others are; they are read by another request, since nobody knows it before. Returns whether it is there. */
  readMap(ppn: number, map: number): boolean {
    this.#pages.kept = ppn;
    const read = this.readIn(map);
    this.#disk.endRequest();
    this.#pages.kept = NONE;
    // Its buffer is used as soon as it is there: getblk, fs/buffer.c.
    if (read !== NONE) this.#pages.replacement.useByCall(read);
    return read !== NONE;
  }
}
