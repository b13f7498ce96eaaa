/**
 * Direct paging (Barham 2003, section 3.3.3): the hardware walks the guest's own tables. They hold machine frames and are
 * read-only to the guest, which asks the hypervisor for every update; requests are queued and handed over by one
 * hypercall, and each is validated.
 */
import { cause } from "../../core/ledger.ts";
import { ALL_PAGES, GUEST_FAULT, NOT_A_TABLE } from "../../guest/virtual-hardware.ts";
import type { Meter } from "../../machine/meter.ts";
import { entryOf, frameOf, PageTableMemory, Pte } from "../../machine/page-tables.ts";
import { NOT_TRANSLATED, PageWalker } from "../../machine/page-walker.ts";
import { primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { Mmu, MonitorContext } from "../monitor-contract.ts";
import { TRANSLATION_COSTS } from "./bare.ts";
import { PageTypes, RefusedUpdate } from "./page-types.ts";

const HYPERCALL = cause("vmm.hypercall");
const VALIDATE = cause("vmm.direct.validate");
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

/** On IA-32 the hypervisor has the top 64 MB of every address space (Barham 2003, section 3.3.3). */
const HYPERVISOR_PAGES = (64 * 1024) / 4;
const IA32_PAGES = 2 ** 20;

export class DirectPaging implements Mmu {
  /** The tables; frames are machine frames. */
  readonly tables: PageTableMemory;
  readonly types: PageTypes;
  readonly #meter: Meter;
  readonly #walker: PageWalker;
  readonly #machineOf: Uint32Array;
  readonly #guestOf: Uint32Array;
  readonly #costs: ReturnType<typeof hypercallCosts>;
  /** Index of the first root entry that is the hypervisor's. */
  readonly #holeIndex: number;
  readonly #capacity: number;
  readonly #kinds: Uint8Array;
  readonly #a: Float64Array;
  readonly #b: Uint32Array;
  readonly #c: Uint32Array;
  #queued = 0;

  constructor(queueLength: number, context: MonitorContext) {
    const { profile, meter, tlb, pageTableFormat, machineFrames } = context;
    this.tables = new PageTableMemory(pageTableFormat, machineFrames.length);
    this.types = new PageTypes(machineFrames.length);
    this.#meter = meter;
    this.#walker = new PageWalker(this.tables, tlb, meter, profile);
    this.#machineOf = machineFrames;
    this.#guestOf = new Uint32Array(machineFrames.length);
    machineFrames.forEach((machine, guest) => (this.#guestOf[machine] = guest));
    this.#costs = hypercallCosts(context);
    const isIa32 = pageTableFormat.name === "ia32";
    this.#holeIndex = isIa32 ? (IA32_PAGES - HYPERVISOR_PAGES) >>> pageTableFormat.bitsPerLevel : Infinity;
    this.#capacity = queueLength;
    this.#kinds = new Uint8Array(queueLength);
    this.#a = new Float64Array(queueLength);
    this.#b = new Uint32Array(queueLength);
    this.#c = new Uint32Array(queueLength);
  }

  access(page: number, write: boolean): number {
    const frame = this.#walker.translate(page, write);
    return frame === NOT_TRANSLATED ? GUEST_FAULT : frame;
  }

  raiseFault(): void {
    this.#walker.raiseFault();
  }

  /** A table is pinned as soon as it is made, while it is empty; its page becomes read-only to the guest: two requests. */
  useAsTable(frame: number, level: number): void {
    if (level === NOT_A_TABLE) this.#request(Request.Unpin, frame, 0, 0);
    else this.#request(Request.Pin, frame, level, 0);
  }

  /** The guest translates the machine frame in an entry back. */
  readEntry(table: number, index: number): number {
    const machineTable = this.#machineOf[table];
    if (!this.tables.isTable(machineTable)) this.commit();
    const entry = this.tables.read(machineTable, index);
    return (entry & Pte.Present) === 0 ? entry : entryOf(this.#guestOf[frameOf(entry)], entry & 0xff);
  }

  writeEntry(table: number, index: number, entry: number): void {
    this.#request(Request.Update, table, index, entry);
  }

  invalidate(page: number): void {
    this.#request(Request.Invalidate, page, 0, 0);
  }

  /** Every update is queued. */
  beginBatch(): void {}

  /** Tables are pinned one by one, as they are made. */
  activate(): void {}

  retire(): void {}

  commit(): void {
    const count = this.#queued;
    if (count === 0) return;
    this.#queued = 0;
    this.#meter.spend(HYPERCALL, this.#costs.hypercall);
    this.#meter.spendMany(VALIDATE, count, this.#costs.validate);
    for (let i = 0; i < count; i++) this.#apply(i);
  }

  switchRoot(root: number): void {
    this.commit();
    this.#meter.spend(HYPERCALL, this.#costs.hypercall);
    this.#meter.spend(ROOT_SWITCH, this.#costs.rootSwitch);
    const machineRoot = this.#machineOf[root];
    if (this.types.tableLevel(machineRoot) !== this.tables.format.levels - 1) {
      throw new RefusedUpdate(`frame ${machineRoot} is no root table`);
    }
    this.#walker.loadRoot(machineRoot);
  }

  #request(kind: number, a: number, b: number, c: number): void {
    if (this.#queued === this.#capacity) this.commit();
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
        return this.#update(this.#machineOf[a], this.#b[i], this.#c[i]);
      case Request.Pin:
        return this.#pin(this.#machineOf[a], this.#b[i]);
      case Request.Unpin:
        return this.#unpin(this.#machineOf[a]);
      default:
        return a === ALL_PAGES ? this.#walker.flush() : this.#walker.invalidate(a);
    }
  }

  #update(table: number, index: number, entry: number): void {
    const level = this.types.tableLevel(table);
    if (level === -1) throw new RefusedUpdate(`frame ${table} is no page table`);
    const isRoot = level === this.tables.format.levels - 1;
    if (isRoot && index >= this.#holeIndex) throw new RefusedUpdate(`entry ${index} of a root is the hypervisor's`);
    const validated = (entry & Pte.Present) === 0 ? entry : entryOf(this.#machineFrame(entry), entry & 0xff);
    this.#refer(level, validated);
    this.#drop(level, this.tables.read(table, index));
    this.tables.write(table, index, validated);
  }

  #machineFrame(entry: number): number {
    const machine = this.#machineOf[frameOf(entry)];
    if (machine === undefined) throw new RefusedUpdate(`frame ${frameOf(entry)} does not belong to the guest`);
    return machine;
  }

  #pin(frame: number, level: number): void {
    this.#meter.spend(PIN, this.#costs.pin);
    this.types.pin(frame, level);
    this.tables.create(frame);
  }

  #unpin(frame: number): void {
    this.#meter.spend(PIN, this.#costs.pin);
    const level = this.types.tableLevel(frame);
    this.types.unpin(frame);
    for (let index = 0; index < this.tables.entriesPerTable; index++) this.#drop(level, this.tables.read(frame, index));
    this.tables.destroy(frame);
  }

  #refer(level: number, entry: number): void {
    if ((entry & Pte.Present) === 0) return;
    if (level > 0) this.types.referToTable(frameOf(entry), level - 1);
    else if ((entry & Pte.Writable) !== 0) this.types.mapWritable(frameOf(entry));
  }

  #drop(level: number, entry: number): void {
    if ((entry & Pte.Present) === 0) return;
    if (level > 0) this.types.dropTable(frameOf(entry));
    else if ((entry & Pte.Writable) !== 0) this.types.unmapWritable(frameOf(entry));
  }
}

function hypercallCosts({ profile }: MonitorContext) {
  return {
    hypercall: primitiveCost(profile, "xen.hypercall"),
    validate: primitiveCost(profile, "xen.validate-entry"),
    pin: primitiveCost(profile, "xen.pin-table"),
    rootSwitch: primitiveCost(profile, "xen.root-switch"),
  };
}

export const directPaging = definePart<"mmu", { queueLength: number }>({
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
  },
  needs: [...TRANSLATION_COSTS, "xen.hypercall", "xen.validate-entry", "xen.pin-table", "xen.root-switch"],
  create: ({ queueLength }, context) => new DirectPaging(queueLength, context),
});
