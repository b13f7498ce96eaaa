/** Anonymous memory of a guest's processes: zero on first use, to the guest's swap device and back under pressure. */
import { arithmeticSequence } from "../core/arithmetic-sequence.ts";
import { ZERO_CONTENT } from "../machine/content-ids.ts";
import { DiskRequestKind, type DiskRequests } from "./disk-requests.ts";
import { type GuestPages, type PageOwner, PageUse } from "./guest-pages.ts";
import type { PhysicalMemory } from "./physical-memory.ts";

const NONE = -1;

export class AnonymousMemory implements PageOwner {
  /** Pages on the swap device. */
  swapped = 0;
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
  /** Stack of free slots; pops ascend, so that pages swapped out together lie side by side. */
  readonly #freeSlots: Int32Array;
  #freeSlotCount: number;

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
    this.#freeSlots = arithmeticSequence(swapPages, swapPages - 1, -1);
    this.#freeSlotCount = swapPages;
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
    else if (place !== NONE) this.#releaseSlot(-(place + 2));
    this.#place[page] = NONE;
  }

  /** The page is in memory already, at `ppn`: how a guest looks when it is ready. */
  adopt(page: number, ppn: number): void {
    this.#pages.take(ppn, PageUse.Anonymous, page);
    this.#place[page] = ppn;
  }

  evict(ppn: number, page: number): boolean {
    if (this.#freeSlotCount === 0) return false;
    const slot = this.#freeSlots[--this.#freeSlotCount];
    this.#slotContent[slot] = this.#physical.read(ppn);
    this.#requests.add(DiskRequestKind.SwapWrite, slot);
    this.#place[page] = -(slot + 2);
    this.swapped++;
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
    this.#releaseSlot(slot);
    this.swapIns++;
    return ppn;
  }

  #releaseSlot(slot: number): void {
    this.#freeSlots[this.#freeSlotCount++] = slot;
    this.swapped--;
  }
}
