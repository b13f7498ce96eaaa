import { describe, expect, it } from "vitest";
import { Meter } from "../../src/machine/meter.ts";
import { entryOf, PAGE_TABLE_FORMATS, Pte } from "../../src/machine/page-tables.ts";
import { Tlb } from "../../src/machine/tlb.ts";
import { runMonitor } from "../../src/sim/monitor.ts";
import { DirectPaging, directPaging } from "../../src/vmm/mmu/direct-paging.ts";
import { NOT_A_TABLE } from "../../src/guest/virtual-hardware.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { FREE_ENTRY, SMALL_GUEST, XEON } from "./machines.ts";

const FRAMES = 4096;
const MAPPED = Pte.Present | Pte.User;

function hypervisor(queueLength: number): { mmu: DirectPaging; meter: Meter } {
  const meter = new Meter();
  const mmu = new DirectPaging(queueLength, {
    profile: XEON,
    meter,
    tlb: new Tlb(64, 64),
    pageTableFormat: PAGE_TABLE_FORMATS.ia32,
    machineFrames: Uint32Array.from({ length: FRAMES }, (_, frame) => FRAMES - 1 - frame),
    vmmEntry: FREE_ENTRY,
  });
  return { mmu, meter };
}

const events = (meter: Meter, cause: string): number => meter.ledger.eventsByCause()[cause] ?? 0;

describe("the queue of page-table updates", () => {
  it.each([
    { updates: 2048, queueLength: 2048, hypercalls: 1 },
    { updates: 2049, queueLength: 2048, hypercalls: 2 },
    { updates: 2048, queueLength: 128, hypercalls: 16 },
    { updates: 10, queueLength: 1, hypercalls: 10 },
  ])("hands $updates updates over in $hypercalls hypercalls when it holds $queueLength", (given) => {
    const { mmu, meter } = hypervisor(given.queueLength);
    for (let table = 0; table < 3; table++) mmu.useAsTable(table, 0);
    mmu.commit();
    const before = events(meter, "vmm.hypercall");
    for (let i = 0; i < given.updates; i++) mmu.writeEntry(i >> 10, i & 1023, entryOf(100 + i, MAPPED | Pte.Writable));
    mmu.commit();
    expect(events(meter, "vmm.hypercall") - before).toBe(given.hypercalls);
    expect(mmu.readEntry(1, 1023)).toBe(given.updates >= 2048 ? entryOf(2147, MAPPED | Pte.Writable) : 0);
  });

  it("costs nothing when it is empty", () => {
    const { mmu, meter } = hypervisor(2048);
    mmu.commit();
    expect(meter.now).toBe(0);
  });
});

describe("the hypervisor refuses", () => {
  it("a writable mapping of a page table", () => {
    const { mmu } = hypervisor(8);
    mmu.useAsTable(0, 0);
    mmu.writeEntry(0, 5, entryOf(0, MAPPED));
    mmu.commit();
    mmu.writeEntry(0, 6, entryOf(0, MAPPED | Pte.Writable));
    expect(() => mmu.commit()).toThrow("page table, not to be written");
  });

  it("a page table in a frame that is mapped writable", () => {
    const { mmu } = hypervisor(8);
    mmu.useAsTable(0, 0);
    mmu.writeEntry(0, 5, entryOf(9, MAPPED | Pte.Writable));
    mmu.useAsTable(9, 0);
    expect(() => mmu.commit()).toThrow("mapped writable");
  });

  it("a frame of somebody else's", () => {
    const { mmu } = hypervisor(8);
    mmu.useAsTable(0, 0);
    mmu.writeEntry(0, 5, entryOf(FRAMES, MAPPED));
    expect(() => mmu.commit()).toThrow("does not belong to the guest");
  });

  it("to free a table that a root refers to", () => {
    const { mmu } = hypervisor(8);
    mmu.useAsTable(0, 1);
    mmu.useAsTable(1, 0);
    mmu.writeEntry(0, 7, entryOf(1, MAPPED));
    mmu.useAsTable(1, NOT_A_TABLE);
    expect(() => mmu.commit()).toThrow("in use");
  });

  it("updates of its own 64 MB at the top of the address space", () => {
    const { mmu } = hypervisor(8);
    mmu.useAsTable(0, 1);
    mmu.useAsTable(1, 0);
    mmu.writeEntry(0, 1007, entryOf(1, MAPPED));
    mmu.commit();
    mmu.writeEntry(0, 1008, entryOf(1, MAPPED));
    expect(() => mmu.commit()).toThrow("hypervisor's");
  });

  it("a root that is no root table", () => {
    const { mmu } = hypervisor(8);
    mmu.useAsTable(1, 0);
    expect(() => mmu.switchRoot(1)).toThrow("no root table");
  });
});

it("carries out what is queued before the address space changes", () => {
  const { mmu, meter } = hypervisor(8);
  mmu.useAsTable(0, 1);
  mmu.useAsTable(1, 0);
  mmu.writeEntry(0, 0, entryOf(1, MAPPED));
  mmu.writeEntry(1, 3, entryOf(77, MAPPED | Pte.Writable));
  mmu.switchRoot(0);
  expect(mmu.access(3, true)).toBe(FRAMES - 1 - 77);
  // One for the queue, one for the switch.
  expect(events(meter, "vmm.hypercall")).toBe(2);
  expect(mmu.types.writableReferences(FRAMES - 1 - 77)).toBe(1);
});

it("counts references to frames, so that what was a page table can be written again, and the other way round", () => {
  const { mmu } = hypervisor(64);
  const [root, table, page] = [0, 1, 77].map((frame) => FRAMES - 1 - frame);
  mmu.useAsTable(0, 1);
  mmu.useAsTable(1, 0);
  mmu.writeEntry(0, 0, entryOf(1, MAPPED));
  for (const index of [3, 4, 5]) mmu.writeEntry(1, index, entryOf(77, MAPPED | Pte.Writable));
  mmu.writeEntry(1, 3, entryOf(78, MAPPED | Pte.Writable));
  mmu.writeEntry(1, 4, entryOf(77, MAPPED));
  mmu.commit();
  expect([root, table].map((frame) => mmu.types.tableReferences(frame))).toEqual([1, 2]);
  expect(mmu.types.writableReferences(page)).toBe(1);
  mmu.writeEntry(0, 0, 0);
  mmu.useAsTable(1, NOT_A_TABLE);
  // Its frames may become tables now, and its own frame may be written.
  mmu.useAsTable(77, 0);
  mmu.writeEntry(77, 0, entryOf(1, MAPPED | Pte.Writable));
  mmu.commit();
  expect([table, page].map((frame) => mmu.types.tableLevel(frame))).toEqual([-1, 0]);
  expect(mmu.types.writableReferences(page - 1)).toBe(0);
});

it("enters the hypervisor twice for each page that is mapped on demand (Barham 2003, section 4.2)", () => {
  const builder = new OperationStreamBuilder();
  for (let page = 0; page < 30; page++) builder.add(Op.Touch, 40 + page, 1);
  const workload = { name: "faults", guest: SMALL_GUEST, stream: builder.finish(), durationUs: 0, warmupUs: 0 };
  const { events: counts } = runMonitor({ ...xenPv, mmu: directPaging() }, XEON, workload);
  expect(counts["vmm.trap"]).toBe(30);
  expect(counts["vmm.hypercall"]).toBe(30);
});
