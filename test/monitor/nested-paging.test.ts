/** Nested paging: references of two-dimensional walks, worked by hand, and what the guest sees, held against bare metal. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ALL_PAGES, GUEST_FAULT, NOT_A_TABLE } from "../../src/guest/virtual-hardware.ts";
import type { Mmu } from "../../src/guest/virtual-hardware.ts";
import { FaultAddress } from "../../src/machine/fault-address.ts";
import { Meter } from "../../src/machine/meter.ts";
import { entryOf, PAGE_TABLE_FORMATS, Pte } from "../../src/machine/page-tables.ts";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import type { MachineProfile } from "../../src/machine/profile.ts";
import { Tlb } from "../../src/machine/tlb.ts";
import { LINUX_6_1 } from "../../src/sim/microbenchmarks/linux-6.1.ts";
import { measureMicrobenchmark } from "../../src/sim/microbenchmarks/microbenchmark.ts";
import { machineFrames } from "../../src/sim/monitor-machine.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import type { MonitorContext } from "../../src/vmm/monitor-contract.ts";
import { bareMmu } from "../../src/vmm/mmu/bare.ts";
import { shadowPaging } from "../../src/vmm/mmu/shadow-paging.ts";
import { nestedPaging } from "../../src/vmm/mmu/nested-paging.ts";
import { FREE_ENTRY, XEON, XEON_64 } from "./machines.ts";

const FRAMES = 4096;
const MACHINE_FRAMES = machineFrames(FRAMES);
const MAPPED = Pte.Present | Pte.User | Pte.Writable;
const REFERENCE_CYCLES = 25;

type Settings = Parameters<typeof nestedPaging>[0] & { readonly walkCache?: number; readonly nestedTlb?: number };

function contextOf(machine: MachineProfile, tlbEntries: number): MonitorContext {
  return {
    profile: machine,
    meter: new Meter(),
    tlb: new Tlb(tlbEntries, tlbEntries),
    faultAddress: new FaultAddress(),
    pageTableFormat: PAGE_TABLE_FORMATS[machine.pageTable],
    machineFrames: MACHINE_FRAMES,
    vmmEntry: FREE_ENTRY,
  };
}

/** Tables in frames 0 (root) up to the number of levels; pages 0 to 15 are mapped to frames 100 to 115, all else is not. */
function guestOn(machine: MachineProfile, { walkCache = 0, nestedTlb = 0, ...parameters }: Settings = {}) {
  const cached = { ...machine, pageWalkCache: { entries: walkCache }, nestedTlb: { entries: nestedTlb } };
  const context = contextOf(cached, 64);
  const { meter } = context;
  const mmu = nestedPaging.definition.create({ populated: true, largePages: false, ...parameters }, context);
  const { levels } = context.pageTableFormat;
  for (let frame = 0; frame < levels; frame++) mmu.useAsTable(frame, levels - 1 - frame, 0);
  for (let frame = 0; frame + 1 < levels; frame++) mmu.writeEntry(frame, 0, entryOf(frame + 1, MAPPED), "set");
  for (let page = 0; page < 16; page++) mmu.writeEntry(levels - 1, page, entryOf(100 + page, MAPPED), "set");
  mmu.switchRoot(0);
  const count = (name: string): number => meter.ledger.eventsByCause()[name] ?? 0;
  /** References of the walks that an access leads to. */
  const references = (page: number): number => {
    const [before, cycles] = [
      count("event.page-walk-reference"),
      meter.ledger.cyclesByCause()["hardware.tlb-miss"] ?? 0,
    ];
    expect(mmu.access(page, false)).toBe(MACHINE_FRAMES[100 + page]);
    const made = count("event.page-walk-reference") - before;
    expect((meter.ledger.cyclesByCause()["hardware.tlb-miss"] ?? 0) - cycles).toBe(made * REFERENCE_CYCLES);
    return made;
  };
  return { mmu, meter, count, references, lastTable: levels - 1 };
}

describe("a walk in two dimensions", () => {
  // n references to find each of m tables and the page, and m in the tables: (m + 1) n + m (Bhargava et al. 2008).
  it.each([
    { machine: XEON_64, largePages: false, expected: 24 },
    { machine: XEON, largePages: false, expected: 8 },
    // Large pages take the last level off the nested dimension: 5 x 3 + 4, and 3 x 1 + 2.
    { machine: XEON_64, largePages: true, expected: 19 },
    { machine: XEON, largePages: true, expected: 5 },
  ])("makes $expected references where nothing is cached: $machine.pageTable, large: $largePages", (given) => {
    const { references } = guestOn(given.machine, { largePages: given.largePages });
    expect(references(3)).toBe(given.expected);
    expect(references(4)).toBe(given.expected);
    // The TLB holds virtual page to machine frame.
    expect(references(3)).toBe(0);
  });

  // All guest frames here lie below one last-level nested table.
  it.each([
    // Tables and page are five frames: the first takes four nested references, each other one the last level's only.
    { title: "a page-walk cache", caches: { walkCache: 16 }, first: 4 + 4 + 4, second: 1 + 1, again: 4 + 5 },
    // Five frames that are new to the nested TLB; then only the frame of the page; then none.
    { title: "a nested TLB", caches: { nestedTlb: 16 }, first: 5 * 4 + 4, second: 4 + 4, again: 4 },
    // The nested TLB makes no difference to frames that are new.
    { title: "both", caches: { walkCache: 16, nestedTlb: 16 }, first: 12, second: 2, again: 4 },
    // A single large page holds all frames, and takes three references once.
    {
      title: "both, and large pages",
      caches: { walkCache: 16, nestedTlb: 16, largePages: true },
      first: 3 + 4,
      second: 1,
      again: 4,
    },
  ])("makes $first references at first, $second for the neighbour, with $title", ({ caches, first, second, again }) => {
    const { mmu, references } = guestOn(XEON_64, caches);
    expect(references(3)).toBe(first);
    expect(references(4)).toBe(second);
    // What the guest invalidates is its own dimension; nested translations stay.
    mmu.invalidate(3);
    expect(references(3)).toBe(again);
  });

  it("forgets the guest's upper levels when the guest loads another root, and nothing of the nested ones", () => {
    const { mmu, references } = guestOn(XEON_64, { walkCache: 16, nestedTlb: 16 });
    references(3);
    mmu.switchRoot(0);
    expect(references(3)).toBe(4);
  });

  it("ends where the guest's tables end: two nested walks and two references, and no nested walk for a page", () => {
    const { mmu, count } = guestOn(XEON_64);
    const before = count("event.page-walk-reference");
    expect(mmu.access(2 ** 18, false)).toBe(GUEST_FAULT);
    expect(count("event.page-walk-reference") - before).toBe(2 * 4 + 2);
    expect(mmu.access(20, false)).toBe(GUEST_FAULT);
    expect(count("event.page-walk-reference") - before - 10).toBe(4 * 4 + 4);
  });
});

describe("the VMM is entered", () => {
  it.each([
    // Four tables and the page; with large pages all of them at once.
    { largePages: false, violations: 5, next: 6 },
    { largePages: true, violations: 1, next: 1 },
  ])("once for each frame that is new, if memory is not populated; large pages: $largePages", (given) => {
    const { mmu, meter, count } = guestOn(XEON_64, { populated: false, largePages: given.largePages });
    expect(mmu.access(3, true)).toBe(MACHINE_FRAMES[103]);
    expect(count("vmm.nested.violation")).toBe(given.violations);
    mmu.access(3, true);
    expect(count("vmm.nested.violation")).toBe(given.violations);
    mmu.access(4, true);
    expect(count("vmm.nested.violation")).toBe(given.next);
    // KVM's counters: each of them is taken and fixed.
    expect(["event.pf_taken", "event.pf_fixed", "event.pf_guest"].map(count)).toEqual([given.next, given.next, 0]);
    // The way in and out is the processor part's, free here; filling an entry takes 2000 cycles.
    expect(meter.ledger.cyclesByCause()["vmm.nested.fill"]).toBe(2000 * given.next);
  });

  it("in the first fork of a guest for new frames alone, each of which KVM counts as a fault taken and fixed", () => {
    const fork = LINUX_6_1.find(({ name }) => name === "fork_exit");
    if (fork === undefined) throw new Error("no operation fork_exit");
    const first = { ...fork, warmUpRounds: 0, rounds: 1 };
    const counted = [true, false].map((populated) => {
      const vmm = { ...kvm, mmu: nestedPaging({ populated }) };
      const { events } = measureMicrobenchmark(first, vmm, loadMachine("machines/linux-6.1-icount.yaml").profile);
      return ["exits", "pf_taken", "pf_fixed"].map((name) => events[name] ?? 0);
    });
    const [populated, [exits, ...faults]] = counted;
    expect(populated).toEqual([0, 0, 0]);
    expect(exits).toBeGreaterThan(10);
    expect(faults).toEqual([exits, exits]);
  });

  it("by nothing else: faults, entries, tables and invalidations cost what they cost natively", () => {
    const { mmu, meter, lastTable } = guestOn(XEON_64);
    const before = meter.now;
    mmu.useAsTable(50, 0, 0);
    mmu.writeEntry(50, 0, entryOf(200, MAPPED), "set");
    mmu.writeEntry(lastTable, 9, 0, "modify");
    mmu.useAsTable(50, NOT_A_TABLE, 0);
    mmu.beginBatch();
    mmu.commit();
    mmu.activate(0);
    mmu.retire(0);
    expect(meter.now).toBe(before);
    mmu.raiseFault(true);
    mmu.invalidate(9);
    mmu.invalidate(ALL_PAGES);
    mmu.switchRoot(0);
    const { costs } = XEON;
    const native = costs["hardware.trap"] + costs["hardware.tlb-invalidate"] + 2 * costs["hardware.tlb-flush"];
    expect(meter.now - before).toBe(native);
    expect(Object.keys(meter.ledger.eventsByCause()).filter((name) => name.startsWith("vmm"))).toEqual([]);
  });
});

it("keeps global pages over a switch of address spaces", () => {
  const { mmu, references, lastTable } = guestOn(XEON_64);
  mmu.writeEntry(lastTable, 5, entryOf(105, MAPPED | Pte.Global), "set");
  references(5);
  references(6);
  mmu.switchRoot(0);
  expect(references(5)).toBe(0);
  expect(references(6)).toBe(24);
});

it("uses large pages only where machine memory is contiguous, to the last page", () => {
  const frames = machineFrames(1536 + 100);
  // The second block of 512 has two of its frames exchanged.
  [frames[700], frames[701]] = [frames[701], frames[700]];
  const context = { ...contextOf(XEON_64, 64), machineFrames: frames };
  const mmu = nestedPaging.definition.create({ populated: true, largePages: true }, context);
  [3, 2, 1, 0].forEach((level, frame) => mmu.useAsTable(frame, level, 0));
  for (let upper = 0; upper < 3; upper++) mmu.writeEntry(upper, 0, entryOf(upper + 1, MAPPED), "set");
  mmu.switchRoot(0);
  for (let frame = 0; frame < frames.length; frame++) {
    mmu.writeEntry(3, 0, entryOf(frame, MAPPED), "set");
    mmu.invalidate(0);
    expect(mmu.access(0, false)).toBe(frames[frame]);
  }
});

describe("a large page of the guest", () => {
  // The last level of the guest's dimension is spared: natively 3 references of 4; nested 3 tables and the page, each found by
  // 4 nested references or, if nested pages are large as well, 3.
  it.each([
    { title: "bare", part: bareMmu(), expected: 3 },
    { title: "nested", part: nestedPaging(), expected: 4 * 4 + 3 },
    { title: "nested, large in both dimensions", part: nestedPaging({ largePages: true }), expected: 4 * 3 + 3 },
    { title: "shadow", part: shadowPaging(), expected: undefined },
  ])(
    "is the frames from its first one on, and has accessed and dirty bits of its own: $title",
    ({ part, expected }) => {
      const context = contextOf(XEON_64, 64);
      const { meter } = context;
      const mmu = part.definition.create(part.parameters, context);
      [3, 2, 1].forEach((level, frame) => mmu.useAsTable(frame, level, 0));
      for (const upper of [0, 1]) mmu.writeEntry(upper, 0, entryOf(upper + 1, MAPPED), "set");
      mmu.writeEntry(2, 5, entryOf(1024, MAPPED | Pte.LargePage), "set");
      mmu.switchRoot(0);
      const machineFrame = (frame: number): number => (part.definition.name === "bare" ? frame : MACHINE_FRAMES[frame]);
      const read = mmu.access(5 * 512 + 7, false);
      expect(read).toBe(machineFrame(1024 + 7));
      if (expected !== undefined) expect(meter.ledger.eventsByCause()["event.page-walk-reference"]).toBe(expected);
      expect(mmu.readEntry(2, 5)).toBe(entryOf(1024, MAPPED | Pte.LargePage | Pte.Accessed));
      expect(mmu.access(5 * 512 + 511, true)).toBe(machineFrame(1024 + 511));
      expect(mmu.readEntry(2, 5)).toBe(entryOf(1024, MAPPED | Pte.LargePage | Pte.Accessed | Pte.Dirty));
      mmu.writeEntry(2, 5, entryOf(1024, Pte.Present | Pte.User | Pte.LargePage), "set");
      mmu.invalidate(ALL_PAGES);
      expect(mmu.access(5 * 512 + 7, true)).toBe(GUEST_FAULT);
      expect(mmu.access(5 * 512 + 7, false)).toBe(machineFrame(1024 + 7));
    },
  );
});

/** Two address spaces of 4 tables each, in frames 0 to 3 and 4 to 7; the last tables are the same level's of 2 areas. */
const ROOTS = [0, 10];
const AREAS = [0, 1, 2 ** 9, 2 ** 18];

function buildSpaces(mmu: Mmu): Map<string, number> {
  const tables = new Map<string, number>();
  let next = 20;
  for (const root of ROOTS) {
    mmu.useAsTable(root, 3, root);
    for (const area of AREAS) {
      let upper = root;
      for (const level of [2, 1, 0]) {
        const prefix = area >>> (level * 9);
        const key = `${root}/${level}/${prefix}`;
        let table = tables.get(key);
        if (table === undefined) {
          table = next++;
          tables.set(key, table);
          mmu.useAsTable(table, level, root);
          mmu.writeEntry(upper, prefix & 511, entryOf(table, MAPPED), "set");
        }
        upper = table;
      }
    }
  }
  return tables;
}

const action = fc.record({
  kind: fc.constantFrom("read", "read", "read", "write", "write", "map", "protect", "unmap", "switch"),
  area: fc.constantFrom(...AREAS),
  index: fc.nat({ max: 5 }),
  frame: fc.integer({ min: 100, max: FRAMES - 1 }),
});

it("gives a guest the frames, faults, accessed and dirty bits that it finds on bare metal", () => {
  const settings = fc.record({
    populated: fc.boolean(),
    largePages: fc.boolean(),
    walkCache: fc.nat({ max: 6 }),
    nestedTlb: fc.nat({ max: 6 }),
    tlb: fc.integer({ min: 1, max: 8 }),
  });
  fc.assert(
    fc.property(settings, fc.array(action, { minLength: 30, maxLength: 150, size: "max" }), (given, actions) => {
      const { populated, largePages, walkCache, nestedTlb, tlb } = given;
      const machine = { ...XEON_64, pageWalkCache: { entries: walkCache }, nestedTlb: { entries: nestedTlb } };
      const mmu = nestedPaging.definition.create({ populated, largePages }, contextOf(machine, tlb));
      const bare = bareMmu.definition.create({}, contextOf(XEON_64, tlb));
      const tables = buildSpaces(mmu);
      buildSpaces(bare);
      let root = ROOTS[0];
      for (const each of [mmu, bare]) each.switchRoot(root);
      for (const { kind, area, index, frame } of actions) {
        const page = area * 512 + index;
        const table = tables.get(`${root}/0/${area}`) ?? -1;
        if (kind === "switch") {
          root = ROOTS[ROOTS.indexOf(root) ^ 1];
          for (const each of [mmu, bare]) each.switchRoot(root);
        } else if (kind === "read" || kind === "write") {
          const expected = bare.access(page, kind === "write");
          expect(mmu.access(page, kind === "write")).toBe(
            expected === GUEST_FAULT ? GUEST_FAULT : MACHINE_FRAMES[expected],
          );
          expect(mmu.readEntry(table, index)).toBe(bare.readEntry(table, index));
        } else {
          const entry = kind === "unmap" ? 0 : entryOf(frame, kind === "map" ? MAPPED : Pte.Present | Pte.User);
          for (const each of [mmu, bare]) {
            each.writeEntry(table, index, entry, "set");
            each.invalidate(page);
          }
        }
      }
    }),
  );
});
