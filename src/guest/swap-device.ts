/**
 * A guest's swap device at host resolution: its slots, what lies in them, and the requests that bring pages there and back. What
 * the hypervisor keeps (frontswap.ts) has a slot like all others, but is neither written nor read.
 */
import { DiskRequestKind, type DiskRequests } from "./disk-requests.ts";
import type { Frontswap } from "./frontswap.ts";
import type { PhysicalMemory } from "./physical-memory.ts";
import { SwapSpace } from "./swap-space.ts";
import { SwappedPages } from "./swapped-pages.ts";

const NONE = -1;
/** In place of a content that only the hypervisor has. */
const ELSEWHERE = 0;

export class SwapDevice {
  /** Pages read from the disk, and written there. */
  ins = 0;
  outs = 0;
  readonly pages: SwappedPages;
  /** Absent: all pages go to the disk. */
  frontswap: Frontswap | undefined;
  readonly #physical: PhysicalMemory;
  readonly #requests: DiskRequests;
  readonly #slots: SwapSpace;

  constructor(physical: PhysicalMemory, requests: DiskRequests, slots: number, logicalPages: number) {
    this.#physical = physical;
    this.#requests = requests;
    this.#slots = new SwapSpace(slots);
    this.pages = new SwappedPages(logicalPages);
  }

  get used(): number {
    return this.#slots.used;
  }

  /** See {@link SwapSpace.isFull}. */
  get isFull(): boolean {
    return this.#slots.isFull;
  }

  /** A slot, or -1 when the device is full. */
  take(): number {
    return this.#slots.take();
  }

  /** Put a logical page into a slot. Returns whether it has to wait until the disk has it. */
  write(slot: number, page: number, ppn: number): boolean {
    if (this.frontswap?.store(slot, ppn) === true) {
      this.pages.write(slot, page, ELSEWHERE);
      return false;
    }
    this.pages.write(slot, page, this.#physical.readForDisk(ppn));
    this.#requests.add(DiskRequestKind.SwapWrite, slot);
    this.outs++;
    return true;
  }

  /** Bring a logical page back from its slot, where a copy of it stays. */
  read(slot: number, page: number, ppn: number): void {
    this.pages.setCopy(page, slot);
    if (this.frontswap?.has(slot) === true) return this.frontswap.load(slot, ppn);
    this.#physical.writeFromDisk(ppn, this.pages.content(slot));
    this.#requests.add(DiskRequestKind.SwapRead, slot);
    this.ins++;
  }

  release(slot: number): void {
    this.#slots.release(slot);
    this.frontswap?.invalidate(slot);
  }

  /** Give up the slot with a copy of a page that is in memory, if there is one. */
  dropCopy(page: number): void {
    const slot = this.pages.copyOf(page);
    if (slot === NONE) return;
    this.release(slot);
    this.pages.setCopy(page, NONE);
  }
}
