/**
 * Swapping by a host that is Linux (6.1, mm/vmscan.c): a guest's pages are anonymous memory of its VMM's process, in a control
 * group of its own, and reclaim ages them on an active and an inactive list by the accessed bits of the tables that map them.
 * A page found used twice becomes active, and so does one that comes back sooner than the active pages are old. Text of the
 * processes is on lists of files beside them.
 */
import { PageDescriptors } from "../../guest/page-descriptors.ts";
import type { PageList } from "../../guest/page-list.ts";
import { anonymousShare, mayDeactivate } from "../../guest/scan-balance.ts";
import { type GroupLists, PageFlag, type PagePool, SplitLru } from "../../guest/split-lru.ts";
import { definePart } from "../contract.ts";
import type { HostContext, MemoryMechanism } from "../host-contract.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { PageAger } from "../host-memory/memory-roles.ts";
import { Mark } from "../host-memory/page-marks.ts";
import type { VmMemory } from "../host-memory/vm-memory.ts";
import { Kswapd } from "./kswapd.ts";
import { LinuxSwapSlots } from "./linux-swap-slots.ts";
import { SwappedReadahead } from "./swapped-readahead.ts";
import { TEXT_PAGES, VmmText } from "./vmm-text.ts";

/** Most pages looked at before the other list has its turn (SWAP_CLUSTER_MAX). */
const BATCH = 32;
/** Lists are scanned in parts of 2^-priority (DEF_PRIORITY), and as a whole again before there is nothing to be had. */
const FIRST_PRIORITY = 12;
const LAST_PRIORITY = -1;
const ONLY_GROUP = 0;

export interface LinuxSwapParameters extends Record<string, number | boolean> {
  spacePercent: number;
  wholeClusters: boolean;
  textPages: number;
}

/** The lists of one VM's pages, and of the text that is charged to it: a page of text comes after all of the VM's. */
class AgedPages {
  readonly lru: SplitLru;
  readonly descriptors: PageDescriptors;
  readonly firstText: number;
  /** Pages looked at, each as a part of all there were: how often reclaim has been round. */
  rounds = 0;

  constructor(pages: number, text: number) {
    this.firstText = pages;
    this.descriptors = new PageDescriptors(pages + text, true);
    this.lru = new SplitLru(this.descriptors, 1, pages, text);
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

  get text(): GroupLists {
    return this.lru.files.groups[ONLY_GROUP];
  }

  addText(page: number): void {
    this.descriptors.cover(this.firstText + page);
    this.lru.add(this.firstText + page, this.lru.files, page, ONLY_GROUP);
  }
}

class LinuxSwap implements MemoryMechanism, PageAger {
  readonly name = "linux-swap";
  readonly kind = "forced";
  readonly periodUs = 0;
  readonly #memory: HostMemory;
  readonly #slots: LinuxSwapSlots;
  readonly #text: VmmText;
  readonly #aged: (AgedPages | undefined)[] = [];
  #writtenBefore = 0;

  constructor({ spacePercent, wholeClusters, textPages }: LinuxSwapParameters, { memory, profile }: HostContext) {
    this.#memory = memory;
    const capacity = spacePercent > 0 ? Math.floor((memory.frames.forVms * spacePercent) / 100) : undefined;
    this.#slots = new LinuxSwapSlots(capacity);
    memory.slots = this.#slots;
    memory.swapReader = new SwappedReadahead(memory, this.#slots, profile, wholeClusters);
    memory.ager = this;
    memory.backgroundReclaim = new Kswapd(memory);
    this.#text = new VmmText(memory, textPages);
    memory.vmmText = { text: this.#text, serve: (vm) => this.#serve(vm) };
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
    const goal = frames.available + pages;
    const before = frames.available;
    for (let priority = FIRST_PRIORITY; priority >= LAST_PRIORITY && frames.available < goal; priority--) {
      if (priority < 0 && frames.available > before) break;
      this.#shrink(vm, aged, Math.max(0, priority), goal);
    }
    aged.pool.seenActivations = aged.pool.activations;
    aged.lru.files.seenActivations = aged.lru.files.activations;
    return frames.available - before;
  }

  /** Scan all lists in turns (shrink_lruvec). */
  #shrink(vm: VmMemory, aged: AgedPages, priority: number, goal: number): void {
    const { lru, text } = aged;
    const share = lru.files.length === 0 ? 1 : anonymousShare(lru, priority);
    // Close to the end of memory all of both is looked at (SCAN_EQUAL).
    const [ofAnonymous, ofText] = priority === 0 ? [1, 1] : [share, 1 - share];
    const part = (list: PageList, of: number): number => Math.floor((list.length >> priority) * of);
    let inactive = part(aged.inactive, ofAnonymous);
    let active = mayDeactivate(lru.anonymous) ? part(aged.active, ofAnonymous) : 0;
    let inactiveText = part(text.inactive, ofText);
    let activeText = mayDeactivate(lru.files) ? part(text.active, ofText) : 0;
    while (inactive > 0 || active > 0 || inactiveText > 0 || activeText > 0) {
      this.#shrinkActive(vm, aged, Math.min(BATCH, active));
      this.#shrinkInactive(vm, aged, Math.min(BATCH, inactive), goal);
      this.#endRequest();
      this.#shrinkActiveText(aged, Math.min(BATCH, activeText));
      this.#shrinkInactiveText(aged, Math.min(BATCH, inactiveText), goal);
      if (this.#memory.frames.available >= goal) return;
      inactive -= Math.min(BATCH, inactive);
      active -= Math.min(BATCH, active);
      inactiveText -= Math.min(BATCH, inactiveText);
      activeText -= Math.min(BATCH, activeText);
    }
  }

  /** Frames are free when the whole of a request is done: what is taken is not all written by one. */
  #endRequest(): void {
    if (this.#memory.swapOuts - this.#writtenBefore < BATCH) return;
    this.#memory.requests.end();
    this.#writtenBefore = this.#memory.swapOuts;
  }

  #shrinkInactive(vm: VmMemory, aged: AgedPages, pages: number, goal: number): void {
    const { lru, pool, inactive } = aged;
    const { flags } = aged.descriptors;
    const written = this.#memory.swapOuts;
    for (let left = Math.min(pages, inactive.length); left > 0; left--) {
      if (this.#memory.frames.available >= goal) return;
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
    lru.noteCost(pool, this.#memory.swapOuts - written);
  }

  /** All go to the inactive list, used or not (shrink_active_list: only program text in use may stay). */
  #shrinkActive(vm: VmMemory, { lru, pool, active }: AgedPages, pages: number): void {
    for (let left = Math.min(pages, active.length); left > 0; left--) {
      const ppn = active.head;
      this.#takeAccessed(vm, ppn);
      lru.deactivate(ppn, pool);
    }
  }

  /** Executable pages that were used stay, others if they were used twice (folio_check_references). */
  #shrinkInactiveText({ lru, descriptors, text, firstText }: AgedPages, pages: number, goal: number): void {
    const { flags } = descriptors;
    for (let left = Math.min(pages, text.inactive.length); left > 0; left--) {
      if (this.#memory.frames.available >= goal) return;
      const at = text.inactive.head;
      const page = at - firstText;
      const wasReferenced = (flags[at] & PageFlag.Referenced) !== 0;
      flags[at] &= ~PageFlag.Referenced;
      if (this.#text.takeAccessed(page)) {
        flags[at] |= PageFlag.Referenced;
        if (wasReferenced || this.#text.isExecutable(page)) lru.activate(at, lru.files);
        else lru.rotate(at, lru.files);
      } else {
        lru.evict(at, lru.files, page);
        lru.remove(at, lru.files);
        this.#text.evict(page);
      }
    }
  }

  /** Program text in use stays where it is (shrink_active_list). */
  #shrinkActiveText({ lru, text, firstText }: AgedPages, pages: number): void {
    for (let left = Math.min(pages, text.active.length); left > 0; left--) {
      const at = text.active.head;
      const used = this.#text.takeAccessed(at - firstText);
      if (used && this.#text.isExecutable(at - firstText)) lru.rotate(at, lru.files);
      else lru.deactivate(at, lru.files);
    }
  }

  /** The process of a VM serves a request of its guest's. */
  #serve(vm: VmMemory): void {
    if (this.#text.allInUse) return;
    const aged = this.#agedOf(vm);
    this.#text.use((page) => aged.addText(page));
  }

  /**
   * The accessed bit, and clear it: a touch takes the mark away, which stands for setting the bit. Neither costs anything that is
   * counted: the processor sets the bit as it walks the table, and clearing it flushes nothing (ptep_clear_young_notify).
   */
  #takeAccessed(vm: VmMemory, ppn: number): boolean {
    const accessed = !vm.marks.has(ppn, Mark.NotAccessed);
    vm.mark(ppn, Mark.NotAccessed);
    return accessed;
  }

  /** A page that others share would free nothing, and one of a large page is aged once that is broken up. */
  #evict(vm: VmMemory, { lru, pool }: AgedPages, ppn: number): boolean {
    const memory = this.#memory;
    if (memory.frames.references(vm.backing[ppn]) > 1 || memory.pinned.is(vm, ppn)) return false;
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
    const aged = new AgedPages(vm.pages, this.#text.pages);
    this.#slots.makeRoomFor(vm);
    // The first process has read the program.
    if (this.#aged.length === 0) for (let page = 0; page < this.#text.pages; page++) aged.addText(page);
    // A VM that starts late has nothing to make up for.
    const others = this.#aged.map((other) => other?.rounds ?? Infinity);
    if (others.length > 0) aged.rounds = Math.min(...others);
    this.#aged[vm.index] = aged;
    return aged;
  }
}

export const linuxSwap = definePart<"memory", LinuxSwapParameters>({
  slot: "memory",
  stage: "swapping",
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
    wholeClusters: {
      summary: "Every fault reads eight slots, used or not: kernels before 3.14",
      default: false,
      source: "Linux, commit ec8acf20afb8",
      grade: "S",
    },
    textPages: {
      summary: "Pages of its own program that the process of a VM uses to serve a disk request",
      default: TEXT_PAGES,
      unit: "pages",
      min: 0,
      source: "measured on QEMU 7.2, see src/vmm/memory/vmm-text.ts",
    },
  },
  needs: ["page.map"],
  create: (parameters, context) => new LinuxSwap(parameters, context),
});
