/**
 * How a Linux host reads pages back from its swap space: with others that are likely to be needed next, into a swap cache from
 * which they are mapped when they are used (6.1, mm/memory.c: do_swap_page; see guest/swap-readahead.ts for which they are).
 */
import { cause } from "../../core/ledger.ts";
import { ClusterReadahead, SwapReadahead } from "../../guest/swap-readahead.ts";
import { isRotating } from "../../machine/disk.ts";
import { type MachineProfile, primitiveCost } from "../../machine/profile.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { SwapReader } from "../host-memory/memory-roles.ts";
import { Mark } from "../host-memory/page-marks.ts";
import { isSwapped, slotCode, type VmMemory } from "../host-memory/vm-memory.ts";
import type { LinuxSwapSlots } from "./linux-swap-slots.ts";

const MINOR_FAULT = cause("vmm.host-swap.minor-fault");
/** Nothing is read ahead beyond a page table. */
const TABLE_PAGES = 512;
/** Of a page that has been read ahead, and not yet used. */
const READ_AHEAD = [Mark.SwapCopy, Mark.ReadAhead, Mark.NotAccessed] as const;

export class SwappedReadahead implements SwapReader {
  readonly #memory: HostMemory;
  readonly #slots: LinuxSwapSlots;
  /** Absent: the disk does not rotate, and each VM's memory, an area of its VMM's process, has readahead of its own. */
  readonly #cluster: ClusterReadahead | undefined;
  readonly #areas = new Map<VmMemory, SwapReadahead>();
  readonly #faultCost: number;

  /** `wholeClusters`: as before Linux 3.14, whatever the disk. */
  constructor(memory: HostMemory, slots: LinuxSwapSlots, profile: MachineProfile, wholeClusters: boolean) {
    this.#memory = memory;
    this.#slots = slots;
    this.#cluster = wholeClusters || isRotating(profile.disk) ? new ClusterReadahead(wholeClusters) : undefined;
    this.#faultCost = primitiveCost(profile, "page.map");
  }

  readBack(vm: VmMemory, ppn: number, slot: number): void {
    if (this.#cluster === undefined) this.#readArea(vm, ppn, slot);
    else this.#readCluster(slot, this.#cluster);
  }

  /** A page that was read ahead is mapped now; a write makes the copy worthless. */
  used(vm: VmMemory, ppn: number, isAhead: boolean, write: boolean): void {
    if (isAhead) {
      this.#cluster?.hit();
      if (this.#cluster === undefined) this.#areaOf(vm).found(ppn, true);
    }
    if (isAhead || write) this.#memory.payer.add(MINOR_FAULT, this.#faultCost);
    if (!write && !(isAhead && this.#slots.isFull)) {
      vm.mark(ppn, Mark.SwapCopy);
      return;
    }
    const copy = this.#slots.takeCopy(vm, ppn);
    if (copy >= 0) this.#slots.release(copy);
  }

  #readCluster(slot: number, cluster: ClusterReadahead): void {
    cluster.fault(slot);
    for (let next = cluster.from; next < cluster.to; next++) {
      if (next === slot) this.#readFaulted(slot);
      else this.#readAhead(next);
    }
  }

  #readArea(vm: VmMemory, ppn: number, slot: number): void {
    const area = this.#areaOf(vm);
    area.fault(ppn);
    const table = ppn - (ppn % TABLE_PAGES);
    const to = Math.min(area.to, table + TABLE_PAGES, vm.pages);
    for (let next = Math.max(area.from, table); next < to; next++) {
      if (next === ppn) this.#readFaulted(slot);
      else if (isSwapped(vm.backing[next])) this.#readAhead(slotCode(vm.backing[next]));
    }
  }

  /**
   * KVM has the page that a guest waits for brought in as one that is to be written, whether it is or not (virt/kvm/async_pf.c,
   * async_pf_execute), so that its slot is free and it is dirty: to be written again even if nobody changes it.
   */
  #readFaulted(slot: number): void {
    this.#memory.readIn(slot);
    this.#slots.release(slot);
  }

  #readAhead(slot: number): void {
    const owner = this.#slots.ownerOf(slot);
    if (owner === undefined) return;
    const ppn = this.#slots.pageIn(slot);
    if (!this.#memory.readAhead(owner, ppn, slot)) return;
    this.#slots.keepCopy(owner, ppn, slot);
    for (const mark of READ_AHEAD) owner.mark(ppn, mark);
  }

  #areaOf(vm: VmMemory): SwapReadahead {
    let area = this.#areas.get(vm);
    if (area === undefined) {
      area = new SwapReadahead();
      this.#areas.set(vm, area);
    }
    return area;
  }
}
