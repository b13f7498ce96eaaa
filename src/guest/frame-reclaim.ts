/** Where frames come from when none is free: first the page cache, then anonymous pages, which go to the guest's swap. */
import { entryOf, Pte } from "../machine/page-tables.ts";
import type { BlockLayer } from "./block-layer.ts";
import { NO_OWNER } from "./frame-allocator.ts";
import type { KernelContext } from "./kernel-context.ts";
import type { PageCache } from "./page-cache.ts";
import type { SwapSpace } from "./swap-space.ts";

export class OutOfMemory extends Error {
  constructor() {
    super("the guest is out of memory: no page cache left to drop and its swap device is full");
    this.name = "OutOfMemory";
  }
}

export class FrameReclaim {
  readonly #context: KernelContext;
  readonly #cache: PageCache;
  readonly #swap: SwapSpace;
  readonly #blocks: BlockLayer;
  #hand = 0;

  constructor(context: KernelContext, cache: PageCache, swap: SwapSpace, blocks: BlockLayer) {
    this.#context = context;
    this.#cache = cache;
    this.#swap = swap;
    this.#blocks = blocks;
  }

  /** Free one frame. */
  reclaim(): void {
    this.#context.machine.cpu.runKernel(this.#context.paths.reclaim, 1);
    if (!this.#dropCachePage()) this.#swapOut();
  }

  #dropCachePage(): boolean {
    const page = this.#cache.victim(this.#context.frames.references);
    if (page === -1) return false;
    if (this.#cache.isDirty(page)) this.#blocks.transferAndWait(page, 1, true);
    this.#context.frames.release(this.#cache.remove(page));
    return true;
  }

  #swapOut(): void {
    const { frames, spaces, machine } = this.#context;
    const victim = this.#anonymousVictim();
    const slot = victim === -1 ? -1 : this.#swap.take();
    if (slot === -1) throw new OutOfMemory();
    const page = frames.ownerPage[victim];
    spaces.get(frames.ownerSpace[victim])?.setEntry(page, entryOf(slot, Pte.Swapped));
    machine.mmu.invalidate(page);
    machine.mmu.commit();
    this.#context.pages.swapOut(victim, slot);
    this.#blocks.writeBehind(this.#cache.size + slot, 1);
    frames.release(victim);
  }

  /** Second chance over the frames, by the accessed bit of their one mapping. */
  #anonymousVictim(): number {
    const { frames, spaces, machine } = this.#context;
    machine.mmu.commit();
    for (let step = 0; step < 2 * frames.total; step++) {
      // The second lap has to see what the first has written.
      if (step === frames.total) machine.mmu.commit();
      const frame = this.#hand;
      this.#hand = frame + 1 === frames.total ? 0 : frame + 1;
      if (frames.ownerSpace[frame] === NO_OWNER) continue;
      const space = spaces.get(frames.ownerSpace[frame]);
      if (space === undefined) continue;
      const page = frames.ownerPage[frame];
      const entry = space.entry(page);
      if ((entry & Pte.Accessed) === 0) return frame;
      space.setEntry(page, (entry & ~Pte.Accessed) >>> 0);
      machine.mmu.invalidate(page);
    }
    return -1;
  }
}
