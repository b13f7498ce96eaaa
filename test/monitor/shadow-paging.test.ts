import { describe, expect, it } from "vitest";
import { Cache } from "../../src/machine/cache.ts";
import { FaultAddress } from "../../src/machine/fault-address.ts";
import { Meter } from "../../src/machine/meter.ts";
import { entryOf, PAGE_TABLE_FORMATS, Pte } from "../../src/machine/page-tables.ts";
import { Tlb } from "../../src/machine/tlb.ts";
import { ALL_PAGES, type EntryChange, GUEST_FAULT, NOT_A_TABLE } from "../../src/guest/virtual-hardware.ts";
import { binaryTranslation } from "../../src/vmm/cpu/binary-translation.ts";
import { ShadowPaging, shadowPaging } from "../../src/vmm/mmu/shadow-paging.ts";
import { CACHED_64, FREE_ENTRY, hardwareOf, XEON } from "./machines.ts";

const FRAMES = 1024;
const ROOT = 0;
const TABLE = 1;
const MAPPED = Pte.Present | Pte.User | Pte.Writable;

/** `cachePages`: size of a cache in which any page may lie anywhere. */
function guest(
  more: Parameters<typeof shadowPaging>[0] = {},
  cachePages?: number,
): {
  mmu: ShadowPaging;
  count: (cause: string) => number;
} {
  const meter = new Meter();
  const cache = cachePages && new Cache({ bytes: cachePages * 4096, ways: cachePages, lineBytes: 64 }, 1, meter);
  const hardware = hardwareOf(XEON, meter);
  const machineFrames = Uint32Array.from({ length: FRAMES }, (_, frame) => FRAMES - 1 - frame);
  const { definition, parameters } = binaryTranslation();
  const vmmEntry = definition.create(parameters, hardware);
  const settings = {
    shadowTables: 16,
    outOfSync: false,
    writesAllowed: 3,
    keepsUnlinked: true,
    storesToReuse: 80,
    ...more,
  };
  const mmu = new ShadowPaging(settings, { ...hardware, machineFrames, vmmEntry, ...(cache && { cache }) });
  mmu.useAsTable(ROOT, 1);
  mmu.useAsTable(TABLE, 0);
  mmu.writeEntry(ROOT, 0, entryOf(TABLE, MAPPED), "set");
  mmu.writeEntry(TABLE, 3, entryOf(77, MAPPED), "set");
  mmu.switchRoot(ROOT);
  return { mmu, count: (cause) => meter.ledger.eventsByCause()[cause] ?? 0 };
}

it("hides the first access, and the first write, and then leaves the hardware alone", () => {
  const { mmu, count } = guest();
  expect(mmu.access(3, false)).toBe(FRAMES - 1 - 77);
  expect(mmu.readEntry(TABLE, 3)).toBe(entryOf(77, MAPPED | Pte.Accessed));
  expect(mmu.access(3, false)).toBe(FRAMES - 1 - 77);
  expect(count("vmm.shadow.hidden-fault")).toBe(1);
  mmu.access(3, true);
  expect(mmu.readEntry(TABLE, 3)).toBe(entryOf(77, MAPPED | Pte.Accessed | Pte.Dirty));
  mmu.access(3, true);
  expect(count("vmm.shadow.hidden-fault")).toBe(2);
});

it("passes true faults on", () => {
  const { mmu, count } = guest();
  expect(mmu.access(4, false)).toBe(GUEST_FAULT);
  mmu.raiseFault();
  mmu.writeEntry(TABLE, 4, entryOf(78, Pte.Present | Pte.User), "set");
  expect(mmu.access(4, true)).toBe(GUEST_FAULT);
  mmu.raiseFault();
  expect(mmu.access(4, false)).toBe(FRAMES - 1 - 78);
  expect([count("vmm.shadow.true-fault"), count("hardware.trap")]).toEqual([2, 3]);
});

it("notices writes of page tables only once they have a shadow", () => {
  const { mmu, count } = guest();
  mmu.writeEntry(TABLE, 9, entryOf(80, MAPPED), "set");
  expect(count("vmm.shadow.trace")).toBe(0);
  mmu.access(3, false);
  mmu.writeEntry(TABLE, 9, entryOf(81, MAPPED | Pte.Accessed), "set");
  expect(count("vmm.shadow.trace")).toBe(1);
  // The trace has filled the shadow: no fault, hidden or not.
  expect(mmu.access(9, false)).toBe(FRAMES - 1 - 81);
  expect(count("vmm.shadow.hidden-fault")).toBe(1);
});

it("learns that a table is none any more from the first write that shows it", () => {
  const { mmu, count } = guest();
  mmu.access(3, false);
  mmu.reuse(50, 1);
  mmu.writeEntry(ROOT, 0, 0, "set");
  expect(count("vmm.shadow.trace")).toBe(1);
  mmu.useAsTable(TABLE, NOT_A_TABLE);
  expect(mmu.shadows.find(TABLE)).not.toBe(-1);
  mmu.reuse(TABLE, 1);
  mmu.reuse(TABLE, 1);
  expect(count("vmm.shadow.trace")).toBe(2);
  expect(mmu.shadows.find(TABLE)).toBe(-1);
  // Now it may be anything, an untraced page too.
  mmu.useAsTable(20, 0);
  mmu.writeEntry(20, 3, entryOf(TABLE, MAPPED), "set");
  mmu.writeEntry(ROOT, 0, entryOf(20, MAPPED), "set");
  expect(mmu.access(3, true)).toBe(FRAMES - 1 - TABLE);
  expect(mmu.access(3, true)).toBe(FRAMES - 1 - TABLE);
  expect(count("vmm.shadow.trace")).toBe(3);
});

it("takes the stores of a kernel that clears a table one by one for writes of its entries, until there are enough of them", () => {
  for (const { instructions, stores, outOfSync = false } of [
    { instructions: 512, stores: 80 },
    { instructions: 79, stores: 79 },
    { instructions: 1, stores: 1 },
    // What a device writes the VMM has written.
    { instructions: 0, stores: 0 },
    // Without its trace the table is free to write to.
    { instructions: 512, stores: 4, outOfSync: true },
  ]) {
    const { mmu, count } = guest({ outOfSync });
    mmu.access(3, false);
    const before = ["vmm.shadow.trace", "hardware.trap", "vmm.trap"].map(count);
    mmu.reuse(TABLE, instructions);
    const after = ["vmm.shadow.trace", "hardware.trap", "vmm.trap"].map(count);
    expect(after.map((now, i) => now - (before[i] ?? 0))).toEqual([stores, stores, stores]);
    expect(count("vmm.shadow.untrace")).toBe(Number(outOfSync));
    // No trace is left: whatever is stored from here on goes without the VMM.
    mmu.reuse(TABLE, instructions);
    expect(count("vmm.shadow.trace") - (before[0] ?? 0)).toBe(stores);
  }
});

it("follows the guest when it replaces a whole table", () => {
  const { mmu } = guest();
  mmu.access(3, false);
  mmu.useAsTable(20, 0);
  mmu.writeEntry(20, 3, entryOf(99, MAPPED), "set");
  mmu.writeEntry(ROOT, 0, entryOf(20, MAPPED), "set");
  mmu.invalidate(ALL_PAGES);
  expect(mmu.access(3, false)).toBe(FRAMES - 1 - 99);
});

it("keeps shadows over a switch of address spaces, as long as there is room", () => {
  const other = { root: 10, table: 11 };
  for (const { room, faults } of [
    { room: 16, faults: 2 },
    { room: 2, faults: 3 },
  ]) {
    const { mmu, count } = guest({ shadowTables: room });
    mmu.useAsTable(other.root, 1);
    mmu.useAsTable(other.table, 0);
    mmu.writeEntry(other.root, 0, entryOf(other.table, MAPPED), "set");
    mmu.writeEntry(other.table, 3, entryOf(90, MAPPED), "set");
    mmu.access(3, false);
    mmu.switchRoot(other.root);
    expect(mmu.access(3, false)).toBe(FRAMES - 1 - 90);
    mmu.switchRoot(ROOT);
    expect(mmu.access(3, false)).toBe(FRAMES - 1 - 77);
    expect(count("vmm.shadow.hidden-fault")).toBe(faults);
  }
});

it("never lets a guest page table be written through a shadow", () => {
  const { mmu } = guest();
  mmu.access(3, false);
  mmu.writeEntry(TABLE, 5, entryOf(TABLE, MAPPED | Pte.Accessed | Pte.Dirty), "set");
  const shadow = mmu.shadows.find(TABLE);
  expect(mmu.shadows.memory.read(shadow, 5) & Pte.Writable).toBe(0);
});

it("lets nothing through to a page that the guest has not seen accessed or dirty, however its entry was written", () => {
  const { mmu } = guest();
  mmu.access(3, false);
  mmu.writeEntry(TABLE, 6, entryOf(91, MAPPED), "set");
  expect(mmu.access(6, false)).toBe(FRAMES - 1 - 91);
  expect(mmu.readEntry(TABLE, 6)).toBe(entryOf(91, MAPPED | Pte.Accessed));
  // The guest looks for pages in use by taking the bits away.
  mmu.writeEntry(TABLE, 6, entryOf(91, MAPPED), "set");
  mmu.invalidate(6);
  mmu.access(6, true);
  expect(mmu.readEntry(TABLE, 6)).toBe(entryOf(91, MAPPED | Pte.Accessed | Pte.Dirty));
});

/**
 * Tables of four levels, one below the other, and a second lowest one beside the first: pages 7 and 512 + 7 lead to frames 77
 * and 78. A TLB of one entry, so that every access walks.
 */
function fourLevels(
  settings: Partial<ConstructorParameters<typeof ShadowPaging>[0]>,
  profile = CACHED_64,
): { mmu: ShadowPaging; count: (cause: string) => number } {
  const meter = new Meter();
  const mmu = new ShadowPaging(
    { shadowTables: 16, outOfSync: false, writesAllowed: 3, keepsUnlinked: true, storesToReuse: 512, ...settings },
    {
      profile,
      meter,
      tlb: new Tlb(1, 1),
      faultAddress: new FaultAddress(),
      pageTableFormat: PAGE_TABLE_FORMATS["x86-64"],
      machineFrames: Uint32Array.from({ length: FRAMES }, (_, frame) => FRAMES - 1 - frame),
      vmmEntry: FREE_ENTRY,
    },
  );
  [3, 2, 1, 0, 0].forEach((level, frame) => mmu.useAsTable(frame, level));
  for (const upper of [0, 1, 2]) mmu.writeEntry(upper, 0, entryOf(upper + 1, MAPPED), "set");
  mmu.writeEntry(2, 1, entryOf(4, MAPPED), "set");
  mmu.writeEntry(3, 7, entryOf(77, MAPPED), "set");
  mmu.writeEntry(4, 7, entryOf(78, MAPPED), "set");
  mmu.switchRoot(0);
  return { mmu, count: (cause) => meter.ledger.eventsByCause()[cause] ?? 0 };
}

describe("a page-walk cache leads to no shadow that has been given to another table", () => {
  it("when the pool is full", () => {
    // Four levels: a pool of four holds the way to one area only.
    const { mmu } = fourLevels({ shadowTables: 4 });
    for (let round = 0; round < 3; round++) {
      expect(mmu.access(7, false)).toBe(FRAMES - 1 - 77);
      expect(mmu.access(512 + 7, false)).toBe(FRAMES - 1 - 78);
    }
  });

  it("when the guest has cleared the entry that led there", () => {
    const { mmu } = fourLevels({ keepsUnlinked: false });
    expect(mmu.access(7, false)).toBe(FRAMES - 1 - 77);
    mmu.writeEntry(2, 0, 0, "set");
    expect(mmu.access(512 + 7, false)).toBe(FRAMES - 1 - 78);
    expect(mmu.access(7, false)).toBe(GUEST_FAULT);
  });
});

/** Which of the tables have one. */
function hasShadow(mmu: ShadowPaging): boolean[] {
  return [0, 1, 2, 3, 4].map((table) => mmu.shadows.find(table) !== -1);
}

describe("tables that no entry leads to any more", () => {
  it.each([
    { keepsUnlinked: true, below: true, writes: 1 },
    { keepsUnlinked: false, below: false, writes: 0 },
  ])("stay shadowed and traced, or not: $keepsUnlinked", ({ keepsUnlinked, below, writes }) => {
    const { mmu, count } = fourLevels({ keepsUnlinked });
    mmu.access(7, false);
    mmu.access(512 + 7, false);
    expect(hasShadow(mmu)).toEqual([true, true, true, true, true]);
    mmu.writeEntry(0, 0, 0, "set");
    expect(hasShadow(mmu)).toEqual([true, below, below, below, below]);
    const before = count("vmm.shadow.trace");
    mmu.writeEntry(3, 7, 0, "modify");
    expect(count("vmm.shadow.trace") - before).toBe(writes);
  });

  it("cost no store when another page takes their place, but a root costs all of them", () => {
    const { mmu, count } = fourLevels({ keepsUnlinked: false });
    mmu.access(7, false);
    mmu.writeEntry(0, 0, 0, "set");
    const storesTo = (table: number): number => {
      const before = count("vmm.shadow.trace");
      mmu.useAsTable(table, NOT_A_TABLE);
      mmu.reuse(table, 512);
      return count("vmm.shadow.trace") - before;
    };
    expect([3, 2, 1, 0].map(storesTo)).toEqual([0, 0, 0, 512]);
  });

  it("get new shadows when they are linked again, and what the entries allow is what the guest's do then", () => {
    const { mmu, count } = fourLevels({ keepsUnlinked: false });
    mmu.access(7, true);
    mmu.writeEntry(1, 0, 0, "set");
    mmu.writeEntry(3, 7, entryOf(79, MAPPED), "set");
    mmu.writeEntry(1, 0, entryOf(2, MAPPED), "set");
    const before = count("vmm.shadow.new-table");
    expect(mmu.access(7, true)).toBe(FRAMES - 1 - 79);
    expect(count("vmm.shadow.new-table") - before).toBe(2);
  });

  it("are traced when they come back, though they were not when they went", () => {
    const { mmu, count } = fourLevels({ keepsUnlinked: false, outOfSync: true, writesAllowed: 0 });
    mmu.access(7, false);
    mmu.writeEntry(3, 8, entryOf(80, MAPPED), "set");
    expect(count("vmm.shadow.untrace")).toBe(1);
    mmu.writeEntry(2, 0, 0, "set");
    mmu.writeEntry(2, 0, entryOf(3, MAPPED), "set");
    mmu.access(7, false);
    mmu.writeEntry(3, 9, entryOf(81, MAPPED), "set");
    expect(count("vmm.shadow.untrace")).toBe(2);
  });
});

describe("a table that is written often", () => {
  it("loses its trace with the fourth write, and is compared with its shadow at the next flush", () => {
    const { mmu, count } = guest({ outOfSync: true, writesAllowed: 3 });
    mmu.access(3, true);
    const fills = count("vmm.shadow.fill");
    for (let index = 10; index < 20; index++) mmu.writeEntry(TABLE, index, entryOf(100 + index, MAPPED), "set");
    expect([count("vmm.shadow.trace"), count("vmm.shadow.untrace")]).toEqual([4, 1]);
    // Until then the shadow of an entry that has been changed is what it was, as a TLB might have it.
    mmu.writeEntry(TABLE, 3, entryOf(55, MAPPED | Pte.Accessed | Pte.Dirty), "set");
    expect(mmu.access(3, true)).toBe(FRAMES - 1 - 77);
    mmu.invalidate(ALL_PAGES);
    expect(mmu.access(3, true)).toBe(FRAMES - 1 - 55);
    expect([count("vmm.shadow.resynchronize"), count("vmm.shadow.fill") - fills]).toEqual([1, 1]);
    mmu.writeEntry(TABLE, 30, entryOf(130, MAPPED), "set");
    expect(count("vmm.shadow.trace")).toBe(5);
  });

  it("is compared once, also when it was another table before", () => {
    const { mmu, count } = guest({ outOfSync: true, writesAllowed: 0 });
    mmu.access(3, true);
    mmu.writeEntry(TABLE, 10, entryOf(110, MAPPED), "set");
    mmu.useAsTable(TABLE, NOT_A_TABLE);
    mmu.useAsTable(TABLE, 0);
    mmu.writeEntry(TABLE, 11, entryOf(111, MAPPED), "set");
    mmu.invalidate(ALL_PAGES);
    expect([count("vmm.shadow.untrace"), count("vmm.shadow.resynchronize")]).toEqual([2, 1]);
  });

  it("is brought into step for one page by the invalidation of that page", () => {
    const { mmu, count } = guest({ outOfSync: true, writesAllowed: 0 });
    mmu.access(3, true);
    mmu.writeEntry(TABLE, 10, entryOf(110, MAPPED), "set");
    mmu.writeEntry(TABLE, 3, 0, "set");
    mmu.invalidate(3);
    expect(mmu.access(3, false)).toBe(GUEST_FAULT);
    expect(count("vmm.shadow.resynchronize")).toBe(0);
  });
});

describe("a switch to another address space", () => {
  const OTHER_ROOT = 2;
  const OTHER_TABLE = 3;
  /** Each has a root, a table and a shadow of either: 4 pages of 64 lines. */
  const LINES = 4 * 64;

  function linesPerSwitch(cachePages: number): number[] {
    const { mmu, count } = guest({}, cachePages);
    mmu.useAsTable(OTHER_ROOT, 1);
    mmu.useAsTable(OTHER_TABLE, 0);
    mmu.writeEntry(OTHER_ROOT, 0, entryOf(OTHER_TABLE, MAPPED), "set");
    mmu.writeEntry(OTHER_TABLE, 3, entryOf(88, MAPPED), "set");
    // A large page has no table to read.
    mmu.writeEntry(OTHER_ROOT, 1, entryOf(0, MAPPED | Pte.LargePage), "set");
    mmu.access(3, false);
    mmu.switchRoot(OTHER_ROOT);
    mmu.access(3, false);
    return [ROOT, OTHER_ROOT, ROOT, OTHER_ROOT, ROOT].map((root) => {
      const before = count("hardware.cache-line-fill");
      mmu.switchRoot(root);
      return count("hardware.cache-line-fill") - before;
    });
  }

  it("finds its tables and their shadows in a cache that holds those of both", () => {
    expect(linesPerSwitch(8).slice(2)).toEqual([0, 0, 0]);
  });

  it("fills all of them in again where the cache is one page smaller", () => {
    expect(linesPerSwitch(7).slice(2)).toEqual([LINES, LINES, LINES]);
  });

  it("reads nothing where the machine describes no cache", () => {
    const { mmu, count } = guest();
    mmu.switchRoot(ROOT);
    expect(count("hardware.cache-line-fill")).toBe(0);
  });
});

describe("a large page of the guest", () => {
  const LARGE = Pte.Present | Pte.User | Pte.Writable | Pte.LargePage;

  it("is shadowed by small ones, each after its first visit", () => {
    const { mmu, count } = guest();
    mmu.writeEntry(ROOT, 1, entryOf(0, LARGE), "set");
    const before = count("vmm.shadow.hidden-fault");
    for (const offset of [100, 101, 100]) expect(mmu.access(1024 + offset, false)).toBe(FRAMES - 1 - offset);
    expect(count("vmm.shadow.hidden-fault") - before).toBe(2);
    expect(mmu.readEntry(ROOT, 1)).toBe(entryOf(0, LARGE | Pte.Accessed));
    mmu.access(1024 + 100, true);
    expect(mmu.readEntry(ROOT, 1)).toBe(entryOf(0, LARGE | Pte.Accessed | Pte.Dirty));
  });

  it("loses all of them when its entry changes", () => {
    const { mmu } = guest();
    mmu.writeEntry(ROOT, 1, entryOf(0, LARGE), "set");
    mmu.access(1024 + 100, true);
    mmu.writeEntry(ROOT, 1, entryOf(0, LARGE & ~Pte.Writable), "protect");
    mmu.invalidate(ALL_PAGES);
    expect(mmu.access(1024 + 100, true)).toBe(GUEST_FAULT);
    expect(mmu.access(1024 + 100, false)).toBe(FRAMES - 1 - 100);
  });
});

it("keeps global pages in the TLB over a switch of address spaces", () => {
  const { mmu, count } = guest();
  mmu.writeEntry(TABLE, 4, entryOf(78, MAPPED | Pte.Global), "set");
  mmu.access(3, false);
  mmu.access(4, false);
  const walks = count("hardware.tlb-miss");
  mmu.switchRoot(ROOT);
  mmu.access(4, false);
  expect(count("hardware.tlb-miss")).toBe(walks);
  mmu.access(3, false);
  expect(count("hardware.tlb-miss")).toBe(walks + 1);
});

it("emulates what user code writes to a page table that it may write by the guest's tables", () => {
  const { mmu, count } = guest();
  mmu.writeEntry(TABLE, 5, entryOf(TABLE, MAPPED), "set");
  mmu.access(3, false);
  for (let write = 0; write < 2; write++) expect(mmu.access(5, true)).toBe(FRAMES - 1 - TABLE);
  expect(count("vmm.shadow.trace")).toBe(2);
});

describe("a table that is traced", () => {
  /** Traces of one write to an entry of a table at a level, all of which have shadows. */
  function tracesOf(
    name: "ia32" | "ia32-pae",
    level: number,
    change: EntryChange,
    before: number,
    entry: number,
  ): number {
    const meter = new Meter();
    const hardware = { ...hardwareOf(XEON, meter), pageTableFormat: PAGE_TABLE_FORMATS[name] };
    const machineFrames = Uint32Array.from({ length: FRAMES }, (_, frame) => frame);
    const mmu = new ShadowPaging(
      { shadowTables: 16, outOfSync: false, writesAllowed: 3, keepsUnlinked: true, storesToReuse: 80 },
      { ...hardware, machineFrames, vmmEntry: FREE_ENTRY },
    );
    const { levels } = PAGE_TABLE_FORMATS[name];
    for (let table = 0; table < levels; table++) mmu.useAsTable(table, levels - 1 - table);
    for (let upper = 0; upper < levels - 1; upper++) mmu.writeEntry(upper, 0, entryOf(upper + 1, MAPPED), "set");
    mmu.writeEntry(levels - 1, 0, entryOf(77, MAPPED), "set");
    mmu.switchRoot(0);
    mmu.access(0, true);
    const table = levels - 1 - level;
    mmu.writeEntry(table, 9, before, "set");
    const count = (): number => meter.ledger.eventsByCause()["vmm.shadow.trace"] ?? 0;
    const traced = count();
    mmu.writeEntry(table, 9, entry, change);
    return count() - traced;
  }

  const [EMPTY, PAGE, OTHER] = [0, entryOf(78, MAPPED), entryOf(79, MAPPED)];
  const READ_ONLY = entryOf(78, MAPPED & ~Pte.Writable);
  // The halves of an entry of 64 bits are stored one by one (set_pte, ptep_get_and_clear), but for the bit of a write protection
  // (ptep_set_wrprotect); set_pmd and set_pgd store both at once.
  it.each([
    ["maps a page", 0, "set", EMPTY, PAGE, 1, 2],
    ["maps another page", 0, "set", PAGE, OTHER, 1, 2],
    ["changes a protection", 0, "protect", PAGE, READ_ONLY, 1, 2],
    ["unmaps a page", 0, "modify", PAGE, EMPTY, 1, 2],
    ["write-protects a page", 0, "modify", PAGE, READ_ONLY, 1, 1],
    ["leads to another table", 1, "set", EMPTY, PAGE, 1, 1],
  ] as const)("is written to once where the guest %s, and with PAE as often as it is stored to", (...row) => {
    const [, level, change, before, entry, ia32, pae] = row;
    const traces = (["ia32", "ia32-pae"] as const).map((name) => tracesOf(name, level, change, before, entry));
    expect(traces).toEqual([ia32, pae]);
  });
});
