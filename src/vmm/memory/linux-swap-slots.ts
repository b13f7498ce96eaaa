/**
 * The swap space of a Linux host (6.1, mm/swapfile.c): slots are taken in ascending order and around, and a page that was read
 * ahead keeps its slot, so that it need not be written again before it has changed. Such copies are given up where there is no
 * other slot left.
 */
import { copyInto, lengthFor } from "../../core/copy-into.ts";
import { SwapSpace } from "../../guest/swap-space.ts";
import { SwapSlots } from "../host-memory/swap-slots.ts";
import { slotCode, type VmMemory } from "../host-memory/vm-memory.ts";

const NONE = -1;

export class LinuxSwapSlots extends SwapSlots {
  #space: SwapSpace;
  /** Whose page is, or was last, in a slot. */
  readonly #owners: (VmMemory | undefined)[] = [];
  #pages = new Int32Array(0);
  /** By VM and page: the slot that a page in memory still has. */
  readonly #copies = new Map<VmMemory, Int32Array>();
  #copyCount = 0;
  /** Where copies were last given up. */
  #hand = 0;

  /** `capacity`: slots; undefined: as many as the VMs have pages. */
  constructor(capacity?: number) {
    super();
    if (capacity !== undefined) this.capacity = capacity;
    this.#space = new SwapSpace(capacity ?? 0);
  }

  /** A VM is there, whose pages may come. */
  makeRoomFor(vm: VmMemory): void {
    if (this.capacity === Infinity) this.#space.grow(vm.pages);
  }

  override get left(): number {
    return this.capacity - this.#space.used + this.#copyCount;
  }

  /** More than half of it is in use: copies are not kept any more (vm_swap_full). */
  get isFull(): boolean {
    return this.#space.isFull;
  }

  /** The VM whose page is on the disk only, in this slot; undefined: there is none. */
  ownerOf(slot: number): VmMemory | undefined {
    const vm = this.#owners[slot];
    return vm !== undefined && vm.backing[this.#pages[slot]] === slotCode(slot) ? vm : undefined;
  }

  pageIn(slot: number): number {
    return this.#pages[slot];
  }

  override place(vm: VmMemory, ppn: number, content: number): number {
    if (this.#space.used === this.#space.slots) this.#giveUpCopy();
    const slot = this.#space.take();
    this.keep(slot, content);
    if (slot >= this.#pages.length) {
      const length = lengthFor(slot + 1, this.#pages.length, this.#space.slots);
      this.#pages = copyInto(this.#pages, new Int32Array(length));
    }
    this.#owners[slot] = vm;
    this.#pages[slot] = ppn;
    vm.backing[ppn] = slotCode(slot);
    return slot;
  }

  override release(slot: number): void {
    this.#space.release(slot);
    this.#owners[slot] = undefined;
  }

  /** A page has been read from its slot ahead of its use, and keeps it. */
  keepCopy(vm: VmMemory, ppn: number, slot: number): void {
    let copies = this.#copies.get(vm);
    if (copies === undefined) {
      copies = new Int32Array(vm.pages).fill(NONE);
      this.#copies.set(vm, copies);
    }
    copies[ppn] = slot;
    this.#copyCount++;
  }

  override takeCopy(vm: VmMemory, ppn: number): number {
    const copies = this.#copies.get(vm);
    const slot = copies?.[ppn] ?? NONE;
    if (slot === NONE || copies === undefined) return NONE;
    copies[ppn] = NONE;
    this.#copyCount--;
    return slot;
  }

  #giveUpCopy(): void {
    if (this.#copyCount === 0) return;
    for (;;) {
      this.#hand = (this.#hand + 1) % this.#space.slots;
      const vm = this.#owners[this.#hand];
      // None of a page that is being read back: it is in memory, but its slot is no copy.
      const copy = vm === undefined ? NONE : this.takeCopy(vm, this.#pages[this.#hand]);
      if (copy !== NONE) return this.release(copy);
    }
  }
}
