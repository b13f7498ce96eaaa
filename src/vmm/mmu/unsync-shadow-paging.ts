/**
 * Shadow paging as KVM does it (arch/x86/kvm/mmu, Linux 6.1, on AMD processors with npt=0). The guest's lowest-level tables
 * may go out of sync: their first write faults once, all others are free until the guest flushes its TLB or changes its
 * root; then every entry that is shadowed is made anew. Writes to upper tables are emulated one by one; a table that is
 * written three times without being used is given up. A fault fills up to eight neighbouring entries.
 */
import { cause, event } from "../../core/ledger.ts";
import { ALL_PAGES, GUEST_FAULT, NOT_A_TABLE } from "../../guest/virtual-hardware.ts";
import type { Meter } from "../../machine/meter.ts";
import { frameOf, isLarge, PageTableMemory, Pte } from "../../machine/page-tables.ts";
import { NOT_TRANSLATED, PageWalker } from "../../machine/page-walker.ts";
import { definePart } from "../contract.ts";
import type { Mmu, MonitorContext, VmmEntry } from "../monitor-contract.ts";
import { TRANSLATION_COSTS } from "./bare.ts";
import { DirectShadows } from "./direct-shadows.ts";
import { mappingEntry } from "./guest-walk.ts";
import { KvmExits, PF_EMULATE, PF_FIXED, PF_GUEST } from "./kvm-exits.ts";
import { UNSYNC_COSTS, type UnsyncCosts, unsyncCosts } from "./unsync-costs.ts";
import { UnsyncTables } from "./unsync-tables.ts";
import { RecentRoots } from "./recent-roots.ts";
import { ShadowPages } from "./shadow-pages.ts";

const GUEST_FAULT_EXIT = cause("vmm.shadow.true-fault");
const HIDDEN_FAULT = cause("vmm.shadow.hidden-fault");
const UNSYNC = cause("vmm.shadow.unsync");
const EMULATED_WRITE = cause("vmm.shadow.emulated-write");
const NEW_SHADOW = cause("vmm.shadow.new-table");
const ZAP = cause("vmm.shadow.zap");
const ROOT_SWITCH = cause("vmm.shadow.root-switch");
const INVALIDATE = cause("vmm.shadow.invalidate");

const MMU_PTE_WRITE = event("mmu_pte_write");
const MMU_ZAPPED = event("mmu_shadow_zapped");
const MMU_FLOODED = event("mmu_flooded");
const INVLPG = event("invlpg");

/** detect_write_flooding, mmu.c. */
const WRITES_UNTIL_FLOODED = 3;
/** KVM_MIN_FREE_MMU_PAGES and KVM_REFILL_PAGES, kvm_host.h: no walk makes more than the former. */
const LEAST_ROOM = 5;
const ROOM_AFTER_ZAPPING = 25;
/** That of the guest kernel itself. */
const NO_ROOT = -1;
const NONE = -1;

export class UnsyncShadowPaging implements Mmu {
  /** The guest's own tables; no hardware ever walks them. */
  readonly guest: PageTableMemory;
  readonly shadows: ShadowPages;
  readonly #levelOf: Uint8Array;
  readonly #meter: Meter;
  readonly #walker: PageWalker;
  readonly #costs: UnsyncCosts;
  readonly #roots = new RecentRoots();
  readonly #vmmEntry: VmmEntry;
  readonly #exits: KvmExits;
  readonly #unsyncTables: UnsyncTables;
  readonly #direct: DirectShadows;
  /** Guest frame of the root that is loaded. */
  #root = NO_ROOT;
  /** The page of the fault that the guest has to handle, if its entry is present. */
  #presentFault = NONE;

  constructor(context: MonitorContext) {
    const { profile, meter, pageTableFormat, machineFrames } = context;
    const guestPages = machineFrames.length;
    this.guest = new PageTableMemory(pageTableFormat, guestPages);
    this.shadows = new ShadowPages(pageTableFormat, guestPages);
    this.#levelOf = new Uint8Array(guestPages);
    this.#meter = meter;
    this.#walker = new PageWalker(this.shadows.memory, context);
    this.#costs = unsyncCosts(profile);
    this.#vmmEntry = context.vmmEntry;
    this.#exits = new KvmExits(meter, context.vmmEntry);
    this.#unsyncTables = new UnsyncTables(this.guest, this.shadows, machineFrames, meter, this.#costs);
    this.#direct = new DirectShadows(this.guest, this.shadows, this.#unsyncTables, meter, this.#costs);
  }

  access(page: number, write: boolean): number {
    const frame = this.#walker.translate(page, write);
    return frame === NOT_TRANSLATED ? this.#resolve(page, write) : frame;
  }

  raiseFault(): void {
    this.#exits.fault(PF_GUEST, GUEST_FAULT_EXIT, this.#costs.guestFault, this.#walker.walkedPage);
    this.#vmmEntry.forwardFault();
    if (this.#presentFault === NONE) return;
    // Else the guest, having repaired the entry, might fault for ever (kvm_inject_emulated_page_fault, x86.c).
    this.#meter.spend(INVALIDATE, this.#costs.presentFault);
    this.#unsyncTables.refresh(this.#presentFault, this.#rootShadow());
    this.#walker.invalidate(this.#presentFault);
  }

  useAsTable(frame: number, level: number): void {
    if (level === NOT_A_TABLE) this.guest.destroy(frame);
    else {
      this.guest.create(frame);
      this.#levelOf[frame] = level;
    }
  }

  /** The whole page is cleared or copied to, by an instruction that is not emulated: a tracked page loses its shadow. */
  reuse(frame: number): void {
    const level = this.shadows.trackedLevel(frame);
    if (level > 0) {
      this.#exits.fault(PF_EMULATE, EMULATED_WRITE, this.#costs.emulatedWrite);
      for (const shadow of this.shadows.all(frame)) this.#zap(shadow);
      this.#exits.fault(PF_FIXED, HIDDEN_FAULT, this.#costs.fixedFault);
      return;
    }
    const stale = this.shadows.find(frame, 0);
    if (stale !== -1 && this.shadows.isUnsync[stale] === 0) this.#goUnsync(stale);
  }

  readEntry(table: number, index: number): number {
    return this.guest.read(table, index);
  }

  writeEntry(table: number, index: number, entry: number): void {
    this.guest.write(table, index, entry);
    const level = this.#levelOf[table];
    const shadow = this.shadows.find(table, level);
    if (shadow === -1) return;
    if (level > 0) this.#emulateWrite(shadow, index);
    else if (this.shadows.isUnsync[shadow] === 0) this.#goUnsync(shadow);
  }

  beginBatch(): void {}

  endBatch(): void {}

  commit(): void {}

  /** Without INVPCID a kernel flushes by reading the root and writing it again. */
  invalidate(page: number): void {
    if (page === ALL_PAGES) {
      this.#exits.exit(ROOT_SWITCH, this.#costs.readRoot);
      this.#writeRoot();
      this.#unsyncTables.synchronize(this.#rootShadow());
      this.#walker.flush();
      return;
    }
    this.#meter.count(INVLPG);
    this.#exits.exit(INVALIDATE, this.#costs.invalidatePage);
    // A page may be global: the roots at hand are not looked after otherwise (kvm_mmu_invalidate_gva).
    for (const root of this.#roots.all) {
      if (root !== NO_ROOT) this.#unsyncTables.refresh(page, this.shadows.find(root, this.guest.format.levels - 1));
    }
    this.#walker.invalidate(page);
  }

  switchRoot(root: number): void {
    this.#writeRoot();
    this.#loadRoot(root);
  }

  activate(): void {}

  /** The kernel leaves the address space of a process that ends for its own, whose root is one of those at hand from then on. */
  retire(root: number): void {
    if (root !== this.#root) return;
    this.#writeRoot();
    this.#useRoot(NO_ROOT);
  }

  #loadRoot(root: number): void {
    const level = this.guest.format.levels - 1;
    const isNew = this.shadows.find(root, level) === -1;
    this.#useRoot(root);
    this.#makeRoom();
    const shadow = this.#shadowOf(root, level);
    this.shadows.writes[shadow] = 0;
    this.#unsyncTables.synchronize(shadow);
    this.#walker.loadRoot(shadow);
    if (isNew) this.#exits.linkKernel(HIDDEN_FAULT, this.#costs.fixedFault);
  }

  #useRoot(root: number): void {
    this.#root = root;
    if (!this.#roots.use(root)) this.#meter.spend(ROOT_SWITCH, this.#costs.findRoot);
  }

  #resolve(page: number, write: boolean): number {
    const position = mappingEntry(this.guest, this.#root, page);
    const entry = position === -1 ? 0 : this.guest.words[position];
    this.#presentFault = (entry & Pte.Present) !== 0 ? page : NONE;
    if (this.#presentFault === NONE || (write && (entry & Pte.Writable) === 0)) return GUEST_FAULT;
    this.guest.words[position] = entry | (write ? Pte.Accessed | Pte.Dirty : Pte.Accessed);
    this.#exits.fault(PF_FIXED, HIDDEN_FAULT, this.#costs.fixedFault, page);
    this.#fill(page, this.guest.words[position]);
    return this.#walker.translate(page, write);
  }

  /** Make the shadow tables on the way to a page, its entry, and those of its neighbours. `leaf`: the guest's, of a small or a large page. */
  #fill(page: number, leaf: number): void {
    const { levels } = this.guest.format;
    this.#makeRoom();
    let guestTable = this.#root;
    let shadow = this.#shadowOf(guestTable, levels - 1);
    for (let level = levels - 1; level > 0; level--) {
      this.shadows.writes[shadow] = 0;
      const index = this.guest.indexAt(page, level);
      const entry = this.guest.read(guestTable, index);
      if (isLarge(entry, level)) {
        if (this.#direct.fill(leaf, page, shadow, index)) this.#walker.flush();
        return;
      }
      guestTable = frameOf(entry);
      const lower = this.#shadowOf(guestTable, level - 1);
      if (!this.shadows.links.isLinked(shadow, index, lower)) {
        this.#unsyncTables.bringIntoStep(lower);
        this.shadows.links.link(shadow, index, lower);
      }
      shadow = lower;
    }
    const index = this.guest.indexAt(page, 0);
    this.shadows.memory.write(shadow, index, (this.#unsyncTables.shadowEntry(leaf) | Pte.Accessed) >>> 0);
    this.#unsyncTables.prefetch(shadow, index);
  }

  /** Before a walk makes shadows, so that none goes that the walk has come through (make_mmu_pages_available, mmu.c). */
  #makeRoom(): void {
    if (this.shadows.room >= LEAST_ROOM) return;
    while (this.shadows.room < ROOM_AFTER_ZAPPING) this.#zap(this.shadows.oldest(this.#roots));
  }

  #shadowOf(guestTable: number, level: number): number {
    const found = this.shadows.find(guestTable, level);
    if (found !== -1) return found;
    // What is out of sync cannot stay beside an upper table of the same page (kvm_mmu_get_page). Its
    // shadow is, since a page that is made a table anew has been cleared.
    const lowest = this.shadows.find(guestTable, 0);
    if (level > 0 && lowest !== -1) this.#zap(lowest);
    this.#meter.spend(NEW_SHADOW, this.#costs.newShadow);
    return this.shadows.create(guestTable, level);
  }

  #rootShadow(): number {
    return this.#root === NO_ROOT ? -1 : this.shadows.find(this.#root, this.guest.format.levels - 1);
  }

  #emulateWrite(shadow: number, index: number): void {
    this.#meter.count(MMU_PTE_WRITE);
    this.#exits.fault(PF_EMULATE, EMULATED_WRITE, this.#costs.emulatedWrite);
    this.shadows.writes[shadow]++;
    if (this.shadows.writes[shadow] < WRITES_UNTIL_FLOODED) {
      if (this.shadows.clearLink(shadow, index)) this.#walker.flush();
      return;
    }
    this.#meter.count(MMU_FLOODED);
    this.#zap(shadow);
  }

  #goUnsync(shadow: number): void {
    this.#exits.fault(PF_FIXED, UNSYNC, this.#costs.unsync);
    this.#unsyncTables.add(shadow);
  }

  /**
   * The hardware may remember the way through a shadow that goes (kvm_flush_remote_tlbs). A root's is no longer at hand, and
   * the one that is loaded is made anew before the guest runs on (kvm_mmu_free_obsolete_roots, kvm_mmu_reload).
   */
  #zap(shadow: number): void {
    const table = this.shadows.guestTable(shadow);
    const isRoot = this.shadows.level(shadow) === this.guest.format.levels - 1;
    this.#meter.count(MMU_ZAPPED);
    this.#meter.spend(ZAP, this.#costs.zap);
    this.#unsyncTables.forget(shadow);
    this.#meter.spendMany(ZAP, this.shadows.zap(shadow), this.#costs.zapEntry);
    this.#walker.flush();
    if (!isRoot) return;
    this.#roots.forget(table);
    if (table === this.#root) this.#loadRoot(table);
  }

  #writeRoot(): void {
    this.#exits.exit(ROOT_SWITCH, this.#costs.writeRoot);
  }
}

export const unsyncShadowPaging = definePart({
  slot: "mmu",
  name: "unsync-shadow-paging",
  summary: "shadow page tables of KVM: last-level guest tables go out of sync until the guest flushes its TLB",
  parameters: {},
  needs: [...TRANSLATION_COSTS, ...UNSYNC_COSTS],
  kernelMapping: () => ({ largePages: false, global: true }),
  create: (_, context) => new UnsyncShadowPaging(context),
});
