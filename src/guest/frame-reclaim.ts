/** Where frames come from when none is free: first the page cache, then anonymous pages, which go to the guest's swap. */
import { entryOf, frameOf, Pte } from "../machine/page-tables.ts";
import type { AddressSpace } from "./address-space.ts";
import type { BlockLayer } from "./block-layer.ts";
import type { KernelContext } from "./kernel-context.ts";
import type { PageCache } from "./page-cache.ts";
import { USER_END } from "./program-image.ts";
import { isPrivate } from "./regions.ts";
import type { SwapSpace } from "./swap-space.ts";

export class OutOfMemory extends Error {
  constructor() {
    super("the guest is out of memory: no page cache left to drop and its swap device is full");
    this.name = "OutOfMemory";
  }
}

const NOTHING = -1;

export class FrameReclaim {
  readonly #context: KernelContext;
  readonly #cache: PageCache;
  readonly #swap: SwapSpace;
  readonly #blocks: BlockLayer;
  /** Where the search for the next victim goes on: an address space, and a page in it. */
  #handSpace = 0;
  #handPage = 0;

  constructor(context: KernelContext, cache: PageCache, swap: SwapSpace, blocks: BlockLayer) {
    this.#context = context;
    this.#cache = cache;
    this.#swap = swap;
    this.#blocks = blocks;
  }

  /** Free one frame, or at least take away one of the references that hold it. */
  reclaim(): void {
    this.#context.machine.cpu.runKernel(this.#context.paths.reclaim, 1);
    if (!this.#dropCachePage()) this.#swapOut();
  }

  #dropCachePage(): boolean {
    const page = this.#cache.victim(this.#context.frames.references);
    if (page === NOTHING) return false;
    if (this.#cache.isDirty(page)) this.#blocks.transferAndWait(page, 1, true);
    this.#context.frames.release(this.#cache.remove(page));
    return true;
  }

  #swapOut(): void {
    const { spaces, machine, pages } = this.#context;
    const space = this.#findVictim();
    const slot = space === undefined ? NOTHING : this.#swap.take();
    if (space === undefined || slot === NOTHING) throw new OutOfMemory();
    const page = this.#handPage;
    const frame = frameOf(space.entry(page));
    pages.swapOut(frame, slot);
    let isFirst = true;
    // Forked processes have a frame that they share at the same page.
    for (const sharer of spaces.values()) {
      const entry = sharer.entry(page);
      if ((entry & Pte.Present) === 0 || frameOf(entry) !== frame) continue;
      if (!isFirst) this.#swap.share(slot);
      isFirst = false;
      sharer.setEntry(page, entryOf(slot, Pte.Swapped));
      this.#context.frames.release(frame);
    }
    machine.mmu.invalidate(page);
    machine.mmu.commit();
    this.#blocks.writeBehind(this.#cache.size + slot, 1);
  }

  /**
   * Second chance, by the accessed bit, over the page tables of all processes (swap_out of Linux 2.4). The hand stops at
   * the victim; returns its address space.
   */
  #findVictim(): AddressSpace | undefined {
    const { spaces, machine } = this.#context;
    // One lap more than the two of second chance, because the first may begin in the middle.
    for (let lap = 0; lap < 3; lap++) {
      machine.mmu.commit();
      for (const [id, space] of spaces) {
        if (id < this.#handSpace) continue;
        const from = id === this.#handSpace ? this.#handPage + 1 : 0;
        this.#handSpace = id;
        if (this.#advance(space, from)) return space;
      }
      this.#handSpace = 0;
      this.#handPage = NOTHING;
    }
    return undefined;
  }

  /** Move the hand to the first page from `from` on that has not been accessed since it last passed, if there is one. */
  #advance(space: AddressSpace, from: number): boolean {
    const { mmu } = this.#context.machine;
    for (let page = space.nextUsed(from, USER_END); page !== NOTHING; page = space.nextUsed(page + 1, USER_END)) {
      const entry = space.entry(page);
      if ((entry & Pte.Present) === 0 || !isPrivate(space.regions, page)) continue;
      this.#handPage = page;
      if ((entry & Pte.Accessed) === 0) return true;
      space.setEntry(page, (entry & ~Pte.Accessed) >>> 0);
      mmu.invalidate(page);
    }
    return false;
  }
}
