import { expect, it } from "vitest";
import { FaultAddress } from "../../src/machine/fault-address.ts";
import { Meter } from "../../src/machine/meter.ts";
import { entryOf, PAGE_TABLE_FORMATS, PageTableMemory, Pte } from "../../src/machine/page-tables.ts";
import { NOT_TRANSLATED, PageWalker } from "../../src/machine/page-walker.ts";
import { Tlb } from "../../src/machine/tlb.ts";
import { XEON, XEON_64 } from "./machines.ts";

const ROOT = 0;
const TABLE = 1;
const MAPPED = Pte.Present | Pte.User | Pte.Writable;

function hardware() {
  const meter = new Meter();
  const tables = new PageTableMemory(PAGE_TABLE_FORMATS.ia32, 16);
  tables.create(ROOT);
  tables.create(TABLE);
  tables.write(ROOT, 0, entryOf(TABLE, MAPPED));
  tables.write(TABLE, 3, entryOf(9, MAPPED));
  tables.write(TABLE, 4, entryOf(10, Pte.Present | Pte.User));
  const walker = new PageWalker(tables, {
    profile: XEON,
    meter,
    tlb: new Tlb(64, 64),
    faultAddress: new FaultAddress(),
  });
  walker.loadRoot(ROOT);
  return { walker, tables, misses: () => meter.ledger.eventsByCause()["hardware.tlb-miss"] ?? 0 };
}

it("marks a page accessed when it is read and dirty when it is written, even if the TLB holds it (Intel SDM 3, 4.8)", () => {
  const { walker, tables, misses } = hardware();
  expect(walker.translate(3, false)).toBe(9);
  expect(tables.read(TABLE, 3)).toBe(entryOf(9, MAPPED | Pte.Accessed));
  expect(walker.translate(3, true)).toBe(9);
  expect(tables.read(TABLE, 3)).toBe(entryOf(9, MAPPED | Pte.Accessed | Pte.Dirty));
  expect(misses()).toBe(2);
  walker.translate(3, true);
  walker.translate(3, false);
  expect(misses()).toBe(2);
});

it("does not let a read-only page be written, whether or not the TLB holds it, and leaves its entry alone", () => {
  const { walker, tables } = hardware();
  expect(walker.translate(4, true)).toBe(NOT_TRANSLATED);
  expect(tables.read(TABLE, 4)).toBe(entryOf(10, Pte.Present | Pte.User));
  expect(walker.translate(4, false)).toBe(10);
  expect(walker.translate(4, true)).toBe(NOT_TRANSLATED);
});

it("goes on using a translation until it is told that the tables have changed", () => {
  const { walker, tables } = hardware();
  walker.translate(3, false);
  tables.write(TABLE, 3, entryOf(12, MAPPED));
  expect(walker.translate(3, false)).toBe(9);
  walker.invalidate(3);
  expect(walker.translate(3, false)).toBe(12);
  tables.write(TABLE, 3, entryOf(13, MAPPED));
  walker.loadRoot(ROOT);
  expect(walker.translate(3, false)).toBe(13);
});

it("makes fewer references where upper levels are cached: as many as there are levels below what is known", () => {
  const meter = new Meter();
  const tables = new PageTableMemory(PAGE_TABLE_FORMATS["x86-64"], 16);
  // Frames 0 to 3: the way to pages 0 to 511; frame 4: pages 512 to 1023, under the same table of level 1.
  for (let frame = 0; frame < 5; frame++) tables.create(frame);
  for (let upper = 0; upper < 3; upper++) tables.write(upper, 0, entryOf(upper + 1, MAPPED));
  tables.write(2, 1, entryOf(4, MAPPED));
  for (const index of [3, 4, 5]) for (const table of [3, 4]) tables.write(table, index, entryOf(9 + index, MAPPED));
  const tlb = new Tlb(64, 64);
  const walker = new PageWalker(tables, {
    profile: { ...XEON_64, pageWalkCache: { entries: 4 } },
    meter,
    tlb,
    faultAddress: new FaultAddress(),
  });
  walker.loadRoot(0);
  const references = (page: number): number => {
    const before = meter.ledger.eventsByCause()["event.page-walk-reference"] ?? 0;
    expect(walker.translate(page, false)).toBe(9 + (page % 512));
    return meter.ledger.eventsByCause()["event.page-walk-reference"] - before;
  };
  expect([3, 4, 512 + 3, 512 + 4, 5].map(references)).toEqual([4, 1, 2, 1, 1]);
  walker.invalidate(3);
  expect([3, 512 + 5].map(references)).toEqual([4, 2]);
  // A change between guest and VMM without tags leaves neither translations nor what leads to them.
  tlb.flushAll();
  expect([3, 4].map(references)).toEqual([4, 1]);
  expect(meter.ledger.cyclesByCause()["hardware.tlb-miss"]).toBe(20 * 25);
});
