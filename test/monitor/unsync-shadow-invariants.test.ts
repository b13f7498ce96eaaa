/** What must hold of KVM's shadow pages whatever the guest does: a guest that flushes after its changes sees its own tables. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ALL_PAGES, GUEST_FAULT } from "../../src/guest/virtual-hardware.ts";
import { FaultAddress } from "../../src/machine/fault-address.ts";
import { Meter } from "../../src/machine/meter.ts";
import { entryOf, frameOf, PAGE_TABLE_FORMATS, Pte } from "../../src/machine/page-tables.ts";
import { Tlb } from "../../src/machine/tlb.ts";
import { UnsyncShadowPaging } from "../../src/vmm/mmu/unsync-shadow-paging.ts";
import { FREE_ENTRY, LINUX_6_1 } from "./machines.ts";

/** The least room there is: 64 shadow pages. */
const FRAMES = 2048;
const UPPER = Pte.Present | Pte.Writable | Pte.User;
const machineOf = (frame: number): number => FRAMES - 1 - frame;
/** Of a process among many: its tables are in four frames in a row. */
const rootOf = (process: number): number => 10 + 4 * process;

function machine(): UnsyncShadowPaging {
  return new UnsyncShadowPaging({
    // Walks that are remembered: nothing may be remembered of a shadow that is gone.
    profile: { ...LINUX_6_1, pageWalkCache: { entries: 8 } },
    meter: new Meter(),
    tlb: new Tlb(16, 16),
    faultAddress: new FaultAddress(),
    pageTableFormat: PAGE_TABLE_FORMATS["x86-64"],
    machineFrames: Uint32Array.from({ length: FRAMES }, (_, frame) => machineOf(frame)),
    vmmEntry: FREE_ENTRY,
  });
}

describe("with room for 64 shadow pages", () => {
  it("a process with 100 page tables reaches all of its pages, again and again", () => {
    const mmu = machine();
    for (const [table, level] of [
      [0, 3],
      [1, 2],
      [2, 1],
    ])
      mmu.useAsTable(table, level);
    mmu.writeEntry(0, 0, entryOf(1, UPPER));
    mmu.writeEntry(1, 0, entryOf(2, UPPER));
    for (let area = 0; area < 100; area++) {
      mmu.useAsTable(10 + area, 0);
      mmu.writeEntry(2, area, entryOf(10 + area, UPPER));
      mmu.writeEntry(10 + area, 0, entryOf(1000 + area, UPPER));
    }
    mmu.switchRoot(0);
    for (let turn = 0; turn < 3; turn++) {
      for (let area = 0; area < 100; area++) expect(mmu.access(area << 9, true)).toBe(machineOf(1000 + area));
    }
  });

  it("a hundred processes take turns", () => {
    const mmu = machine();
    for (let process = 0; process < 100; process++) {
      for (let level = 3; level >= 0; level--) mmu.useAsTable(rootOf(process) + 3 - level, level);
      for (let table = 0; table < 3; table++) {
        mmu.writeEntry(rootOf(process) + table, 0, entryOf(rootOf(process) + table + 1, UPPER));
      }
      mmu.writeEntry(rootOf(process) + 3, 7, entryOf(1000 + process, UPPER));
    }
    for (let turn = 0; turn < 300; turn++) {
      mmu.switchRoot(rootOf(turn % 100));
      expect(mmu.access(7, true)).toBe(machineOf(1000 + (turn % 100)));
    }
  });
});

const ROOTS = [0, 1];
/** Of each root: one table on either level between, and tables of the lowest level, of which both roots may use any. */
const MIDDLE = [2, 3];
const LOWER = [4, 5];
const LOWEST = [6, 7, 8, 9];
const AREAS = 3;
const PAGES = 4;

function twoProcesses(): UnsyncShadowPaging {
  const mmu = machine();
  [ROOTS, MIDDLE, LOWER, LOWEST].forEach((tables, depth) => {
    for (const table of tables) mmu.useAsTable(table, 3 - depth);
  });
  for (const process of [0, 1]) {
    mmu.writeEntry(ROOTS[process], 0, entryOf(MIDDLE[process], UPPER));
    mmu.writeEntry(MIDDLE[process], 0, entryOf(LOWER[process], UPPER));
    mmu.writeEntry(LOWER[process], 0, entryOf(LOWEST[2 * process], UPPER));
    mmu.writeEntry(LOWER[process], 1, entryOf(LOWEST[2 * process + 1], UPPER));
  }
  mmu.switchRoot(0);
  return mmu;
}

/** What the guest's own tables say of a page, of a large one as of a small one; 0 if there is nothing. */
function guestEntry(mmu: UnsyncShadowPaging, root: number, page: number): number {
  const above = mmu.readEntry(LOWER[ROOTS.indexOf(root)], page >>> 9);
  if ((above & Pte.Present) !== 0 && (above & Pte.LargePage) !== 0) {
    return entryOf(frameOf(above) + (page & 511), above & 0x7f);
  }
  const position = mmu.guest.walk(root, page);
  const entry = position === -1 ? 0 : mmu.guest.words[position];
  return (entry & Pte.Present) === 0 ? 0 : entry;
}

const area = fc.nat({ max: AREAS - 1 });
const index = fc.nat({ max: PAGES - 1 });
const page = fc.tuple(area, index).map(([upper, leaf]) => (upper << 9) | leaf);
/** Not global: the TLB keeps those when the root changes. */
const leaf = fc
  .tuple(fc.integer({ min: 16, max: 24 }), fc.nat({ max: 31 }))
  .map(([frame, bits]) => entryOf(frame, bits));
/** Machine memory runs backwards here: the parts of a large page lie in no order in which it could be mapped as one. */
const large = fc
  .tuple(fc.integer({ min: 1, max: 3 }), fc.nat({ max: 31 }))
  .map(([first, bits]) => entryOf(512 * first, bits | Pte.Present | Pte.LargePage));
const process = fc.constantFrom(0, 1);
const step = fc.oneof(
  fc.record({
    kind: fc.constant("leaf" as const),
    table: fc.constantFrom(...LOWEST),
    index,
    entry: leaf,
    flush: fc.constantFrom("all", "page"),
  }),
  // Nothing changes, but KVM emulates the write, and gives the table up after three.
  fc.record({ kind: fc.constant("rewrite" as const), table: fc.constantFrom(...ROOTS, ...MIDDLE, ...LOWER) }),
  fc.record({ kind: fc.constant("link" as const), process, area, lowest: fc.option(fc.constantFrom(0, 1)) }),
  fc.record({
    kind: fc.constant("large" as const),
    process,
    area,
    entry: large,
    flush: fc.constantFrom("all", "page"),
  }),
  fc.record({ kind: fc.constant("access" as const), page, write: fc.boolean() }),
  fc.record({ kind: fc.constant("access" as const), page, write: fc.boolean() }),
  fc.record({ kind: fc.constant("switch" as const), process }),
  fc.record({ kind: fc.constant("other use" as const), table: fc.constantFrom(...LOWEST, ...LOWER, ...MIDDLE) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Tables are linked by one entry at most, as those of a process are. */
function link(mmu: UnsyncShadowPaging, lower: number, at: number, table: number | null): void {
  if (table !== null) {
    for (let other = 0; other < AREAS; other++) {
      const entry = mmu.readEntry(lower, other);
      if ((entry & Pte.Present) !== 0 && frameOf(entry) === table) mmu.writeEntry(lower, other, 0);
    }
  }
  mmu.writeEntry(lower, at, table === null ? 0 : entryOf(table, UPPER));
}

/** The page of the running process that an entry of a table is for. All, if the table is none of that process. */
function pageAt(mmu: UnsyncShadowPaging, running: number, table: number, index: number): number {
  for (let upper = 0; upper < AREAS; upper++) {
    const entry = mmu.readEntry(LOWER[running], upper);
    if ((entry & Pte.Present) !== 0 && frameOf(entry) === table) return (upper << 9) | index;
  }
  return ALL_PAGES;
}

/** Carries a step out while a process runs. Returns the process that runs then. */
function carryOut(mmu: UnsyncShadowPaging, what: Step, running: number): number {
  switch (what.kind) {
    case "leaf":
      mmu.writeEntry(what.table, what.index, what.entry);
      mmu.invalidate(what.flush === "page" ? pageAt(mmu, running, what.table, what.index) : ALL_PAGES);
      return running;
    case "rewrite":
      mmu.writeEntry(what.table, 0, mmu.readEntry(what.table, 0));
      return running;
    case "link":
      link(mmu, LOWER[what.process], what.area, what.lowest === null ? null : LOWEST[2 * what.process + what.lowest]);
      mmu.invalidate(ALL_PAGES);
      return running;
    case "large": {
      mmu.writeEntry(LOWER[what.process], what.area, what.entry);
      const isOne = what.flush === "page" && what.process === running;
      mmu.invalidate(isOne ? what.area << 9 : ALL_PAGES);
      return running;
    }
    case "other use":
      // What is written to the page is what is there already: only its shadow goes.
      mmu.reuse(what.table);
      return running;
    case "switch":
      mmu.switchRoot(ROOTS[what.process]);
      return what.process;
    case "access": {
      const entry = guestEntry(mmu, ROOTS[running], what.page);
      const allowed = entry !== 0 && (!what.write || (entry & Pte.Writable) !== 0);
      expect(mmu.access(what.page, what.write)).toBe(allowed ? machineOf(frameOf(entry)) : GUEST_FAULT);
      const wanted = allowed ? (what.write ? Pte.Accessed | Pte.Dirty : Pte.Accessed) : 0;
      expect(guestEntry(mmu, ROOTS[running], what.page) & wanted).toBe(wanted);
      return running;
    }
  }
}

it("a guest that flushes after every change sees its own tables", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 80, size: "max" }), (steps) => {
      const mmu = twoProcesses();
      let running = 0;
      for (const each of steps) running = carryOut(mmu, each, running);
    }),
    { numRuns: 500 },
  );
});

it("a table that was written below an upper table whose shadow had gone is read anew when it is linked again", () => {
  const mmu = twoProcesses();
  const [page, neighbour] = [0, 1];
  const used = Pte.Present | Pte.User | Pte.Accessed;
  mmu.writeEntry(LOWEST[2], page, entryOf(16, used));
  mmu.writeEntry(LOWEST[2], neighbour, entryOf(17, used));
  mmu.switchRoot(ROOTS[1]);
  expect(mmu.access(page, false)).toBe(machineOf(16));
  mmu.reuse(MIDDLE[1]);
  mmu.switchRoot(ROOTS[0]);
  mmu.writeEntry(LOWEST[2], page, 0);
  mmu.invalidate(ALL_PAGES);
  mmu.switchRoot(ROOTS[1]);
  expect(mmu.access(neighbour, false)).toBe(machineOf(17));
  expect(mmu.access(page, false)).toBe(GUEST_FAULT);
});

it("a root whose page was a lowest table keeps being flushed page by page", () => {
  const mmu = twoProcesses();
  const page = 0;
  expect(mmu.access(page, false)).toBe(GUEST_FAULT);
  mmu.writeEntry(LOWEST[0], page, entryOf(16, UPPER | Pte.Accessed | Pte.Dirty));
  expect(mmu.access(page, true)).toBe(machineOf(16));
  // The other process's root moves to that page.
  mmu.writeEntry(LOWER[0], 0, 0);
  mmu.useAsTable(LOWEST[0], -1);
  mmu.reuse(LOWEST[0]);
  mmu.useAsTable(LOWEST[0], 3);
  mmu.writeEntry(LOWEST[0], 0, entryOf(MIDDLE[1], UPPER));
  mmu.writeEntry(LOWEST[2], page, entryOf(17, UPPER));
  mmu.switchRoot(LOWEST[0]);
  expect(mmu.access(page, true)).toBe(machineOf(17));
  mmu.writeEntry(LOWEST[2], page, entryOf(17, Pte.Present | Pte.User));
  mmu.invalidate(page);
  expect(mmu.access(page, true)).toBe(GUEST_FAULT);
});
