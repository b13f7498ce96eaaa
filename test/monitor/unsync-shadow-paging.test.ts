import { describe, expect, it } from "vitest";
import { event } from "../../src/core/ledger.ts";
import { ALL_PAGES, GUEST_FAULT } from "../../src/guest/virtual-hardware.ts";
import { FaultAddress } from "../../src/machine/fault-address.ts";
import { Meter } from "../../src/machine/meter.ts";
import { entryOf, PAGE_TABLE_FORMATS, Pte } from "../../src/machine/page-tables.ts";
import { Tlb } from "../../src/machine/tlb.ts";
import { UnsyncShadowPaging } from "../../src/vmm/mmu/unsync-shadow-paging.ts";
import { FREE_ENTRY, LINUX_6_1 } from "./machines.ts";

const EXITS = event("exits");
const FRAMES = 4096;
const USED = Pte.Present | Pte.User | Pte.Accessed;
const WRITTEN = USED | Pte.Writable | Pte.Dirty;
const ROOT = 0;
const LOWEST = 3;

/** An address space of its own: four tables in a row. */
function addSpace(mmu: UnsyncShadowPaging, root: number): void {
  for (let level = 3; level >= 0; level--) {
    mmu.useAsTable(root + 3 - level, level);
    if (level < 3) mmu.writeEntry(root + 2 - level, 0, entryOf(root + 3 - level, USED | Pte.Writable));
  }
}

function guest(): { mmu: UnsyncShadowPaging; count: (cause: string) => number } {
  const meter = new Meter();
  const mmu = new UnsyncShadowPaging({
    profile: LINUX_6_1,
    meter,
    tlb: new Tlb(64, 64),
    faultAddress: new FaultAddress(),
    pageTableFormat: PAGE_TABLE_FORMATS["x86-64"],
    machineFrames: Uint32Array.from({ length: FRAMES }, (_, frame) => FRAMES - 1 - frame),
    vmmEntry: { ...FREE_ENTRY, enter: () => meter.count(EXITS) },
  });
  addSpace(mmu, ROOT);
  mmu.switchRoot(ROOT);
  const count = (name: string): number => {
    const events = meter.ledger.eventsByCause();
    return events[`event.${name}`] ?? events[name] ?? 0;
  };
  return { mmu, count };
}

describe("a last-level table", () => {
  it("is written freely until it is shadowed, then faults once, then is free again until the guest flushes", () => {
    const { mmu, count } = guest();
    const fixed = count("pf_fixed");
    mmu.writeEntry(LOWEST, 5, entryOf(900, WRITTEN));
    expect(mmu.access(5, true)).toBe(FRAMES - 1 - 900);
    expect(count("pf_fixed") - fixed).toBe(1); // the hidden fault of the access
    for (let index = 6; index < 100; index++) mmu.writeEntry(LOWEST, index, entryOf(900 + index, WRITTEN));
    expect([count("pf_fixed") - fixed, count("mmu_unsync")]).toEqual([2, 1]);
    mmu.invalidate(ALL_PAGES);
    expect(count("mmu_unsync")).toBe(0);
    mmu.writeEntry(LOWEST, 5, 0);
    expect([count("pf_fixed") - fixed, count("mmu_unsync")]).toEqual([3, 1]);
  });

  it("may be stale until the guest flushes, and not longer", () => {
    const { mmu } = guest();
    mmu.writeEntry(LOWEST, 5, entryOf(900, WRITTEN));
    mmu.access(5, true);
    mmu.writeEntry(LOWEST, 5, 0);
    expect(mmu.access(5, true)).toBe(FRAMES - 1 - 900);
    mmu.invalidate(ALL_PAGES);
    expect(mmu.access(5, true)).toBe(GUEST_FAULT);
  });

  it("has up to seven neighbours filled by a fault, in a group of eight, up to the first that is not in use", () => {
    const { mmu, count } = guest();
    for (let index = 8; index < 16; index++) mmu.writeEntry(LOWEST, index, entryOf(900 + index, USED));
    const fixed = count("pf_fixed");
    for (let page = 8; page < 16; page++) mmu.access(page, false);
    expect(count("pf_fixed") - fixed).toBe(1);
    for (const index of [16, 17, 19]) mmu.writeEntry(LOWEST, index, entryOf(900 + index, USED));
    mmu.invalidate(ALL_PAGES);
    const before = count("pf_fixed");
    for (const page of [16, 17, 19]) mmu.access(page, false);
    expect(count("pf_fixed") - before).toBe(2);
  });
});

describe("an upper table", () => {
  it("is emulated write by write, and given up at the third that no walk comes between", () => {
    const { mmu, count } = guest();
    mmu.writeEntry(LOWEST, 5, entryOf(900, WRITTEN));
    mmu.access(5, true);
    for (let table = 10; table < 13; table++) mmu.useAsTable(table, 0);
    const zapped = count("mmu_shadow_zapped");
    for (let i = 0; i < 3; i++) mmu.writeEntry(2, 1 + i, entryOf(10 + i, USED | Pte.Writable));
    expect([count("mmu_pte_write"), count("pf_emulate"), count("mmu_shadow_zapped") - zapped]).toEqual([3, 3, 1]);
    mmu.writeEntry(2, 9, 0);
    expect(count("mmu_pte_write")).toBe(3);
    expect(mmu.access(5, true)).toBe(FRAMES - 1 - 900);
  });

  it("loses its shadow when its page is put to another use", () => {
    const { mmu, count } = guest();
    mmu.writeEntry(LOWEST, 5, entryOf(900, WRITTEN));
    mmu.access(5, true);
    mmu.reuse(2);
    expect([count("pf_emulate"), count("mmu_shadow_zapped")]).toEqual([1, 1]);
    mmu.reuse(2);
    expect(count("pf_emulate")).toBe(1);
  });
});

it("passes on a fault that the guest's tables don't allow, in one exit", () => {
  const { mmu, count } = guest();
  const exits = count("exits");
  expect(mmu.access(5, true)).toBe(GUEST_FAULT);
  mmu.raiseFault();
  expect([count("exits") - exits, count("pf_guest")]).toEqual([1, 1]);
});

it("exits twice for a flush, which reads the root and writes it, and once for a page or a switch", () => {
  const { mmu, count } = guest();
  const exits = count("exits");
  mmu.invalidate(ALL_PAGES);
  expect(count("exits") - exits).toBe(2);
  mmu.invalidate(7);
  expect([count("exits") - exits, count("invlpg")]).toEqual([3, 1]);
  mmu.switchRoot(ROOT);
  expect(count("exits") - exits).toBe(4);
});

it("renews the entry of an invalidated page in tables out of sync below every root at hand, and only there", () => {
  const { mmu, count } = guest();
  for (const root of [20, 30, 40, 50]) addSpace(mmu, root);
  mmu.writeEntry(LOWEST, 5, entryOf(900, WRITTEN));
  mmu.access(5, true);
  mmu.writeEntry(LOWEST, 5, entryOf(901, WRITTEN));
  const work = (): number => {
    const before = count("vmm.shadow.invalidate");
    mmu.invalidate(5);
    return count("vmm.shadow.invalidate") - before;
  };
  // The instruction, the old entry that goes, and the new one.
  expect(work()).toBe(3);
  for (const root of [20, 30, 40]) mmu.switchRoot(root);
  expect(work()).toBe(3);
  mmu.switchRoot(50);
  expect(work()).toBe(1);
});

it("renews a stale entry when the guest faults at it, so that the repaired one is used from then on", () => {
  const { mmu, count } = guest();
  mmu.writeEntry(LOWEST, 5, entryOf(900, USED));
  mmu.access(5, false);
  mmu.writeEntry(LOWEST, 6, 0);
  expect(mmu.access(5, true)).toBe(GUEST_FAULT);
  mmu.writeEntry(LOWEST, 5, entryOf(901, WRITTEN));
  mmu.raiseFault();
  const fixed = count("pf_fixed");
  expect(mmu.access(5, true)).toBe(FRAMES - 1 - 901);
  expect(count("pf_fixed")).toBe(fixed);
});

it("has the kernel's own root among the four at hand once a process has ended", () => {
  const { mmu, count } = guest();
  for (const root of [20, 30, 40]) addSpace(mmu, root);
  const work = (load: () => void): number => {
    const before = count("vmm.shadow.root-switch");
    load();
    return count("vmm.shadow.root-switch") - before;
  };
  mmu.switchRoot(20);
  mmu.switchRoot(30);
  expect(work(() => mmu.switchRoot(ROOT))).toBe(1);
  mmu.retire(ROOT); // at hand: the kernel's, 0, 30, 20
  expect(work(() => mmu.switchRoot(40))).toBe(2);
  expect(work(() => mmu.switchRoot(30))).toBe(1);
  expect(work(() => mmu.switchRoot(20))).toBe(2); // would be at hand if the kernel's were not
});
