import { describe, expect, it } from "vitest";
import { FaultAddress } from "../../src/machine/fault-address.ts";
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

function hypervisor(queueLength: number, writablePageTables = false): { mmu: DirectPaging; meter: Meter } {
  const meter = new Meter();
  const mmu = new DirectPaging(
    { queueLength, writablePageTables, kernelSuperpages: false },
    {
      profile: XEON,
      meter,
      tlb: new Tlb(64, 64),
      faultAddress: new FaultAddress(),
      pageTableFormat: PAGE_TABLE_FORMATS.ia32,
      machineFrames: Uint32Array.from({ length: FRAMES }, (_, frame) => FRAMES - 1 - frame),
      vmmEntry: FREE_ENTRY,
    },
  );
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

function tree(): { mmu: DirectPaging; meter: Meter } {
  const guest = hypervisor(8, true);
  guest.mmu.useAsTable(0, 1);
  guest.mmu.useAsTable(1, 0);
  guest.mmu.useAsTable(2, 0);
  guest.mmu.writeEntry(0, 0, entryOf(1, MAPPED));
  guest.mmu.writeEntry(0, 1, entryOf(2, MAPPED));
  guest.mmu.switchRoot(0);
  guest.mmu.beginBatch();
  return guest;
}

describe("writable page tables", () => {
  it("trap at the first write and let the others go, until the table is needed", () => {
    const { mmu, meter } = tree();
    const traps = events(meter, "vmm.trap");
    for (let index = 0; index < 100; index++) mmu.writeEntry(1, index, entryOf(100 + index, MAPPED | Pte.Writable));
    expect(events(meter, "vmm.trap") - traps).toBe(1);
    expect(mmu.types.writableReferences(FRAMES - 1 - 150)).toBe(0);
    const checked = events(meter, "vmm.direct.validate");
    expect(mmu.access(50, true)).toBe(FRAMES - 1 - 150);
    // One scan of the table, 100 entries that had changed.
    expect(events(meter, "vmm.direct.validate") - checked).toBe(101);
    expect(mmu.types.writableReferences(FRAMES - 1 - 150)).toBe(1);
  });

  it("are put back when another table is written", () => {
    const { mmu, meter } = tree();
    const traps = events(meter, "vmm.trap");
    mmu.writeEntry(1, 0, entryOf(100, MAPPED));
    mmu.writeEntry(2, 0, entryOf(101, MAPPED));
    mmu.writeEntry(1, 1, entryOf(102, MAPPED));
    expect(events(meter, "vmm.trap") - traps).toBe(3);
  });

  it("are refused when they map a page table writable", () => {
    const { mmu } = tree();
    mmu.writeEntry(1, 0, entryOf(2, MAPPED | Pte.Writable));
    expect(() => mmu.access(0, false)).toThrow("page table, not to be written");
  });
});

it("keeps the top 168 MB of every address space to itself with PAE", () => {
  const meter = new Meter();
  const pae = new DirectPaging(
    { queueLength: 8, writablePageTables: false, kernelSuperpages: false },
    {
      profile: XEON,
      meter,
      tlb: new Tlb(64, 64),
      faultAddress: new FaultAddress(),
      pageTableFormat: PAGE_TABLE_FORMATS["ia32-pae"],
      machineFrames: Uint32Array.from({ length: FRAMES }, (_, frame) => frame),
      vmmEntry: FREE_ENTRY,
    },
  );
  pae.useAsTable(0, 2);
  pae.useAsTable(1, 1);
  pae.useAsTable(2, 0);
  pae.writeEntry(0, 3, entryOf(1, MAPPED));
  // 4096 MB - 168 MB = 3928 MB: entry 428 of the table for the fourth gigabyte, 2 MB each.
  pae.writeEntry(1, 427, entryOf(2, MAPPED));
  pae.commit();
  pae.writeEntry(1, 428, entryOf(2, MAPPED));
  expect(() => pae.commit()).toThrow("hypervisor's");
});
