/**
 * Direct paging (Barham 2003, section 3.3.3): the hardware walks the guest's own tables. They hold machine frames and are
 * read-only to the guest, which asks the hypervisor for every update; requests are queued and handed over by one
 * hypercall, and each is validated.
 */
import { cause } from "../../core/ledger.ts";
import { ALL_PAGES, GUEST_FAULT, NOT_A_TABLE } from "../../guest/virtual-hardware.ts";
import type { Meter } from "../../machine/meter.ts";
import { NOT_TRANSLATED, PageWalker } from "../../machine/page-walker.ts";
import { frameOf, type PageTableMemory, Pte } from "../../machine/page-tables.ts";
import { primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { Mmu, MonitorContext } from "../monitor-contract.ts";
import { TRANSLATION_COSTS } from "./bare.ts";
import { MulticallPaging } from "./multicall-paging.ts";
import { type PageTypes, RefusedUpdate } from "./page-types.ts";
import { ValidatedTables } from "./validated-tables.ts";
import { WritableTables } from "./writable-tables.ts";

const HYPERCALL = cause("vmm.hypercall");
const VALIDATE = cause("vmm.direct.validate");
const UNPROTECT = cause("vmm.direct.unprotect");
const PIN = cause("vmm.direct.pin");
const ROOT_SWITCH = cause("vmm.direct.root-switch");

/** Kinds of request in the queue; operands a, b, c. */
const Request = {
  /** Entry b of table a becomes c. */
  Update: 0,
  /** Frame a becomes a page table of level b. */
  Pin: 1,
  Unpin: 2,
  /** Page a, or all of them, leaves the TLB. */
  Invalidate: 3,
} as const;

export class DirectPaging implements Mmu {
  readonly clearsWindows = true; // kunmap_atomic, linux-2.6-xen-sparse/arch/i386/mm/highmem-xen.c (Xen 3.0.4)
  readonly #guarded: ValidatedTables;
  readonly #meter: Meter;
  readonly #walker: PageWalker;
  readonly #costs: ReturnType<typeof hypercallCosts>;
  /** How the guest changes many last-level entries, if not by requests. */
  readonly #writable: WritableTables | undefined;
  #inBatch = false;
  readonly #capacity: number;
  readonly #kinds: Uint8Array;
  readonly #a: Float64Array;
  readonly #b: Uint32Array;
  readonly #c: Uint32Array;
  #queued = 0;
  /** Something queued changes an entry, be it the one that makes a table read-only to the guest. */
  #changesEntries = false;

  constructor({ queueLength, writablePageTables }: DirectPagingParameters, context: MonitorContext) {
    const { meter } = context;
    this.#guarded = new ValidatedTables(context);
    this.#meter = meter;
    this.#walker = new PageWalker(this.#guarded.memory, context);
    this.#costs = hypercallCosts(context);
    this.#writable = writablePageTables ? new WritableTables(this.#guarded, this.#walker, context) : undefined;
    this.#capacity = queueLength;
    this.#kinds = new Uint8Array(queueLength);
    this.#a = new Float64Array(queueLength);
    this.#b = new Uint32Array(queueLength);
    this.#c = new Uint32Array(queueLength);
  }

  get tables(): PageTableMemory {
    return this.#guarded.memory;
  }

  get hypervisorStart(): number {
    return this.#guarded.hypervisorStart;
  }

  get types(): PageTypes {
    return this.#guarded.types;
  }

  access(page: number, write: boolean): number {
    const frame = this.#walker.translate(page, write);
    if (frame !== NOT_TRANSLATED) return frame;
    if (this.#writable?.reattachFor(page) !== true) return GUEST_FAULT;
    // The access has faulted: the hypervisor has put the table back, and lets the guest go on.
    this.#walker.raiseFault();
    const again = this.#walker.translate(page, write);
    return again === NOT_TRANSLATED ? GUEST_FAULT : again;
  }

  raiseFault(): void {
    this.#walker.raiseFault();
  }

  /** A table is pinned as soon as it is made, while it is empty; its page becomes read-only to the guest: two requests. */
  useAsTable(frame: number, level: number): void {
    if (level === NOT_A_TABLE) this.#request(Request.Unpin, frame, 0, 0);
    else this.#request(Request.Pin, frame, level, 0);
  }

  reuse(): void {}

  /** The guest translates the machine frame in an entry back. */
  readEntry(table: number, index: number): number {
    const machineTable = this.#guarded.machineOf[table];
    if (!this.#guarded.memory.isTable(machineTable)) this.commit();
    return this.#guarded.read(machineTable, index);
  }

  writeEntry(table: number, index: number, entry: number): void {
    // XenLinux 2.6.11 of Xen 2.0.6, include/asm-xen/asm-i386/pgtable.h: a fault's one entry is update_va_mapping, a request.
    if (this.#writable === undefined || !this.#inBatch) return this.#request(Request.Update, table, index, entry);
    this.commit();
    const machine = this.#guarded.machineOf[table];
    if (this.#guarded.types.tableLevel(machine) === 0) return this.#writable.write(machine, index, entry);
    this.#request(Request.Update, table, index, entry);
  }

  invalidate(page: number): void {
    this.#request(Request.Invalidate, page, 0, 0);
  }

  /** Updates are queued all the same, and stay so until the kernel needs them done, unless it makes those of a batch itself. */
  beginBatch(): void {
    this.#inBatch = true;
  }

  endBatch(): void {
    this.#inBatch = false;
  }

  /** Tables are pinned one by one, as they are made. */
  activate(): void {}

  retire(): void {}

  commit(): void {
    const count = this.#queued;
    if (count === 0) return;
    this.#writable?.reattach();
    this.#queued = 0;
    this.#meter.spend(HYPERCALL, this.#costs.hypercall);
    // Xen, do_mmu_update: write protection is lifted for the hypervisor, too, while a list of updates is carried out.
    if (this.#changesEntries) this.#meter.spend(UNPROTECT, this.#costs.unprotect);
    this.#changesEntries = false;
    this.#meter.spendMany(VALIDATE, count, this.#costs.validate);
    for (let i = 0; i < count; i++) this.#apply(i);
  }

  switchRoot(root: number): void {
    this.commit();
    this.#writable?.reattach();
    this.#meter.spend(HYPERCALL, this.#costs.hypercall);
    this.#meter.spend(ROOT_SWITCH, this.#costs.rootSwitch);
    const machineRoot = this.#guarded.machineOf[root];
    if (!this.#guarded.isRoot(machineRoot)) throw new RefusedUpdate(`frame ${machineRoot} is no root table`);
    this.#walker.loadRoot(machineRoot);
  }

  #request(kind: number, a: number, b: number, c: number): void {
    if (this.#queued === this.#capacity) this.commit();
    this.#changesEntries ||= kind !== Request.Invalidate;
    const i = this.#queued++;
    this.#kinds[i] = kind;
    this.#a[i] = a;
    this.#b[i] = b;
    this.#c[i] = c;
  }

  #apply(i: number): void {
    const a = this.#a[i];
    switch (this.#kinds[i]) {
      case Request.Update:
        return this.#update(this.#guarded.machineOf[a], this.#b[i], this.#c[i]);
      case Request.Pin:
        return this.#pin(this.#guarded.machineOf[a], this.#b[i]);
      case Request.Unpin:
        return this.#unpin(this.#guarded.machineOf[a]);
      default:
        return a === ALL_PAGES ? this.#walker.flush() : this.#walker.invalidate(a);
    }
  }

  #update(table: number, index: number, entry: number): void {
    this.#guarded.update(table, index, entry);
    if (this.#writable === undefined || (entry & Pte.Present) === 0 || this.#guarded.types.tableLevel(table) === 0)
      return;
    this.#writable.noteLink(table, index, this.#guarded.machineOf[frameOf(entry)]);
  }

  #pin(frame: number, level: number): void {
    this.#meter.spend(PIN, this.#costs.pin);
    this.#guarded.memory.create(frame);
    this.#guarded.pin(frame, level);
  }

  #unpin(frame: number): void {
    this.#meter.spend(PIN, this.#costs.pin);
    this.#guarded.unpin(frame);
    this.#guarded.memory.destroy(frame);
  }
}

function hypercallCosts({ profile }: MonitorContext) {
  return {
    hypercall: primitiveCost(profile, "xen.hypercall"),
    unprotect: primitiveCost(profile, "xen.unprotect-tables"),
    validate: primitiveCost(profile, "xen.validate-entry"),
    pin: primitiveCost(profile, "xen.pin-table"),
    rootSwitch: primitiveCost(profile, "xen.root-switch"),
  };
}

interface DirectPagingParameters {
  readonly queueLength: number;
  readonly writablePageTables: boolean;
  readonly kernelSuperpages: boolean;
}

/** How updates are handed over is the guest kernel's affair. */
function directPagingFor(
  parameters: DirectPagingParameters,
  context: MonitorContext,
): Mmu & { tables: PageTableMemory } {
  return context.profile.kernel === "linux-6.1" ? new MulticallPaging(context) : new DirectPaging(parameters, context);
}

export const directPaging = definePart<"mmu", { [K in keyof DirectPagingParameters]: DirectPagingParameters[K] }>({
  slot: "mmu",
  name: "direct-paging",
  summary: "the guest's own page tables, read-only to it; every update is validated, many in one hypercall",
  parameters: {
    queueLength: {
      summary: "page-table updates that are handed over by one hypercall at most",
      default: 2048,
      unit: "updates",
      min: 1,
      max: 65_536,
      source: "Barham 2003, section 3.3.3 and XenLinux of Xen 2.0; its second build variant has 128",
    },
    writablePageTables: {
      summary:
        "where it changes many entries, the guest writes last-level tables itself, two at a time; they are checked when they are needed",
      default: false,
      source:
        "Linux 2.6 on Xen 2.0 to 3.0.2 does so (xen/arch/x86/memory.c, 2.0.6); Linux 2.4 asks for updates there, too " +
        "(linux-2.4.30-xen-sparse, pgtable-2level.h), and Xen 3.0.3 has no such tables any more",
    },
    kernelSuperpages: {
      summary: "the guest kernel's memory is mapped by large pages, and globally, as it is on bare metal",
      default: false,
      source: "Menon 2006, section 5: Xen on IA-32 lets guests have neither; the paper adds both",
    },
  },
  needs: [
    ...TRANSLATION_COSTS,
    "xen.hypercall",
    "xen.unprotect-tables",
    "xen.validate-entry",
    "xen.pin-table",
    "xen.root-switch",
  ],
  kernelMapping: ({ kernelSuperpages }) => ({ largePages: kernelSuperpages, global: kernelSuperpages }),
  // Menon 2006, section 5: a guest's request for a large page is refused; that of the paper's kernel is an exception of its own.
  smallPagesOnly: "Xen validates a guest's page tables entry by entry and refuses large pages",
  unsuited: ({ writablePageTables }, { kernel }) =>
    writablePageTables && kernel === "linux-6.1"
      ? `${kernel} does not use writable page tables; expected mmu.writablePageTables: off`
      : undefined,
  create: directPagingFor,
});
