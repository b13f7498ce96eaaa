/**
 * Anonymous memory of a guest's processes at host resolution, where pages have contents and no page tables: zero on first
 * use, to the guest's swap device and back under pressure. At monitor resolution: page-faults.ts and reverse-mapping.ts.
 */
import { ZERO_CONTENT } from "../machine/content-ids.ts";
import { DiskRequestKind, type DiskRequests } from "./disk-requests.ts";
import { type GuestPages, type PageOwner, PageUse } from "./guest-pages.ts";
import type { PhysicalMemory } from "./physical-memory.ts";
import { SwapSpace } from "./swap-space.ts";

const NONE = -1;

export class AnonymousMemory implements PageOwner {
  swapIns = 0;
  swapOuts = 0;
  /** First uses of a page: each is a page fault that maps a page of zeros. */
  demandZeroFaults = 0;
  readonly #pages: GuestPages;
  readonly #physical: PhysicalMemory;
  readonly #requests: DiskRequests;
  /** Logical page -> PPN; -1: never used; below: in swap slot -(entry + 2). */
  readonly #place: Int32Array;
  readonly #slotContent: Uint32Array;
  readonly #swap: SwapSpace;

  constructor(
    pages: GuestPages,
    physical: PhysicalMemory,
    requests: DiskRequests,
    logicalPages: number,
    swapPages: number,
  ) {
    this.#pages = pages;
    this.#physical = physical;
    this.#requests = requests;
    this.#place = new Int32Array(logicalPages).fill(NONE);
    this.#slotContent = new Uint32Array(swapPages);
    this.#swap = new SwapSpace(swapPages);
  }

  /** Pages on the swap device. */
  get swapped(): number {
    return this.#swap.used;
  }

  /** Content of a logical page, as a process reads it; zeros when the guest is out of memory. */
  read(page: number): number {
    const ppn = this.#present(page);
    return ppn === NONE ? ZERO_CONTENT : this.#physical.read(ppn);
  }

  /** False: the guest is out of memory and swap, and the write is lost with the process. */
  write(page: number, content: number): boolean {
    const ppn = this.#present(page);
    if (ppn === NONE) return false;
    this.#physical.write(ppn, content);
    return true;
  }

  /** Forget a logical page: it reads as zeros from now on. */
  discard(page: number): void {
    const place = this.#place[page];
    if (place >= 0) this.#pages.release(place);
    else if (place !== NONE) this.#swap.release(-(place + 2));
    this.#place[page] = NONE;
  }

  /** The page is in memory already, at `ppn`: how a guest looks when it is ready. */
  adopt(page: number, ppn: number): void {
    this.#pages.take(ppn, PageUse.Anonymous, page);
    this.#place[page] = ppn;
  }

  evict(ppn: number, page: number): boolean {
    const slot = this.#swap.take();
    if (slot === NONE) return false;
    this.#slotContent[slot] = this.#physical.read(ppn);
    this.#requests.add(DiskRequestKind.SwapWrite, slot);
    this.#place[page] = -(slot + 2);
    this.swapOuts++;
    return true;
  }

  #present(page: number): number {
    const place = this.#place[page];
    if (place < 0) return this.#bringIn(page, place);
    this.#pages.reference(place);
    return place;
  }

  #bringIn(page: number, place: number): number {
    const ppn = this.#pages.allocate(PageUse.Anonymous, page);
    if (ppn === NONE) return NONE;
    this.#place[page] = ppn;
    if (place === NONE) {
      this.demandZeroFaults++;
      this.#physical.write(ppn, ZERO_CONTENT);
      return ppn;
    }
    const slot = -(place + 2);
    this.#physical.write(ppn, this.#slotContent[slot]);
    this.#requests.add(DiskRequestKind.SwapRead, slot);
    this.#swap.release(slot);
    this.swapIns++;
    return ppn;
  }
}
