/**
 * The optimum that no VMM reaches. The memory of the host is one pool for all VMs, equal pages are backed by one frame as soon
 * as memory is needed, and the page whose content is needed last is the first to go (MIN, Belady 1966), whichever VM it is
 * of. What the VMM does costs nothing; what is paged out has been written before, when the disk had nothing to do, and lies in
 * the order in which it comes back. A page that comes back is read from the disk, as everybody has to.
 *
 * No way to divide memory reads fewer pages for the same uses in the same order: MIN is optimal where each miss costs the same
 * (Mattson et al. 1970). What is cached here are contents, so that equal pages are one item, and an item that comes into being
 * by a write is a miss that nobody avoids and nobody pays for. Two things are not foreseen: contents that writes make equal to
 * others later, and the order in which threads of a guest take turns. How long VMs wait is not bounded: pages are read
 * when they are needed, not ahead.
 */
import { copyInto } from "../../core/copy-into.ts";
import { definePart } from "../contract.ts";
import type { Allocation, HostContext, VmRequest, StartAnswer } from "../host-contract.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { Clairvoyance, RoomMaker } from "../host-memory/memory-roles.ts";
import { isSwapped, slotCode, type VmMemory, vmOfPage } from "../host-memory/vm-memory.ts";
import { Mark } from "../host-memory/page-marks.ts";
import { EqualContents } from "./equal-contents.ts";
import { FurthestUse } from "./furthest-use.ts";
import { PagesAside } from "./pages-aside.ts";
import { SharerLists } from "./sharer-lists.ts";

const PERIOD_US = 100_000;

export interface ClairvoyantParameters extends Record<string, number | boolean> {
  sharing: boolean;
}

class Clairvoyant implements Allocation, RoomMaker, Clairvoyance {
  readonly name = "clairvoyant";
  readonly populates = false;
  readonly balloons = false;
  readonly periodUs = PERIOD_US;
  readonly #memory: HostMemory;
  readonly #contents: EqualContents | undefined;
  readonly #order = new FurthestUse();
  /** By frame: pages whose turn to go has come, but whose frame stays for others that need it. */
  readonly #waiting = new SharerLists();
  readonly #aside = new PagesAside();
  /** Pages of the VMs met so far. */
  #pages = 0;
  /** By page: the frame it had when it was looked up last. */
  #frameOfPage = new Int32Array(0);
  /** Pages used since their next use was looked up. */
  #touched = new Int32Array(1024);
  #count = 0;

  constructor({ sharing }: ClairvoyantParameters, context: HostContext) {
    this.#memory = context.memory;
    this.#contents = sharing ? new EqualContents(context.memory) : undefined;
    context.memory.roomMaker = this;
    context.memory.foresee(this);
  }

  /** Everybody starts: there is a place for every page. */
  admit(requests: readonly VmRequest[]): readonly number[] {
    return requests.map(({ pages }) => pages);
  }

  start({ pages }: VmRequest): StartAnswer {
    return { kind: "granted", pages };
  }

  /** Nobody needs memory: only so that figures show what is shared. */
  rebalance(): void {
    this.#lookAhead();
  }

  touched(vm: VmMemory, ppn: number): void {
    const page = this.#numberOf(vm, ppn);
    if (this.#count === this.#touched.length) {
      this.#touched = copyInto(this.#touched, new Int32Array(this.#count * 2));
    }
    this.#touched[this.#count++] = page;
  }

  back(vm: VmMemory, ppn: number): boolean {
    if (this.#contents === undefined || !isSwapped(vm.backing[ppn])) return false;
    this.#lookAhead();
    if (vm.backing[ppn] >= 0) return true;
    const mpn = this.#contents.frameOf(this.#memory.slots.content(slotCode(vm.backing[ppn])));
    if (mpn < 0) return false;
    this.#aside.remove(this.#numberOf(vm, ppn));
    this.#map(vm, ppn, mpn);
    return true;
  }

  /** Pages have been put where they can be read in one go, and none is read that is about to be overwritten. */
  readBack(vm: VmMemory, ppn: number, slot: number): void {
    if (vm.foresight?.overwrites(ppn) !== true) this.#memory.readIn(this.#memory.swapIns);
    this.#memory.slots.release(slot);
    this.#aside.remove(this.#numberOf(vm, ppn));
    if (this.#contents !== undefined) this.#recall(vm.backing[ppn]);
  }

  freed(vm: VmMemory, ppn: number): void {
    const page = this.#numberOf(vm, ppn);
    this.#waiting.remove(page);
    this.#aside.remove(page);
    this.#memory.discard(vm, ppn);
    this.#leave(page, -1);
  }

  /**
   * One frame: that of the page needed last. A page whose frame others need sooner waits for these. Where room is needed for a
   * copy and the original is what is needed last, all others leave its frame, so that no copy is needed, and none is freed.
   */
  makeRoom(): number {
    const { frames, pinned: needed } = this.#memory;
    const original = needed.vm?.backing[needed.ppn] ?? -1;
    const before = frames.free;
    this.#lookAhead();
    if (original >= 0) this.#callIfAlone(original, 1);
    let pinned = -1;
    while (frames.free === before) {
      const page = this.#order.take();
      if (page < 0) break;
      const vm = vmOfPage(this.#memory.vms, page);
      const ppn = page - vm.firstPage;
      const mpn = vm.backing[ppn];
      if (needed.is(vm, ppn)) pinned = page;
      if (mpn < 0 || page === pinned) continue;
      const leaves = mpn === original ? 2 : 1;
      const isLast = frames.references(mpn) === this.#waiting.count(mpn) + leaves;
      const sooner = isLast ? this.#firstNeeded(mpn) : -1;
      const waits = !isLast || (sooner >= 0 && this.#order.keyOf(sooner) < this.#order.keyOf(page));
      if (sooner >= 0 && waits) this.#call(sooner);
      if (waits) this.#waiting.add(mpn, page);
      else this.#putAside(mpn, page);
      if (mpn === original && frames.references(mpn) === 1) break;
    }
    if (pinned >= 0) this.#order.set(pinned, this.#order.keyOf(pinned));
    return frames.free - before;
  }

  /** The page goes, and all that waited for it. */
  #putAside(mpn: number, page: number): void {
    for (let next = page; next >= 0; next = this.#waiting.first(mpn)) {
      const vm = vmOfPage(this.#memory.vms, next);
      this.#waiting.remove(next);
      // What nobody needs again, such as all that is free in guests, need not come back when others with its content do.
      const isNeeded = this.#order.keyOf(next) < Infinity;
      if (this.#contents !== undefined && isNeeded) this.#aside.add(this.#memory.frames.content[mpn], next);
      this.#memory.putAside(vm, next - vm.firstPage);
    }
  }

  /** Share the pages used since the last time, and see when they are needed next. */
  #lookAhead(): void {
    let kept = 0;
    for (let i = 0; i < this.#count; i++) {
      const page = this.#touched[i];
      const vm = vmOfPage(this.#memory.vms, page);
      const ppn = page - vm.firstPage;
      let nextUse = Infinity;
      if (vm.backing[ppn] >= 0) {
        if (this.#contents !== undefined) this.#share(this.#contents, vm, ppn);
        nextUse = vm.foresight?.nextUse(ppn) ?? Infinity;
        this.#waiting.remove(page);
        this.#order.set(page, nextUse);
        this.#leave(page, vm.backing[ppn]);
      }
      if (nextUse < 0 || this.#memory.pinned.is(vm, ppn)) this.#touched[kept++] = page;
      else vm.mark(ppn, Mark.Sampled);
    }
    this.#count = kept;
  }

  #share(contents: EqualContents, vm: VmMemory, ppn: number): void {
    contents.share(vm, ppn);
    this.#recall(vm.backing[ppn]);
  }

  /** Map a page that is not in memory to a frame that holds its content for others. */
  #map(vm: VmMemory, ppn: number, mpn: number): void {
    const { frames } = this.#memory;
    if (frames.isPrivate(mpn)) frames.markShared(mpn);
    frames.addReference(mpn);
    this.#memory.slots.releaseOf(vm, slotCode(vm.backing[ppn]));
    vm.backing[ppn] = mpn;
    vm.mapped++;
  }

  /** What a frame holds is in memory: so are all pages of that content. */
  #recall(mpn: number): void {
    const content = this.#memory.frames.content[mpn];
    for (let page = this.#aside.first(content); page >= 0; page = this.#aside.first(content)) {
      const vm = vmOfPage(this.#memory.vms, page);
      this.#aside.remove(page);
      this.#map(vm, page - vm.firstPage, mpn);
      this.#order.set(page, this.#order.keyOf(page));
      this.#frameOfPage[page] = mpn;
    }
  }

  /** A page has another frame now, or none. */
  #leave(page: number, mpn: number): void {
    const old = this.#frameOfPage[page];
    this.#frameOfPage[page] = mpn;
    if (old >= 0 && old !== mpn) this.#callIfAlone(old, 0);
  }

  /** If but for `others` pages all that have a frame wait, the one of them that is needed first waits no longer. */
  #callIfAlone(mpn: number, others: number): void {
    const waiting = this.#waiting.count(mpn);
    if (waiting > 0 && this.#memory.frames.references(mpn) === waiting + others) this.#call(this.#firstNeeded(mpn));
  }

  /** Of the pages that wait with a frame, the one needed first; -1: none does. */
  #firstNeeded(mpn: number): number {
    let first = this.#waiting.first(mpn);
    for (let page = first; page >= 0; page = this.#waiting.next(page)) {
      if (this.#order.keyOf(page) < this.#order.keyOf(first)) first = page;
    }
    return first;
  }

  #call(page: number): void {
    this.#waiting.remove(page);
    this.#order.set(page, this.#order.keyOf(page));
  }

  #numberOf(vm: VmMemory, ppn: number): number {
    const pages = vm.firstPage + vm.pages;
    if (pages > this.#pages) {
      this.#pages = pages;
      this.#order.grow(this.#pages);
      this.#waiting.grow(this.#memory.frames.forVms, this.#pages);
      this.#aside.grow(this.#pages);
      const frames = new Int32Array(this.#pages).fill(-1, this.#frameOfPage.length);
      this.#frameOfPage = copyInto(this.#frameOfPage, frames);
    }
    return vm.firstPage + ppn;
  }
}

export const clairvoyant = definePart<"allocation", ClairvoyantParameters>({
  slot: "allocation",
  name: "clairvoyant",
  summary: "The unreachable optimum: one pool for all VMs, equal pages shared, and out goes what is needed last.",
  replacesMemoryParts: true,
  parameters: {
    sharing: { summary: "Back all equal pages with one frame, of whichever VMs they are", default: true },
  },
  create: (parameters, context) => new Clairvoyant(parameters, context),
});
