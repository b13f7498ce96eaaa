/**
 * Memory of User-Mode Linux with separate kernel address space: what the guest calls its physical memory is a file, and each
 * of its address spaces is one of the host's (/proc/mm of the patch skas3). The guest's page tables are data that no
 * hardware reads. Where the guest kernel would flush the TLB it goes through them instead, and makes each entry that was
 * written since real, by requests to the host: one that unmaps the page, one that maps the part of the file behind it if the
 * entry is present. A table that is not there, but was, is unmapped as a whole (fix_range, arch/um/kernel/skas/tlb.c, Linux
 * 2.4 for um; include/asm-um/pgtable.h: set_pte and pte_clear mark an entry in any case).
 *
 * A new process, and one that has executed a program, goes through all of them, marked or not: then each entry of each table
 * is unmapped, the empty ones too, and each table that is not there (force_flush_all, called by fork_handler and
 * flush_thread); that of a vfork, which does the same to its parent's, is not counted. A flush of a whole address space goes
 * through the kernel's own mappings besides.
 *
 * The host makes its own entry at the first access to what it has mapped, by a fault that the guest does not see. It shows
 * nobody what is accessed or written: the guest kernel marks an entry so when a fault leads to it (handle_page_fault).
 */
import { cause, event } from "../../core/ledger.ts";
import { kernelPaths, nativeCycles } from "../../guest/kernel-paths.ts";
import { kernelVersion } from "../../guest/kernel-builds.ts";
import { ALL_PAGES, GUEST_FAULT, NOT_A_TABLE } from "../../guest/virtual-hardware.ts";
import type { Meter } from "../../machine/meter.ts";
import { entryOf, frameOf, PageTableMemory, Pte, UPPER_FLAGS } from "../../machine/page-tables.ts";
import { NOT_TRANSLATED, PageWalker } from "../../machine/page-walker.ts";
import { type MachineProfile, primitiveCost } from "../../machine/profile.ts";
import type { Tlb } from "../../machine/tlb.ts";
import { definePart } from "../contract.ts";
import { hostCall } from "../cpu/host-calls.ts";
import type { Mmu, MonitorContext, VmmEntry } from "../monitor-contract.ts";
import { TRANSLATION_COSTS } from "./bare.ts";
import { lowestTable, NONE } from "./guest-walk.ts";

const REQUEST = cause("vmm.mapping.request");
const FAULT = cause("vmm.mapping.fault");
const TABLE = cause("vmm.mapping.table");
const NEW_SPACE = cause("vmm.mapping.new-space");
const SWITCH = cause("vmm.mapping.switch-space");
const MAP = event("uml_map");
const UNMAP = event("uml_unmap");
const KERNEL_UNMAP = event("uml_kernel_unmap");

/** The guest has written the entry since the host was told of it (_PAGE_NEWPAGE). */
const MARKED = Pte.Swapped;
/** What the guest's entry must have for the host's mapping to be writable. */
const WRITTEN = Pte.Writable | Pte.Dirty | Pte.Accessed;
/**
 * A flush unmaps the entries of the kernel's own mappings one by one although they are empty: the table of the fixed mappings
 * is there from the start (paging_init), and all of it but so many pages at its end lies below VMALLOC_END.
 */
const PAGES_BEHIND_VMALLOC = 4;

export class HostMappings implements Mmu {
  /** The guest's own tables. */
  readonly guest: PageTableMemory;
  /** What the host has mapped, by the guest's tables: frame of the guest, {@link Pte.Writable}; and {@link MARKED}. */
  readonly mapped: PageTableMemory;
  /** The host's page tables, each named by the frame of the guest's table that it is for. */
  readonly hardware: PageTableMemory;
  readonly #levelOf: Uint8Array;
  readonly #machineFrames: Uint32Array;
  readonly #meter: Meter;
  readonly #tlb: Tlb;
  readonly #walker: PageWalker;
  readonly #host: VmmEntry;
  readonly #costs: ReturnType<typeof mappingCosts>;
  readonly #userEnd: number;
  /** Of every address space. */
  readonly #roots = new Set<number>();
  #root = NONE;
  /** The page whose fault the guest handles. */
  #faulting = NONE;

  constructor(context: MonitorContext) {
    const { profile, meter, tlb, pageTableFormat, machineFrames, vmmEntry } = context;
    const pages = machineFrames.length;
    this.guest = new PageTableMemory(pageTableFormat, pages);
    this.mapped = new PageTableMemory(pageTableFormat, pages);
    this.hardware = new PageTableMemory(pageTableFormat, pages);
    this.#levelOf = new Uint8Array(pages);
    this.#machineFrames = machineFrames;
    this.#meter = meter;
    this.#tlb = tlb;
    this.#walker = new PageWalker(this.hardware, context);
    this.#host = vmmEntry;
    this.#costs = mappingCosts(profile);
    this.#userEnd = kernelVersion(profile).layout.userEnd;
  }

  access(page: number, write: boolean): number {
    this.#faulting = NONE;
    const frame = this.#walker.translate(page, write);
    if (frame !== NOT_TRANSLATED) return frame;
    const table = lowestTable(this.guest, this.#root, page);
    const mapping = table === NONE ? 0 : this.mapped.read(table, this.guest.indexAt(page, 0));
    if ((mapping & Pte.Present) === 0 || (write && (mapping & Pte.Writable) === 0)) {
      this.#faulting = page;
      return GUEST_FAULT;
    }
    this.#handleHostFault(page, mapping);
    return this.#walker.translate(page, write);
  }

  /** A mapping of the kernel's own has been made real by then: after a fault of the kernel's, at the latest (segv, arch/um/kernel/trap_kern.c). */
  kernelAccess(page: number, write: boolean): number {
    this.#fixPage(this.#root, page);
    return this.access(page, write);
  }

  /** An access that is refused changes no entry. */
  raiseFault(walks: boolean): void {
    if (!walks) this.#faulting = NONE;
    this.#walker.raiseFault();
  }

  /** An address space of its own is a file of the host: opened, told whose segments it has, and closed when it is gone. */
  useAsTable(frame: number, level: number): void {
    for (const tables of [this.guest, this.mapped, this.hardware]) {
      if (level === NOT_A_TABLE) tables.destroy(frame);
      else tables.create(frame);
    }
    if (level === NOT_A_TABLE) {
      this.#roots.delete(frame);
      return;
    }
    this.#levelOf[frame] = level;
    if (level < this.guest.format.levels - 1) return;
    this.#roots.add(frame);
    this.#meter.spend(NEW_SPACE, this.#costs.newSpace);
  }

  reuse(): void {}

  readEntry(table: number, index: number): number {
    return this.guest.read(table, index);
  }

  writeEntry(table: number, index: number, entry: number): void {
    const before = this.guest.read(table, index);
    this.guest.write(table, index, entry);
    if (this.#levelOf[table] === 0) {
      this.mapped.write(table, index, this.mapped.read(table, index) | MARKED);
      return;
    }
    if ((before & Pte.Present) !== 0) this.#empty(frameOf(before));
    this.hardware.write(table, index, 0);
    this.#tlb.forgetWalks();
    this.mapped.write(table, index, (entry & Pte.Present) === 0 ? MARKED : 0);
  }

  /**
   * Of a range the guest kernel goes through no more than that; what is marked elsewhere is not there to be found. A page may
   * have been changed in other address spaces, too, as when it is swapped out.
   */
  invalidate(page: number): void {
    if (page !== ALL_PAGES) for (const root of this.#roots) this.#fixPage(root, page);
    else if (this.#root !== NONE) this.#fixTable(this.#root, this.guest.format.levels - 1, 0, false);
  }

  beginBatch(): void {}

  endBatch(): void {}

  /** The end of a fault: the entry that it led to is marked accessed, and dirty if it may be written, and made real. */
  commit(): void {
    if (this.#faulting === NONE) return;
    const table = lowestTable(this.guest, this.#root, this.#faulting);
    if (table === NONE) return;
    const index = this.guest.indexAt(this.#faulting, 0);
    const entry = this.guest.read(table, index);
    if ((entry & Pte.Present) === 0) return;
    const used = (entry & Pte.Writable) === 0 ? entry | Pte.Accessed : entry | Pte.Accessed | Pte.Dirty;
    if (used >>> 0 !== entry) this.writeEntry(table, index, used >>> 0);
    this.#fixPage(this.#root, this.#faulting);
  }

  /** The new process runs (fork_handler), or the program that it has executed (flush_thread). */
  activate(root: number): void {
    this.#flushKernel();
    this.#fixTable(root, this.guest.format.levels - 1, 0, true);
  }

  retire(): void {
    this.#flushKernel();
  }

  switchRoot(root: number): void {
    this.#host.enter("instruction");
    this.#meter.spend(SWITCH, this.#costs.switchSpace);
    this.#root = root;
    this.#faulting = NONE;
    this.#walker.loadRoot(root);
  }

  #handleHostFault(page: number, mapping: number): void {
    this.#walker.raiseFault();
    this.#meter.spend(FAULT, this.#costs.fault);
    let table = this.#root;
    for (let level = this.guest.format.levels - 1; level > 0; level--) {
      const index = this.guest.indexAt(page, level);
      const lower = frameOf(this.guest.read(table, index));
      if (this.hardware.read(table, index) === 0) {
        this.#meter.spend(TABLE, this.#costs.table);
        this.hardware.write(table, index, entryOf(lower, UPPER_FLAGS));
      }
      table = lower;
    }
    const flags = Pte.Present | Pte.User | Pte.Accessed | (mapping & Pte.Writable);
    this.hardware.write(table, this.guest.indexAt(page, 0), entryOf(this.#machineFrames[frameOf(mapping)], flags));
  }

  /** Go through the part of an address space that is below a table. `first`: the first page there. */
  #fixTable(table: number, level: number, first: number, force: boolean): void {
    const span = 2 ** (level * this.guest.format.bitsPerLevel);
    for (let index = 0; index < this.guest.entriesPerTable; index++) {
      const page = first + index * span;
      if (page >= this.#userEnd) return;
      const entry = this.guest.read(table, index);
      if (level > 0 && (entry & Pte.Present) !== 0) this.#fixTable(frameOf(entry), level - 1, page, force);
      else if (force || (this.mapped.read(table, index) & MARKED) !== 0) this.#fix(table, index, level, page);
    }
  }

  #fixPage(root: number, page: number): void {
    let table = root;
    for (let level = this.guest.format.levels - 1; ; level--) {
      const index = this.guest.indexAt(page, level);
      const entry = this.guest.read(table, index);
      if (level > 0 && (entry & Pte.Present) !== 0) {
        table = frameOf(entry);
        continue;
      }
      if ((this.mapped.read(table, index) & MARKED) !== 0) this.#fix(table, index, level, page);
      return;
    }
  }

  /** Make an entry real: of an upper level, that nothing is there. */
  #fix(table: number, index: number, level: number, page: number): void {
    this.#request(UNMAP);
    this.mapped.write(table, index, 0);
    if (level > 0) {
      this.#tlb.flush();
      return;
    }
    this.hardware.write(table, index, 0);
    this.#tlb.invalidate(page);
    const entry = this.guest.read(table, index);
    if ((entry & Pte.Present) === 0) return;
    this.#request(MAP);
    const writable = (entry & WRITTEN) === WRITTEN ? Pte.Writable : 0;
    this.mapped.write(table, index, entryOf(frameOf(entry), Pte.Present | writable));
  }

  #request(kind: number): void {
    this.#meter.count(kind);
    this.#host.enter("instruction");
    this.#meter.spend(REQUEST, this.#costs.request);
  }

  #flushKernel(): void {
    const entries = this.guest.entriesPerTable - PAGES_BEHIND_VMALLOC;
    this.#meter.countMany(KERNEL_UNMAP, entries);
    for (let entry = 0; entry < entries; entry++) this.#host.enter("instruction");
  }

  /** A lower table leaves the tree, and everything below it with it. */
  #empty(table: number): void {
    for (let index = 0; index < this.guest.entriesPerTable; index++) {
      this.mapped.write(table, index, 0);
      this.hardware.write(table, index, 0);
    }
  }
}

function mappingCosts(profile: MachineProfile) {
  const table = primitiveCost(profile, "page.zero");
  return {
    request: primitiveCost(profile, "uml.mapping-request"),
    switchSpace: primitiveCost(profile, "uml.switch-space"),
    fault: nativeCycles(kernelPaths(profile)["file-fault"], profile),
    table,
    newSpace: hostCall(profile, "syscall-open-close", 2) + hostCall(profile, "syscall-null-io") + table,
  };
}

export const hostMappings = definePart({
  slot: "mmu",
  name: "host-mappings",
  summary: "guest memory is a file; what the guest's page tables say is mapped page by page by requests to the host",
  parameters: {},
  needs: [...TRANSLATION_COSTS, "page.zero", "uml.mapping-request", "uml.switch-space"],
  kernelMapping: () => ({ largePages: false, global: false }),
  smallPagesOnly: "the host maps the pages of a guest's process one by one",
  create: (_, context) => new HostMappings(context),
});
