/** What a guest can do without at once, as code of the guest finds it that the VMM runs for it (Amit et al. 2017). */
import { PageUse } from "../guest/guest-pages.ts";
import type { GuestMemory } from "../guest/memory-manager.ts";
import { type DiscardablePages, Worth } from "../vmm/host-memory/discardable-pages.ts";

export class GuestDiscards implements DiscardablePages {
  readonly #memory: GuestMemory;

  constructor(memory: GuestMemory) {
    this.#memory = memory;
  }

  worthOf(ppn: number): Worth {
    const { pages, cache } = this.#memory;
    const use = pages.use(ppn);
    if (use === PageUse.Free) return Worth.Free;
    return use === PageUse.File && cache.isDiscardable(ppn, pages.item(ppn)) ? Worth.Cached : Worth.Needed;
  }

  drop(ppn: number): void {
    const { pages, cache } = this.#memory;
    cache.evict(ppn, pages.item(ppn));
    pages.release(ppn);
  }
}
