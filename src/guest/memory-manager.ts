/**
 * A guest's memory management at host resolution put together, and what it looks like when the guest is ready. The kernel of
 * monitor resolution (kernel.ts) puts the same frames, page cache and swap space together with page tables.
 */
import { InputError } from "../core/input-error.ts";
import { type ContentIds, ZERO_CONTENT } from "../machine/content-ids.ts";
import type { GuestShape } from "../workload/compiled-workload.ts";
import type { KernelName } from "../machine/profile.ts";
import { AnonymousMemory } from "./anonymous-memory.ts";
import { BalancedReclaim } from "./balanced-reclaim.ts";
import { AgedReclaim } from "./aged-reclaim.ts";
import { cacheFirstReclaim } from "./cache-first-reclaim.ts";
import { type Watermarks, watermarks } from "./watermarks.ts";
import { BalloonDriver } from "./balloon-driver.ts";
import { DiskRequests } from "./disk-requests.ts";
import { FileCache } from "./file-cache.ts";
import { FilesOnDisk } from "./files-on-disk.ts";
import { GuestPages, PageUse } from "./guest-pages.ts";
import { HotAddedMemory } from "./hot-added-memory.ts";
import { SettledPages } from "./settled-pages.ts";
import { KERNEL_VERSIONS, type KernelVersion } from "./kernel-version.ts";
import type { PhysicalMemory } from "./physical-memory.ts";

export interface MemorySettings {
  /** Room for anonymous pages beyond those of the service processes (children, freshly executed images). None if absent. */
  readonly transientPages?: number;
  /** Pages that the guest boots with, if others may be added; all if absent. */
  readonly present?: number;
  /** Absent: the kernel as it was released. */
  readonly version?: KernelVersion | undefined;
}

export class GuestMemory {
  readonly pages: GuestPages;
  readonly anonymous: AnonymousMemory;
  readonly cache: FileCache;
  readonly balloon: BalloonDriver;
  readonly hotAdded: HotAddedMemory;
  /** Disk requests that memory operations have led to since they were last cleared. */
  readonly requests: DiskRequests;
  readonly settled: SettledPages;
  readonly #physical: PhysicalMemory;

  constructor(
    shape: GuestShape,
    physical: PhysicalMemory,
    ids: ContentIds,
    kernel: KernelName,
    { transientPages = 0, present = shape.memoryPages, version = KERNEL_VERSIONS[kernel] }: MemorySettings = {},
  ) {
    this.#physical = physical;
    this.requests = new DiskRequests(version.requestPages);
    const groups = shape.processes + (shape.endedGroups ?? 0);
    const logicalPages = groups * shape.anonymousPages + transientPages;
    this.pages = guestPages(shape, kernel, version, logicalPages, present);
    this.settled = new SettledPages(logicalPages, shape.filePages);
    this.pages.settled = this.settled;
    const swapCache = kernel !== "linux-2.4";
    const size = { logicalPages, swapPages: shape.swapPages, swapCache, swapRotates: shape.swapRotates === true };
    this.anonymous = new AnonymousMemory(this.pages, physical, this.requests, this.settled, size);
    const disk = new FilesOnDisk(this.requests, ids, shape);
    this.cache = new FileCache(this.pages, physical, disk, this.settled, shape.filePages, version);
    this.balloon = new BalloonDriver(this.pages, physical);
    this.hotAdded = new HotAddedMemory(this.pages, physical, (pages) => marksOf(shape, kernel, pages));
    this.pages.setOwners(this.cache, this.anonymous);
  }

  /** Look at the first `count` of `ppns`, see {@link PhysicalMemory.lookAhead}. */
  lookAhead(ppns: Int32Array, count: number, written: boolean): number {
    if (written) return this.#physical.lookAhead(ppns, count, true);
    const { flags } = this.pages.descriptors;
    let seen = 0;
    for (let i = 0; i < count; i++) seen ^= flags[ppns[i]];
    return seen ^ this.#physical.lookAhead(ppns, count, false);
  }

  /**
   * Take the pages that are in use when the guest is ready: nonzero pages in order of address (then zero ones), kernel
   * first, then anonymous memory, then page cache. `contents` are the contents of physical memory, one id a page.
   */
  boot(shape: GuestShape, contents: Uint32Array): void {
    const order = pagesInUse(shape, contents);
    this.pages.descriptors.cover(order.reduce((last, ppn) => Math.max(last, ppn), 0));
    let next = 0;
    for (let page = 0; page < shape.kernelPages; page++) this.pages.take(order[next++], PageUse.Kernel, page);
    for (let process = 0; process < shape.processes; process++) {
      const first = process * shape.anonymousPages;
      for (let page = 0; page < shape.residentAnonymousPages; page++) {
        this.anonymous.adopt(first + page, order[next++]);
      }
    }
    for (let page = 0; page < shape.residentFilePages; page++) {
      const ppn = order[next++];
      this.cache.adopt(page, ppn, contents[ppn]);
    }
  }
}

/** Linux 2.4 sizes its watermarks by the memory there is, Linux 6.1 by what is left of it when it has booted. */
function marksOf({ kernelPages }: GuestShape, kernel: KernelName, pages: number): Watermarks {
  return watermarks(kernel, kernel === "linux-2.4" ? pages : Math.max(0, pages - kernelPages));
}

function guestPages(
  shape: GuestShape,
  kernel: KernelName,
  { agesPages }: KernelVersion,
  anonymousItems: number,
  present: number,
): GuestPages {
  const { memoryPages, filePages, swapPages } = shape;
  const marks = marksOf(shape, kernel, present);
  if (agesPages) return new GuestPages(memoryPages, marks, (pages) => new AgedReclaim(pages), present);
  if (kernel === "linux-2.4") return new GuestPages(memoryPages, marks, cacheFirstReclaim, present);
  const reclaim = {
    groups: Math.max(1, shape.processes),
    endedGroups: shape.endedGroups ?? 0,
    pagesEach: Math.max(1, shape.anonymousPages),
    anonymousItems,
    fileItems: filePages,
    canSwap: swapPages > 0,
  };
  return new GuestPages(memoryPages, marks, (pages) => new BalancedReclaim(pages, reclaim), present);
}

/** Pages of kernel, resident anonymous memory and resident cache when the guest is ready. */
function residentPages(shape: GuestShape): number {
  return shape.kernelPages + shape.processes * shape.residentAnonymousPages + shape.residentFilePages;
}

/** Where resident pages of the image behind all guests are: the page cache comes last. */
function imageRange(shape: GuestShape): { readonly from: number; readonly to: number } {
  const { imagePages = 0, residentFilePages } = shape;
  const from = residentPages(shape) - residentFilePages;
  return { from, to: from + Math.min(imagePages, residentFilePages) };
}

/** Contents of a guest's physical memory when it is ready, one id a page. */
export function bootContents(shape: GuestShape, ids: ContentIds): Uint32Array {
  const contents = new Uint32Array(shape.memoryPages);
  if (shape.contents === undefined) {
    const image = imageRange(shape);
    for (let ppn = 0; ppn < Math.min(residentPages(shape), contents.length); ppn++) {
      contents[ppn] = ppn >= image.from && ppn < image.to ? ids.ofImage(ppn - image.from) : ids.unique();
    }
  } else {
    contents.set(ids.internAll(shape.contents.subarray(0, shape.memoryPages)));
    if (shape.compressedSizes !== undefined) ids.compressed.record(contents, shape.compressedSizes);
  }
  return contents;
}

function pagesInUse(shape: GuestShape, contents: Uint32Array): Int32Array {
  const wanted = residentPages(shape);
  if (wanted > shape.memoryPages) {
    throw new InputError(`a guest of ${shape.memoryPages} pages cannot hold ${wanted} pages when it is ready`);
  }
  const order = new Int32Array(wanted);
  let found = 0;
  for (let ppn = 0; ppn < contents.length && found < wanted; ppn++) {
    if (contents[ppn] !== ZERO_CONTENT) order[found++] = ppn;
  }
  for (let ppn = 0; ppn < contents.length && found < wanted; ppn++) {
    if (contents[ppn] === ZERO_CONTENT) order[found++] = ppn;
  }
  return order;
}
