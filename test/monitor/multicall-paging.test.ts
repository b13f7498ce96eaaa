import { describe, expect, it } from "vitest";
import { ALL_PAGES } from "../../src/guest/virtual-hardware.ts";
import { FaultAddress } from "../../src/machine/fault-address.ts";
import { Meter } from "../../src/machine/meter.ts";
import { entryOf, PAGE_TABLE_FORMATS, Pte } from "../../src/machine/page-tables.ts";
import { Tlb } from "../../src/machine/tlb.ts";
import { reasonToSkip } from "../../src/sim/reason-to-skip.ts";
import { directPaging } from "../../src/vmm/mmu/direct-paging.ts";
import { MulticallPaging } from "../../src/vmm/mmu/multicall-paging.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import { FREE_ENTRY, LINUX_6_1, XEON } from "./machines.ts";

const FRAMES = 4096;
const MAPPED = Pte.Present | Pte.User;
const ROOT = 0;
/** Last-level tables of the tree that {@link guest} builds; two tables on each level between them and the root. */
const LOWEST = [5, 6, 7];

function guest(): { mmu: MulticallPaging; count: (cause: string) => number } {
  const meter = new Meter();
  const mmu = new MulticallPaging({
    profile: LINUX_6_1,
    meter,
    tlb: new Tlb(64, 64),
    faultAddress: new FaultAddress(),
    pageTableFormat: PAGE_TABLE_FORMATS["x86-64"],
    machineFrames: Uint32Array.from({ length: FRAMES }, (_, frame) => FRAMES - 1 - frame),
    vmmEntry: FREE_ENTRY,
  });
  mmu.useAsTable(ROOT, 3, ROOT);
  for (const [table, level] of [[1, 2], [2, 2], [3, 1], [4, 1], ...LOWEST.map((table) => [table, 0])]) {
    mmu.useAsTable(table, level, ROOT);
  }
  const links = [
    [ROOT, 0, 1],
    [ROOT, 9, 2],
    [1, 0, 3],
    [2, 0, 4],
    [3, 2, 5],
    [3, 3, 6],
    [4, 0, 7],
  ];
  for (const [upper, index, lower] of links) mmu.writeEntry(upper, index, entryOf(lower, MAPPED | Pte.Writable), "set");
  return { mmu, count: (cause) => meter.ledger.eventsByCause()[cause] ?? 0 };
}

describe("a tree of page tables", () => {
  it("costs no hypercall to build, 14 multicall entries to pin and 13 to unpin", () => {
    // Lowest level: mapping and pin each, 3 x 2; between: mapping, 4 x 1; root: mapping and pin of the kernel's and of the
    // user's, 4. Unpinning releases both roots by one call. (xen_pgd_pin and xen_pgd_unpin, Linux 6.1)
    const { mmu, count } = guest();
    expect(count("vmm.hypercall")).toBe(0);
    mmu.activate(ROOT);
    expect([count("event.pgd_pin"), count("event.mc_entry"), count("event.mc_flush")]).toEqual([1, 14, 1]);
    mmu.retire(ROOT);
    expect([count("event.pgd_unpin"), count("event.mc_entry")]).toEqual([1, 27]);
    expect(LOWEST.map((table) => mmu.types.tableLevel(FRAMES - 1 - table))).toEqual([-1, -1, -1]);
  });

  it("is refused if it maps one of its own tables writable", () => {
    const { mmu } = guest();
    mmu.writeEntry(5, 3, entryOf(6, MAPPED | Pte.Writable), "set");
    expect(() => mmu.activate(ROOT)).toThrow("mapped writable");
  });
});

describe("an entry of a pinned table", () => {
  it("is set by a hypercall of its own outside a batch", () => {
    const { mmu, count } = guest();
    mmu.activate(ROOT);
    const before = count("vmm.hypercall");
    mmu.writeEntry(5, 3, entryOf(900, MAPPED | Pte.Writable), "set");
    expect([count("vmm.hypercall") - before, count("event.set_pte")]).toEqual([1, 1]);
    expect(mmu.readEntry(5, 3)).toBe(entryOf(900, MAPPED | Pte.Writable));
  });

  // 512 bytes of arguments hold 31 updates of 16 bytes: the test for space is "at least full" (multicalls.c).
  it.each([
    { updates: 31, hypercalls: 1 },
    { updates: 32, hypercalls: 2 },
    { updates: 256, hypercalls: 9 },
    { updates: 512, hypercalls: 17 },
  ])("is one of $updates that go in $hypercalls hypercalls in a batch", ({ updates, hypercalls }) => {
    const { mmu, count } = guest();
    mmu.activate(ROOT);
    const [calls, entries] = [count("vmm.hypercall"), count("event.mc_entry")];
    mmu.beginBatch();
    for (let index = 0; index < updates; index++) mmu.writeEntry(5, index, entryOf(900 + index, MAPPED), "protect");
    mmu.endBatch();
    expect([count("vmm.hypercall") - calls, count("event.mc_entry") - entries]).toEqual([hypercalls, hypercalls]);
    expect(count("event.ptep_modify_prot_commit")).toBe(updates);
  });

  it("is emulated when an instruction modifies it, and only while the table is pinned", () => {
    const { mmu, count } = guest();
    mmu.writeEntry(5, 3, entryOf(900, MAPPED | Pte.Writable), "modify");
    expect(count("vmm.direct.emulated-write")).toBe(0);
    mmu.activate(ROOT);
    mmu.beginBatch();
    mmu.writeEntry(5, 3, 0, "modify");
    expect(count("vmm.direct.emulated-write")).toBe(1);
    expect(mmu.types.writableReferences(FRAMES - 1 - 900)).toBe(0);
    mmu.retire(ROOT);
    mmu.writeEntry(5, 3, entryOf(900, MAPPED), "modify");
    expect(count("vmm.direct.emulated-write")).toBe(1);
  });
});

it("writes an entry of a pinned root in both root tables, in one hypercall with one flush", () => {
  const { mmu, count } = guest();
  mmu.activate(ROOT);
  const counted = ["event.mc_entry", "vmm.hypercall", "vmm.direct.update", "vmm.direct.tlb-flush", "guest.paravirtual"];
  const before = counted.map(count);
  mmu.writeEntry(ROOT, 9, 0, "set");
  expect(counted.map((name, i) => count(name) - before[i])).toEqual([1, 1, 2, 1, 0]);
});

it("flushes the TLB and loads both roots by one hypercall each", () => {
  const { mmu, count } = guest();
  mmu.activate(ROOT);
  const before = count("vmm.hypercall");
  mmu.switchRoot(ROOT);
  expect([count("vmm.hypercall") - before, count("event.write_cr3")]).toEqual([1, 2]);
  mmu.invalidate(ALL_PAGES);
  expect(count("vmm.hypercall") - before).toBe(2);
});

it("is no way to have writable page tables", () => {
  const part = directPaging({ writablePageTables: true });
  expect(reasonToSkip({ ...xenPv, mmu: part }, LINUX_6_1, {})).toBe(
    "xen-pv on linux-6.1-icount: linux-6.1 does not use writable page tables; expected mmu.writablePageTables: off",
  );
  expect(reasonToSkip({ ...xenPv, mmu: part }, XEON, {})).toBeUndefined();
});
