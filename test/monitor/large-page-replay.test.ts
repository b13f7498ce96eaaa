/** Traces replayed in a guest that maps them by large pages: held against lists, and against the frames of the pages. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PAGE_TABLE_FORMATS } from "../../src/machine/page-tables.ts";
import type { MachineProfile } from "../../src/machine/profile.ts";
import { bootForTrace, replayTrace } from "../../src/sim/trace-replay.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { esx } from "../../src/vmm/esx.ts";
import { nestedPaging } from "../../src/vmm/mmu/nested-paging.ts";
import { unsyncShadowPaging } from "../../src/vmm/mmu/unsync-shadow-paging.ts";
import { native } from "../../src/vmm/native.ts";
import { uml } from "../../src/vmm/uml.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import { ReferenceTraceBuilder } from "../../src/workload/reference-trace.ts";
import { packAreas } from "../../src/workload/trace-stream.ts";
import { CACHED_64, LINUX_6_1, nested, XEON, XEON_64 } from "./machines.ts";

const nestedLarge: Vmm = { ...nested, name: "nested, large pages", mmu: nestedPaging({ largePages: true }) };
const shadowOfKvm: Vmm = { ...native, name: "shadows of KVM", mmu: unsyncShadowPaging() };
const MACHINES = [XEON, XEON_64, CACHED_64];

/** Misses of a fully associative TLB: numbers that are not among the last `entries` different ones. */
function listMisses(numbers: readonly number[], entries: number): number {
  const held: number[] = [];
  let misses = 0;
  for (const number of numbers) {
    const at = held.indexOf(number);
    if (at === -1) misses++;
    else held.splice(at, 1);
    held.unshift(number);
    if (held.length > entries) held.pop();
  }
  return misses;
}

/** Stores: all pages are dirty from the start, so that the first write of a page walks no more often than a read. */
function storesTo(pages: readonly number[]) {
  const builder = new ReferenceTraceBuilder();
  for (const page of pages) builder.add(2, page, false);
  return builder.finish();
}

const numberOfLarge = (page: number, { pageTable }: MachineProfile): number =>
  Math.floor(page / 2 ** PAGE_TABLE_FORMATS[pageTable].bitsPerLevel);

/** Pages of four areas of 4 MiB, near and far from each other. */
const pagesOfTrace = fc.array(
  fc.tuple(fc.nat({ max: 3 }), fc.oneof(fc.nat({ max: 2 }), fc.nat({ max: 1023 }))).map(([area, n]) => area * 1024 + n),
  { minLength: 1, maxLength: 120, size: "max" },
);

describe.each([
  { vmm: native, tlbHolds: "large" },
  { vmm: nestedLarge, tlbHolds: "large" },
  { vmm: nested, tlbHolds: "small" },
])("on $vmm.name, where the TLB holds $tlbHolds pages", ({ vmm, tlbHolds }) => {
  it("faults once in each large page, and misses the TLB as a list does, and once more after each fault", () => {
    fc.assert(
      fc.property(pagesOfTrace, fc.constantFrom(...MACHINES), fc.constantFrom(1, 2, 8), (pages, machine, entries) => {
        const small = { ...machine, tlb: { entries, ways: entries } };
        const { guestPageFaults, tlbMisses } = replayTrace(vmm, small, storesTo(pages), true);
        const large = pages.map((page) => numberOfLarge(page, machine));
        expect(guestPageFaults).toBe(new Set(large).size);
        expect(tlbMisses).toBe(listMisses(tlbHolds === "large" ? large : pages, entries) + guestPageFaults);
      }),
      { numRuns: 100 },
    );
  });
});

// Bhargava et al. 2008: walks of m guest and n nested levels make nm + n + m references; a large page spares a level.
it.each([
  { vmm: native, small: 4, large: 3 },
  { vmm: nested, small: 4 * 4 + 4 + 4, large: 3 * 4 + 3 + 4 },
  { vmm: nestedLarge, small: 4 * 3 + 4 + 3, large: 3 * 3 + 3 + 3 },
])("makes $large references a walk for $small on $vmm.name, where nothing is cached", ({ vmm, small, large }) => {
  const machine = { ...XEON_64, tlb: { entries: 1, ways: 1 } };
  // So many pages before that the next frames lie in the middle of memory, where nested pages are large.
  const others = Array.from({ length: 600 }, (_, page) => 4096 + page);
  // The last reference is to a page that has been there before and is not in the TLB any more.
  const lastWalk = (isLarge: boolean): number => {
    const [before, after] = [
      [...others, 7, 2000],
      [...others, 7, 2000, 7],
    ].map((pages) => replayTrace(vmm, machine, storesTo(pages), isLarge).walkReferences);
    return after - before;
  };
  expect([lastWalk(false), lastWalk(true)]).toEqual([small, large]);
});

it.each([native, nested, nestedLarge, esx, shadowOfKvm])(
  "reaches the frame behind each page of a large one on $name",
  (vmm) => {
    fc.assert(
      fc.property(
        pagesOfTrace,
        fc.constantFrom(...(vmm === shadowOfKvm ? [LINUX_6_1] : MACHINES)),
        (pages, machine) => {
          const packed = packAreas(storesTo(pages).pageNumbers);
          const { kernel } = bootForTrace(vmm, machine, packed, true);
          const firstOf = new Map<number, number>();
          for (const page of packed) {
            const frame = kernel.touch(page, true, 0);
            const size = 2 ** PAGE_TABLE_FORMATS[machine.pageTable].bitsPerLevel;
            const area = numberOfLarge(page, machine);
            const first = firstOf.get(area) ?? frame - (page % size);
            firstOf.set(area, first);
            expect(first % size).toBe(0);
            expect(frame).toBe(first + (page % size));
          }
          expect(new Set(firstOf.values()).size).toBe(firstOf.size);
        },
      ),
      { numRuns: 30 },
    );
  },
);

it("fills the shadows of KVM by groups of eight small pages, each by one fault", () => {
  fc.assert(
    fc.property(pagesOfTrace, (pages) => {
      const { hiddenFaults, guestPageFaults } = replayTrace(shadowOfKvm, LINUX_6_1, storesTo(pages), true);
      expect(hiddenFaults).toBe(new Set(pages.map((page) => page >>> 3)).size);
      expect(guestPageFaults).toBe(new Set(pages.map((page) => page >>> 9)).size);
    }),
    { numRuns: 50 },
  );
});

it.each([
  { vmm: xenPv, why: "Xen validates a guest's page tables entry by entry and refuses large pages" },
  { vmm: uml, why: "the host maps the pages of a guest's process one by one" },
])("says why it is not possible on $vmm.name", ({ vmm, why }) => {
  expect(() => replayTrace(vmm, XEON, storesTo([1]), true)).toThrow(why);
});
