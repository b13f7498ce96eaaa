/**
 * A guest's files at monitor resolution, where every kernel path and disk request is carried out: read and written through
 * the page cache. At host resolution: file-cache.ts.
 */
import type { BlockLayer } from "./block-layer.ts";
import { Evicted, type PageOwner, PageUse } from "./guest-pages.ts";
import type { KernelContext } from "./kernel-context.ts";
import { PageCache } from "./page-cache.ts";
import type { AccessObserver } from "./two-list-replacement.ts";
import { PAGE_BYTES } from "../machine/page.ts";
import { isInPart, isNew, isSync, Write } from "../workload/operation-stream.ts";

/** Most pages of one disk request, read ahead or written behind: 128 KiB (Linux 2.4, MAX_READAHEAD + 1 pages). */
const CLUSTER_PAGES = 32;

export class FileIo implements PageOwner, AccessObserver {
  readonly cache: PageCache;
  readonly blocks: BlockLayer;
  readonly #context: KernelContext;

  constructor(context: KernelContext, blocks: BlockLayer) {
    this.#context = context;
    this.cache = new PageCache(context.frames, context.shape.filePages);
    this.blocks = blocks;
  }

  /** There is high memory, of which a page is mapped each time that data is copied from it or to it. */
  get mapsCopies(): boolean {
    return this.#context.highMemory !== undefined;
  }

  /** A page number brought into the file set. */
  filePage(page: number): number {
    if (this.cache.size === 0) throw new Error("the workload uses files, but its guest has no file set");
    return page % this.cache.size;
  }

  /** The frame of a file page. One that is not in the cache is read, with what of the `wanted` pages follows it on disk. */
  cachedFrame(page: number, wanted: number): number {
    const frame = this.cache.find(page);
    return frame === -1 ? this.#readCluster(page, wanted) : frame;
  }

  /** Fill the cache before anything is measured. */
  preload(pages: number): void {
    for (let page = 0; page < pages; page++) this.#insert(page, true);
  }

  read(start: number, pages: number): void {
    const { machine, paths, pages: pageWork } = this.#context;
    machine.cpu.enterKernel("system-call");
    for (let done = 0; done < pages; done++) {
      machine.cpu.runKernel(paths["read-file-page"], 1);
      const page = this.filePage(start + done);
      const frame = this.cachedFrame(page, pages - done);
      this.#context.highMemory?.map(page, frame, false);
      pageWork.copyBytes(PAGE_BYTES);
      this.#context.highMemory?.unmap(page);
    }
    machine.cpu.leaveKernel("system-call");
  }

  /** `how`: a {@link Write}. */
  write(start: number, pages: number, how: number = Write.Whole): void {
    const { machine, paths, pages: pageWork } = this.#context;
    machine.cpu.enterKernel("system-call");
    if (isNew(how)) this.#empty(start, pages);
    for (let done = 0; done < pages; done++) {
      const page = this.filePage(start + done);
      const cached = isInPart(how) ? this.cachedFrame(page, 1) : this.cache.find(page);
      machine.cpu.runKernel(paths[cached === -1 ? "write-file-page" : "rewrite-file-page"], 1);
      const frame = cached === -1 ? this.#insert(page, false) : cached;
      this.cache.markDirty(page);
      this.#context.highMemory?.map(page, frame, true);
      pageWork.copyBytes(PAGE_BYTES);
      this.#context.highMemory?.unmap(page);
    }
    if (isSync(how)) {
      const first = this.filePage(start);
      this.#writeBack(first, Math.min(this.cache.size, first + pages), true);
    }
    machine.cpu.leaveKernel("system-call");
  }

  /** A file of so many pages goes: its pages leave the cache, whether written back or not. */
  delete(start: number, pages: number): void {
    const { machine, paths } = this.#context;
    machine.cpu.enterKernel("system-call");
    machine.cpu.runKernel(paths["syscall-delete-file"], 1);
    for (let done = 0; done < pages; done++) {
      machine.cpu.runKernel(paths["release-file-page"], 1);
      this.#drop(this.filePage(start + done));
    }
    machine.cpu.leaveKernel("system-call");
  }

  /** Write all dirty pages, without waiting for the disk. */
  writeBackAll(): void {
    this.#writeBack(0, this.cache.size, false);
  }

  /** A page that a process maps, or that is being read, can't be spared. */
  wasAccessed(frame: number): boolean {
    return this.#context.frames.references(frame) > 1;
  }

  isDirty(page: number): boolean {
    return this.cache.isDirty(page);
  }

  evict(frame: number, page: number): Evicted {
    const { machine, paths } = this.#context;
    if (this.wasAccessed(frame)) return Evicted.Kept;
    machine.cpu.runKernel(paths.reclaim, 1);
    if (this.cache.isDirty(page)) this.blocks.transferAndWait(page, 1, true);
    this.#remove(page);
    return Evicted.Safe;
  }

  /** `fromDisk`: that is where its contents come from, without the kernel's doing. */
  #insert(page: number, fromDisk: boolean): number {
    const frame = this.#context.takeFrame(PageUse.File, page, fromDisk);
    this.cache.insert(page, frame);
    this.#context.highMemory?.take(page);
    return frame;
  }

  /** A file is made anew: what the cache has of the one before it goes. */
  #empty(start: number, pages: number): void {
    const { machine, paths } = this.#context;
    for (let done = 0; done < pages; done++) {
      const page = this.filePage(start + done);
      if (this.cache.frameOf(page) === -1) continue;
      machine.cpu.runKernel(paths["release-file-page"], 1);
      this.#drop(page);
    }
  }

  #drop(page: number): void {
    const frame = this.cache.frameOf(page);
    if (frame === -1) return;
    this.#remove(page);
    this.#context.frames.release(frame);
  }

  #remove(page: number): void {
    const frame = this.cache.frameOf(page);
    this.cache.remove(page);
    this.#context.highMemory?.release(page, frame);
  }

  #writeBack(from: number, to: number, wait: boolean): void {
    for (let page = this.cache.nextDirty(from); page !== -1 && page < to; page = this.cache.nextDirty(page)) {
      let end = page;
      while (end < to && end - page < CLUSTER_PAGES && this.cache.isDirty(end)) this.cache.markClean(end++);
      if (wait) this.blocks.transferAndWait(page, end - page, true);
      else this.blocks.writeBehind(page, end - page);
      if (end === this.cache.size) break;
      page = end;
    }
  }

  #readCluster(page: number, wanted: number): number {
    const limit = Math.min(this.cache.size - page, wanted, CLUSTER_PAGES);
    let count = 1;
    while (count < limit && this.cache.frameOf(page + count) === -1) count++;
    const { frames } = this.#context;
    const first = this.#insert(page, true);
    // A second reference keeps the page from being reclaimed for those that follow.
    frames.share(first);
    for (let next = 1; next < count; next++) this.#insert(page + next, true);
    this.blocks.transferAndWait(page, count, false);
    frames.release(first);
    return first;
  }
}
