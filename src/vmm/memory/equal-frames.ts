/**
 * Merging a page with one of equal content that was seen before: the frame table says where. Of contents that nobody shares yet
 * it keeps where they were seen last; that page may have changed since, and then the new one takes its place in the table.
 */
import type { HostMemory } from "../host-memory/host-memory.ts";
import { type VmMemory, vmOfPage } from "../host-memory/vm-memory.ts";
import { FrameTable, NO_ENTRY } from "./frame-table.ts";

/** Contents are told apart without collisions. */
const HASH_BITS = 32;

export class EqualFrames {
  /** Pages merged with a shared frame or with another page. */
  merges = 0;
  /** The VM whose page the latest merge made the first of a shared frame; undefined: the frame was shared already. */
  partner: VmMemory | undefined;
  /** Contents that have a shared frame. */
  shared = 0;
  readonly #memory: HostMemory;
  readonly #table: FrameTable;

  constructor(memory: HostMemory) {
    this.#memory = memory;
    this.#table = new FrameTable(memory, HASH_BITS, true);
  }

  /** Machine memory that the table takes, pages. */
  get overheadPages(): number {
    return this.#table.overheadPages;
  }

  /** Contents that were seen and have no shared frame. */
  get waiting(): number {
    return this.#table.entries - this.shared;
  }

  /** A page that has a frame of its own. Returns whether it was merged. */
  merge(vm: VmMemory, ppn: number): boolean {
    const { frames } = this.#memory;
    const key = this.#table.keyOf(frames.content[vm.backing[ppn]]);
    const entry = this.#table.first(key, vm.index);
    if (entry === NO_ENTRY) this.#table.addHint(key, vm, ppn);
    else if (this.#table.isShared(entry)) return this.#join(vm, ppn, this.#table.sharedFrame(entry), undefined);
    else if (this.#table.isValidHint(entry, key)) return this.#pairUp(entry, vm, ppn);
    else this.#table.replaceHint(entry, vm, ppn);
    return false;
  }

  /** The last page that maps a shared frame is about to leave it. */
  forget(vm: VmMemory, ppn: number): void {
    this.#table.removeShared(vm.backing[ppn], vm.index);
    this.shared--;
  }

  /** Whether the page has a frame that nobody else may have. */
  isPrivate(vm: VmMemory, ppn: number): boolean {
    const mpn = vm.backing[ppn];
    return mpn >= 0 && this.#memory.frames.isPrivate(mpn);
  }

  #pairUp(entry: number, vm: VmMemory, ppn: number): boolean {
    const page = this.#table.hintPage(entry);
    if (page === vm.firstPage + ppn) return false;
    const other = vmOfPage(this.#memory.vms, page);
    const otherPpn = page - other.firstPage;
    this.#memory.breakUp(other, otherPpn);
    const mpn = other.backing[otherPpn];
    this.#memory.frames.markShared(mpn);
    this.#table.makeShared(entry, mpn);
    this.shared++;
    return this.#join(vm, ppn, mpn, other);
  }

  #join(vm: VmMemory, ppn: number, mpn: number, partner: VmMemory | undefined): boolean {
    this.#memory.breakUp(vm, ppn);
    this.#memory.merge(vm, ppn, mpn);
    this.merges++;
    this.partner = partner;
    return true;
  }
}
