/** What a policy lets each VM have at most: its memory is taken by force where that can be done, else its balloon keeps to it. */
import { PAGES_PER_MIB } from "../../machine/page.ts";
import type { MemoryMechanism } from "../host-contract.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { CapKeeper } from "../host-memory/memory-roles.ts";
import type { VmMemory } from "../host-memory/vm-memory.ts";
import { type ForcedPaging, takeByForce } from "./forced-paging.ts";
import { EMERGENCY_PAGES } from "./make-room.ts";

/**
 * Times that Linux tries to take what a group has beyond its limit, at least 32 pages each time where one more is wanted (try_charge and
 * memory_max_write, mm/memcontrol.c, 6.1: MAX_RECLAIM_RETRIES).
 */
const TRIES = 16;

export class VmCaps implements CapKeeper {
  readonly #memory: HostMemory;
  readonly #forced: readonly MemoryMechanism[];
  readonly #why: ForcedPaging;

  constructor(memory: HostMemory, forced: readonly MemoryMechanism[], policy: string) {
    this.#memory = memory;
    this.#forced = forced;
    this.#why = {
      by: policy,
      rule: "the VM is above its cap",
      inputs: (vm) => ({ cap_mib: vm.cap / PAGES_PER_MIB }),
    };
    if (forced.length > 0) memory.capKeeper = this;
  }

  keepToCap(vm: VmMemory): boolean {
    return this.#shrink(vm, vm.cap - 1, EMERGENCY_PAGES);
  }

  /** A cap may have come down. */
  hold(vm: VmMemory): void {
    if (this.#forced.length === 0) vm.size = Math.min(vm.size ?? vm.pages, vm.cap);
    else this.#shrink(vm, vm.cap, 0);
  }

  /** Take what a VM has beyond `most` pages, and at least so many if there is any. Pages that were in use are left at first. */
  #shrink(vm: VmMemory, most: number, least: number): boolean {
    for (let tries = TRIES; tries > 0 && vm.mapped > most; tries--) this.#take(vm, Math.max(least, vm.mapped - most));
    return vm.mapped <= most;
  }

  #take(vm: VmMemory, pages: number): void {
    let left = pages;
    for (const mechanism of this.#forced)
      if (left > 0) left -= takeByForce(this.#memory, mechanism, vm, left, this.#why);
  }
}
