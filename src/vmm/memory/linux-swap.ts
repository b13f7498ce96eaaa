/**
 * Swapping by a host that is Linux (6.1, mm/vmscan.c): a guest's pages are anonymous memory of its VMM's process, in a control
 * group of its own, and reclaim ages them on an active and an inactive list by the accessed bits of the tables that map them.
 * A page found used twice becomes active, and so does one that comes back sooner than the active pages are old.
 *
 * Text of the VMM's process, which is reclaimed before anonymous memory (Amit et al. 2014, VSwapper: false page anonymity),
 * has no pages here: how many there are, and when a guest needs them, is not in the source. Nor does a fault read the pages
 * that lie next to its own on the disk.
 */
import { PageDescriptors } from "../../guest/page-descriptors.ts";
import type { PageList } from "../../guest/page-list.ts";
import { PageFlag, type PagePool, SplitLru } from "../../guest/split-lru.ts";
import { definePart } from "../contract.ts";
import type { HostContext, MemoryMechanism } from "../host-contract.ts";
import type { HostMemory } from "../host-memory.ts";
import type { PageAger } from "../memory-roles.ts";
import { Mark } from "../page-marks.ts";
import type { VmMemory } from "../vm-memory.ts";

/** Most pages looked at before the other list has its turn (SWAP_CLUSTER_MAX). */
const BATCH = 32;
/** Lists are scanned in parts of 2^-priority (DEF_PRIORITY), and as a whole again before there is nothing to be had. */
const FIRST_PRIORITY = 12;
const LAST_PRIORITY = -1;
const ONLY_GROUP = 0;

export interface LinuxSwapParameters extends Record<string, number | boolean> {
  spacePercent: number;
}

/** The lists of one VM's pages. */
class AgedPages {
  readonly lru: SplitLru;
  readonly descriptors: PageDescriptors;
  /** Pages looked at, each as a part of all there were: how often reclaim has been round. */
  rounds = 0;

  constructor(pages: number) {
    this.descriptors = new PageDescriptors(pages, true);
    this.lru = new SplitLru(this.descriptors, 1, pages, 0);
  }

  get pool(): PagePool {
    return this.lru.anonymous;
  }

  get active(): PageList {
    return this.pool.groups[ONLY_GROUP].active;
  }

  get inactive(): PageList {
    return this.pool.groups[ONLY_GROUP].inactive;
  }
}

class LinuxSwap implements MemoryMechanism, PageAger {
  readonly name = "linux-swap";
  readonly kind = "forced";
  readonly periodUs = 0;
  readonly #memory: HostMemory;
  readonly #aged: (AgedPages | undefined)[] = [];

  constructor({ spacePercent }: LinuxSwapParameters, { memory }: HostContext) {
    this.#memory = memory;
    if (spacePercent > 0) memory.slots.capacity = Math.floor((memory.frames.forVms * spacePercent) / 100);
    memory.ager = this;
  }

  work(): void {}

  mapped(vm: VmMemory, ppn: number): void {
    const { descriptors, lru, pool } = this.#agedOf(vm);
    descriptors.cover(ppn);
    lru.add(ppn, pool, ppn, ONLY_GROUP);
  }

  unmapped(vm: VmMemory, ppn: number): void {
    const { lru, pool } = this.#agedOf(vm);
    lru.remove(ppn, pool);
  }

  forgotten(vm: VmMemory, ppn: number): void {
    this.#agedOf(vm).pool.setShadow(ppn, 0);
  }

  /** Reclaim goes round all control groups and looks at as large a part of each. */
  order(vms: readonly VmMemory[]): readonly VmMemory[] {
    const rounds = (vm: VmMemory): number => this.#agedOf(vm).rounds;
    return [...vms].sort((a, b) => rounds(a) - rounds(b) || a.index - b.index);
  }

  /** Ever larger parts of the lists are scanned until enough is free. */
  reclaim(vm: VmMemory, pages: number): number {
    const { frames } = this.#memory;
    const aged = this.#agedOf(vm);
    const goal = frames.free + pages;
    const before = frames.free;
    for (let priority = FIRST_PRIORITY; priority >= LAST_PRIORITY && frames.free < goal; priority--) {
      if (priority < 0 && frames.free > before) break;
      this.#shrink(vm, aged, Math.max(0, priority), goal);
    }
    aged.pool.seenActivations = aged.pool.activations;
    return frames.free - before;
  }

  /** Scan both lists in turns (shrink_lruvec, inactive_is_low). */
  #shrink(vm: VmMemory, aged: AgedPages, priority: number, goal: number): void {
    const { pool } = aged;
    const mayDeactivate = pool.activations !== pool.seenActivations || pool.inactiveIsLow;
    let inactive = aged.inactive.length >> priority;
    let active = mayDeactivate ? aged.active.length >> priority : 0;
    while (inactive > 0 || active > 0) {
      this.#shrinkActive(vm, aged, Math.min(BATCH, active));
      this.#shrinkInactive(vm, aged, Math.min(BATCH, inactive), goal);
      if (this.#memory.frames.free >= goal) return;
      inactive -= Math.min(BATCH, inactive);
      active -= Math.min(BATCH, active);
    }
  }

  #shrinkInactive(vm: VmMemory, aged: AgedPages, pages: number, goal: number): void {
    const { lru, pool, inactive } = aged;
    const { flags } = aged.descriptors;
    for (let left = Math.min(pages, inactive.length); left > 0; left--) {
      if (this.#memory.frames.free >= goal) return;
      const ppn = inactive.head;
      aged.rounds += 1 / pool.length;
      const wasReferenced = (flags[ppn] & PageFlag.Referenced) !== 0;
      flags[ppn] &= ~PageFlag.Referenced;
      if (this.#takeAccessed(vm, ppn)) {
        flags[ppn] |= PageFlag.Referenced;
        if (wasReferenced) lru.activate(ppn, pool);
        else lru.rotate(ppn, pool);
      } else if (!this.#evict(vm, aged, ppn)) lru.rotate(ppn, pool);
    }
  }

  /** All go to the inactive list, used or not (shrink_active_list: only program text in use may stay). */
  #shrinkActive(vm: VmMemory, { lru, pool, active }: AgedPages, pages: number): void {
    for (let left = Math.min(pages, active.length); left > 0; left--) {
      const ppn = active.head;
      this.#takeAccessed(vm, ppn);
      lru.deactivate(ppn, pool);
    }
  }

  /**
   * The accessed bit, and clear it: a touch takes the mark away, which stands for setting the bit. Neither costs anything that is
   * counted: the processor sets the bit as it walks the table, and clearing it flushes nothing (ptep_clear_young_notify).
   */
  #takeAccessed(vm: VmMemory, ppn: number): boolean {
    const accessed = !vm.marks.has(ppn, Mark.NotAccessed);
    vm.marks.add(ppn, Mark.NotAccessed);
    return accessed;
  }

  /** A page that others share would free nothing, and one of a large page is aged once that is broken up. */
  #evict(vm: VmMemory, { lru, pool }: AgedPages, ppn: number): boolean {
    const memory = this.#memory;
    if (memory.frames.references(vm.backing[ppn]) > 1) return false;
    if (memory.pinned.is(vm, ppn)) return false;
    if (vm.isLarge(ppn)) {
      memory.breakUp(vm, ppn);
      return false;
    }
    lru.evict(ppn, pool, ppn);
    if (memory.pageOut(vm, ppn)) return vm.backing[ppn] < 0;
    pool.setShadow(ppn, 0);
    return false;
  }

  #agedOf(vm: VmMemory): AgedPages {
    const known = this.#aged[vm.index];
    if (known !== undefined) return known;
    const aged = new AgedPages(vm.pages);
    // A VM that starts late has nothing to make up for.
    const others = this.#aged.map((other) => other?.rounds ?? Infinity);
    if (others.length > 0) aged.rounds = Math.min(...others);
    this.#aged[vm.index] = aged;
    return aged;
  }
}

export const linuxSwap = definePart<"memory", LinuxSwapParameters>({
  slot: "memory",
  name: "linux-swap",
  role: "host-swap",
  summary:
    "Takes pages of a VM that its accessed bits say are not in use, and writes them to the host's disk, as Linux does.",
  parameters: {
    spacePercent: {
      summary: "Swap space, of host memory for VMs; 0: as much as is needed",
      default: 0,
      unit: "%",
      min: 0,
      max: 10_000,
      source: "a choice of whoever sets the host up",
    },
  },
  needs: ["page.map"],
  create: (parameters, context) => new LinuxSwap(parameters, context),
});
