/** What must hold of shadow tables whatever the guest does: they never allow more than the guest's own. */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { ALL_PAGES, GUEST_FAULT } from "../../src/guest/virtual-hardware.ts";
import { FaultAddress } from "../../src/machine/fault-address.ts";
import { Meter } from "../../src/machine/meter.ts";
import { entryOf, frameOf, PAGE_TABLE_FORMATS, Pte } from "../../src/machine/page-tables.ts";
import { Tlb } from "../../src/machine/tlb.ts";
import { ShadowPaging } from "../../src/vmm/mmu/shadow-paging.ts";
import { FREE_ENTRY, XEON } from "./machines.ts";

const FRAMES = 1024;
const ROOTS = [0, 1];
const TABLES = [2, 3, 4, 5];
/** First frame of a guest large page; its first small pages are the ones that are visited. */
const LARGE = 64;
const UPPER_INDICES = 3;
const LEAF_INDICES = 4;
const UPPER = Pte.Present | Pte.Writable | Pte.User;
const machineOf = (frame: number): number => FRAMES - 1 - frame;

interface Settings {
  readonly shadowTables: number;
  readonly outOfSync: boolean;
  readonly writesAllowed: number;
  readonly keepsUnlinked?: boolean;
}

function machine(settings: Settings): { mmu: ShadowPaging; tlb: Tlb } {
  const tlb = new Tlb(16, 16);
  const mmu = new ShadowPaging(
    { keepsUnlinked: true, ...settings, storesToReuse: 1 },
    {
      profile: XEON,
      meter: new Meter(),
      tlb,
      faultAddress: new FaultAddress(),
      pageTableFormat: PAGE_TABLE_FORMATS.ia32,
      machineFrames: Uint32Array.from({ length: FRAMES }, (_, frame) => machineOf(frame)),
      vmmEntry: FREE_ENTRY,
    },
  );
  for (const root of ROOTS) mmu.useAsTable(root, 1);
  TABLES.forEach((table, i) => {
    mmu.useAsTable(table, 0);
    for (let index = 0; index < LEAF_INDICES; index++) {
      mmu.writeEntry(table, index, entryOf(8 + index, UPPER), "set");
    }
    // Two tables for either root: its entries 0 and 1.
    mmu.writeEntry(ROOTS[i >> 1], i & 1, entryOf(table, UPPER), "set");
  });
  mmu.switchRoot(0);
  return { mmu, tlb };
}

type Step =
  | { kind: "leaf"; table: number; index: number; entry: number }
  | { kind: "upper"; root: number; index: number; entry: number }
  | { kind: "access"; page: number; write: boolean }
  | { kind: "invalidate"; page: number }
  | { kind: "switch"; root: number };

const leafIndex = fc.nat({ max: LEAF_INDICES - 1 });
const upperIndex = fc.nat({ max: UPPER_INDICES - 1 });
const page = fc.tuple(upperIndex, leafIndex).map(([upper, leaf]) => (upper << 10) | leaf);
const flags = fc.nat({ max: 63 });
const leaf = fc.tuple(fc.integer({ min: 0, max: 24 }), flags).map(([frame, bits]) => entryOf(frame, bits));
const upper = fc.oneof(
  fc.constantFrom(...TABLES).map((table) => entryOf(table, UPPER)),
  flags.map((bits) => entryOf(LARGE, bits | Pte.Present | Pte.LargePage)),
  fc.constant(0),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant("leaf" as const),
    table: fc.constantFrom(...TABLES),
    index: leafIndex,
    entry: leaf,
  }),
  fc.record({
    kind: fc.constant("upper" as const),
    root: fc.constantFrom(...ROOTS),
    index: upperIndex,
    entry: upper,
  }),
  fc.record({ kind: fc.constant("access" as const), page, write: fc.boolean() }),
  fc.record({ kind: fc.constant("access" as const), page, write: fc.boolean() }),
  fc.record({ kind: fc.constant("invalidate" as const), page: fc.oneof(page, fc.constant(ALL_PAGES)) }),
  fc.record({ kind: fc.constant("switch" as const), root: fc.constantFrom(...ROOTS) }),
);

/** What the guest's tables say of a page: the entry as of a small page, 0 if there is none. */
function guestEntry(mmu: ShadowPaging, root: number, address: number): number {
  const above = mmu.readEntry(root, address >>> 10);
  if ((above & Pte.Present) === 0) return 0;
  const index = address & 1023;
  if ((above & Pte.LargePage) !== 0) return entryOf(frameOf(above) + index, above & 0x7f);
  const entry = mmu.readEntry(frameOf(above), index);
  return (entry & Pte.Present) === 0 ? 0 : entry;
}

/** The shadow's entry of a page, 0 if there is none. */
function shadowEntry(mmu: ShadowPaging, root: number, address: number): number {
  const { memory } = mmu.shadows;
  const table = mmu.shadows.find(root);
  const above = table === -1 ? 0 : memory.read(table, address >>> 10);
  return (above & Pte.Present) === 0 ? 0 : memory.read(frameOf(above), address & 1023);
}

function expectNoMoreThanTheGuest(mmu: ShadowPaging): void {
  for (const root of ROOTS) {
    for (let top = 0; top < UPPER_INDICES; top++) {
      for (let low = 0; low < LEAF_INDICES; low++) {
        const shadow = shadowEntry(mmu, root, (top << 10) | low);
        if ((shadow & Pte.Present) === 0) continue;
        const guest = guestEntry(mmu, root, (top << 10) | low);
        expect(guest & Pte.Present).toBe(Pte.Present);
        expect(frameOf(shadow)).toBe(machineOf(frameOf(guest)));
        // The guest sees that the page was visited, and before the first write that it was written.
        expect(guest & Pte.Accessed).toBe(Pte.Accessed);
        if ((shadow & Pte.Writable) !== 0) expect(guest & Pte.Writable & (guest >>> 3)).toBe(Pte.Writable);
        expect(shadow & (Pte.User | Pte.Global) & ~guest).toBe(0);
      }
    }
  }
}

/** A table below a root has a shadow only as long as a root's shadow leads to it. */
function expectNoneWithoutAWay(mmu: ShadowPaging): void {
  const { shadows } = mmu;
  const linked = ROOTS.map((root) => shadows.find(root))
    .filter((shadow) => shadow !== -1)
    .flatMap((shadow) => Array.from({ length: UPPER_INDICES }, (_, index) => shadows.memory.read(shadow, index)))
    .filter((entry) => (entry & Pte.Present) !== 0)
    .map(frameOf);
  expect(
    TABLES.map((table) => shadows.find(table)).filter((shadow) => shadow !== -1 && !linked.includes(shadow)),
  ).toEqual([]);
}

/** What hardware that walked the guest's own tables would answer. */
function expectAsOnBareHardware(mmu: ShadowPaging, root: number, { page: address, write }: Step & { kind: "access" }) {
  const entry = guestEntry(mmu, root, address);
  const allowed = entry !== 0 && (!write || (entry & Pte.Writable) !== 0);
  expect(mmu.access(address, write)).toBe(allowed ? machineOf(frameOf(entry)) : GUEST_FAULT);
  if (!allowed) return;
  const wanted = write ? Pte.Accessed | Pte.Dirty : Pte.Accessed;
  expect(guestEntry(mmu, root, address) & wanted).toBe(wanted);
}

/** Carries a step out. Returns whether it flushes, after which tables that were out of step are in step again. */
function carryOut(mmu: ShadowPaging, what: Step): boolean {
  switch (what.kind) {
    case "leaf":
      mmu.writeEntry(what.table, what.index, what.entry, "set");
      return false;
    case "upper":
      mmu.writeEntry(what.root, what.index, what.entry, "set");
      return false;
    case "access":
      mmu.access(what.page, what.write);
      return false;
    case "invalidate":
      mmu.invalidate(what.page);
      return what.page === ALL_PAGES;
    case "switch":
      mmu.switchRoot(what.root);
      return true;
  }
}

const steps = fc.array(step, { minLength: 10, maxLength: 60, size: "max" });

it.each([
  { shadowTables: 64, keepsUnlinked: true },
  { shadowTables: 5, keepsUnlinked: true },
  { shadowTables: 64, keepsUnlinked: false },
  { shadowTables: 5, keepsUnlinked: false },
])(
  "shadows with room for $shadowTables tables never allow more than the guest's tables, after any step (unlinked ones kept: $keepsUnlinked)",
  ({ shadowTables, keepsUnlinked }) => {
    fc.assert(
      fc.property(steps, (all) => {
        const { mmu } = machine({ shadowTables, outOfSync: false, writesAllowed: 0, keepsUnlinked });
        for (const each of all) {
          carryOut(mmu, each);
          expectNoMoreThanTheGuest(mmu);
          if (!keepsUnlinked) expectNoneWithoutAWay(mmu);
        }
      }),
      { numRuns: 300 },
    );
  },
);

it.each([
  { writesAllowed: 0, keepsUnlinked: true },
  { writesAllowed: 2, keepsUnlinked: true },
  { writesAllowed: 2, keepsUnlinked: false },
])(
  "tables that lose their trace after $writesAllowed writes allow no more than the guest's after a flush (unlinked ones kept: $keepsUnlinked)",
  ({ writesAllowed, keepsUnlinked }) => {
    fc.assert(
      fc.property(steps, (all) => {
        const { mmu } = machine({ shadowTables: 64, outOfSync: true, writesAllowed, keepsUnlinked });
        for (const each of all) if (carryOut(mmu, each)) expectNoMoreThanTheGuest(mmu);
      }),
      { numRuns: 300 },
    );
  },
);

it.each([
  { outOfSync: false, keepsUnlinked: true },
  { outOfSync: true, keepsUnlinked: true },
  { outOfSync: true, keepsUnlinked: false },
])("a guest that flushes after every change sees its own tables (%o)", ({ outOfSync, keepsUnlinked }) => {
  fc.assert(
    fc.property(steps, (all) => {
      const { mmu, tlb } = machine({ shadowTables: 16, outOfSync, writesAllowed: 1, keepsUnlinked });
      let root = 0;
      for (const each of all) {
        if (each.kind === "access") expectAsOnBareHardware(mmu, root, each);
        else carryOut(mmu, each);
        if (each.kind === "switch") root = each.root;
        // Global pages stay over a flush of the rest.
        if (each.kind !== "access") tlb.flushAll();
        if (each.kind === "leaf" || each.kind === "upper") mmu.invalidate(ALL_PAGES);
      }
    }),
    { numRuns: 300 },
  );
});
