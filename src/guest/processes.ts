/** Processes: fork, exec and exit, and the switch from one to another. */
import { entryOf, frameOf, Pte } from "../machine/page-tables.ts";
import { AddressSpace } from "./address-space.ts";
import { PageUse } from "./guest-pages.ts";
import type { KernelContext } from "./kernel-context.ts";
import { imageRegions, programImage, PROGRAM_TEXT_PAGES, serviceImage, USER_END } from "./program-image.ts";
import { isPrivate } from "./regions.ts";
import type { Region } from "./regions.ts";
import type { SwapSpace } from "./swap-space.ts";
import { ALL_PAGES } from "./virtual-hardware.ts";

const MAPPED = Pte.Present | Pte.User | Pte.Accessed;
const WRITTEN = MAPPED | Pte.Writable | Pte.Dirty;

export class Processes {
  readonly #context: KernelContext;
  readonly #swap: SwapSpace;
  #nextId = 0;

  constructor(context: KernelContext, swap: SwapSpace) {
    this.#context = context;
    this.#swap = swap;
  }

  /** A service process as it is when the guest is ready: image and the first `anonymous` pages in memory. */
  boot(anonymousStart: number, anonymous: number): AddressSpace {
    const { machine, frames } = this.#context;
    const space = this.#newSpace();
    const image = serviceImage();
    space.regions = imageRegions(image);
    for (let page = image.text.start; page < image.text.end; page++) {
      const text = (page - image.text.start) % PROGRAM_TEXT_PAGES;
      frames.share(text);
      space.setEntry(page, entryOf(text, MAPPED));
    }
    const heap: Region = { start: anonymousStart, end: anonymousStart + anonymous, kind: "anonymous", writable: true };
    for (const region of [image.data, image.stack, heap]) {
      for (let page = region.start; page < region.end; page++) {
        space.setEntry(page, entryOf(this.#context.takeFrame(PageUse.Anonymous, page), WRITTEN));
      }
    }
    machine.mmu.commit();
    return space;
  }

  /** Copy an address space: entry by entry, private pages write-protected in both (copy-on-write). */
  fork(parent: AddressSpace): AddressSpace {
    const { machine, paths } = this.#context;
    machine.cpu.enterKernel("system-call");
    machine.cpu.runKernel(paths.fork, 1);
    const child = this.#newSpace();
    child.regions = parent.regions;
    const copied = this.#copyEntries(parent, child);
    machine.cpu.runKernel(paths["copy-entry"], copied);
    machine.mmu.invalidate(ALL_PAGES);
    machine.mmu.commit();
    machine.cpu.leaveKernel("system-call");
    return child;
  }

  /** Replace what is in an address space by the image of a program of so many pages; none of them is mapped yet. */
  exec(space: AddressSpace, pages: number): readonly Region[] {
    const { machine, paths } = this.#context;
    machine.cpu.enterKernel("system-call");
    machine.cpu.runKernel(paths.exec, 1);
    this.unmapAll(space);
    machine.mmu.invalidate(ALL_PAGES);
    machine.mmu.commit();
    machine.cpu.leaveKernel("system-call");
    space.regions = imageRegions(programImage(pages));
    return space.regions;
  }

  /** The process ends and `next` runs. */
  exit(space: AddressSpace, next: AddressSpace): void {
    const { machine, paths } = this.#context;
    machine.cpu.enterKernel("system-call");
    machine.cpu.runKernel(paths.exit, 1);
    this.unmapAll(space);
    machine.mmu.commit();
    this.switchTo(next);
    space.destroy();
    machine.mmu.commit();
    machine.cpu.leaveKernel("system-call");
  }

  switchTo(space: AddressSpace): void {
    const { machine, paths } = this.#context;
    machine.cpu.runKernel(paths["context-switch"], 1);
    machine.mmu.switchRoot(space.root);
  }

  /** Clear all entries in [start, end) and give back what they refer to. Returns how many there were. */
  unmap(space: AddressSpace, start: number, end: number): number {
    const { frames } = this.#context;
    let count = 0;
    for (let page = space.nextUsed(start, end); page !== -1; page = space.nextUsed(page + 1, end)) {
      const entry = space.entry(page);
      if ((entry & Pte.Present) !== 0) frames.release(frameOf(entry));
      else this.#swap.release(frameOf(entry));
      space.setEntry(page, 0);
      count++;
    }
    this.#context.machine.cpu.runKernel(this.#context.paths["zap-entry"], count);
    return count;
  }

  unmapAll(space: AddressSpace): void {
    this.unmap(space, 0, USER_END);
  }

  #newSpace(): AddressSpace {
    return new AddressSpace(this.#context, this.#nextId++);
  }

  #copyEntries(parent: AddressSpace, child: AddressSpace): number {
    const { frames } = this.#context;
    let count = 0;
    for (let page = parent.nextUsed(0, USER_END); page !== -1; page = parent.nextUsed(page + 1, USER_END)) {
      let entry = parent.entry(page);
      if ((entry & Pte.Present) === 0) this.#swap.share(frameOf(entry));
      else {
        if (isPrivate(parent.regions, page)) {
          // Write-protected pages too: they may become writable again.
          const shared = ((entry & ~Pte.Writable) | Pte.CopyOnWrite) >>> 0;
          if (shared !== entry) parent.setEntry(page, shared);
          entry = shared;
        }
        frames.share(frameOf(entry));
      }
      child.setEntry(page, entry);
      count++;
    }
    return count;
  }
}
