/** What is in the host's swap space, page by page. */
import { copyInto } from "../../core/copy-into.ts";
import type { MachineProfile } from "../../machine/profile.ts";
import { slotCode, type VmMemory } from "./vm-memory.ts";

export class SwapSlots {
  /** Size of the swap space, pages. */
  capacity = Infinity;
  /** The disk that it is on; absent: the host's. */
  disk: MachineProfile["disk"] | undefined;
  #content = new Uint32Array(1024);
  #used = 0;
  /** Free slots below #used: a stack. */
  readonly #free: number[] = [];

  /** Pages that still fit. */
  get left(): number {
    return this.capacity - (this.#used - this.#free.length);
  }

  content(slot: number): number {
    return this.#content[slot];
  }

  /** Put a page of this content into a free slot: the one freed last, else a new one. Returns the slot. */
  place(vm: VmMemory, ppn: number, content: number): number {
    const slot = this.#free.pop() ?? this.#used++;
    this.keep(slot, content);
    vm.backing[ppn] = slotCode(slot);
    return slot;
  }

  release(slot: number): void {
    this.#free.push(slot);
  }

  /** The content that a VM has here is not needed, or back in memory. */
  releaseOf(vm: VmMemory, slot: number): void {
    this.release(slot);
    vm.swapped--;
  }

  /** Give up the copy that a page in memory has in a slot. The slot, which is still taken; -1: it has none. */
  takeCopy(_vm: VmMemory, _ppn: number): number {
    return -1;
  }

  protected keep(slot: number, content: number): void {
    if (slot >= this.#content.length) this.#content = copyInto(this.#content, new Uint32Array(slot * 2));
    this.#content[slot] = content;
  }
}
