/**
 * Anonymous pages of a guest's processes at monitor resolution, seen from the frame: which page-table entries map it, by
 * which replacement learns of its use and through which it goes to the swap device (Linux 2.6, try_to_unmap). Processes
 * that share a frame after a fork have it at the same page.
 */
import { entryOf, frameOf, Pte } from "../machine/page-tables.ts";
import type { AddressSpace } from "./address-space.ts";
import type { FileIo } from "./file-io.ts";
import { Evicted, type PageOwner } from "./guest-pages.ts";
import type { KernelContext } from "./kernel-context.ts";
import type { SwapSpace } from "./swap-space.ts";
import type { AccessObserver } from "./two-list-replacement.ts";

export class ReverseMapping implements PageOwner, AccessObserver {
  readonly #context: KernelContext;
  readonly #swap: SwapSpace;
  readonly #files: FileIo;

  constructor(context: KernelContext, swap: SwapSpace, files: FileIo) {
    this.#context = context;
    this.#swap = swap;
    this.#files = files;
  }

  /** Also of a frame with a reference that is no entry: the kernel is just about to map it. */
  wasAccessed(frame: number): boolean {
    const { frames, machine, spaces } = this.#context;
    const page = frames.item(frame);
    // Entries that are still queued must be seen.
    machine.mmu.commit();
    let entries = 0;
    let accessed = false;
    for (const space of spaces.values()) {
      const entry = space.entry(page);
      if (!maps(entry, frame)) continue;
      entries++;
      if ((entry & Pte.Accessed) === 0) continue;
      space.setEntry(page, (entry & ~Pte.Accessed) >>> 0);
      accessed = true;
    }
    if (accessed) machine.mmu.invalidate(page);
    return accessed || entries !== frames.references(frame);
  }

  isDirty(): boolean {
    return true;
  }

  evict(frame: number, page: number): Evicted {
    const { frames, machine, pages, paths } = this.#context;
    machine.mmu.commit();
    const sharers = this.#sharers(frame, page);
    if (sharers.length !== frames.references(frame)) return Evicted.Kept;
    const slot = this.#swap.take();
    if (slot === -1) return Evicted.Kept;
    machine.cpu.runKernel(paths.reclaim, 1);
    pages.swapOut(frame, slot);
    sharers.forEach((space, index) => {
      if (index > 0) {
        this.#swap.share(slot);
        frames.release(frame);
      }
      space.setEntry(page, entryOf(slot, Pte.Swapped));
    });
    machine.mmu.invalidate(page);
    machine.mmu.commit();
    this.#files.blocks.writeBehind(this.#files.cache.size + slot, 1);
    return Evicted.Safe;
  }

  #sharers(frame: number, page: number): AddressSpace[] {
    return [...this.#context.spaces.values()].filter((space) => maps(space.entry(page), frame));
  }
}

function maps(entry: number, frame: number): boolean {
  return (entry & Pte.Present) !== 0 && frameOf(entry) === frame;
}
