/** Zones and boosted watermarks of a Linux 6.1 guest, against what a real one with 256 MiB says of itself in /proc/zoneinfo. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { watermarks } from "../../src/guest/watermarks.ts";
import { BlockKind, type FreeInZone } from "../../src/guest/zone.ts";
import { Zones } from "../../src/guest/zones.ts";

/** 34,247 and 3,808 pages free before the job. */
const PAGES = 65_536;
/** When its marks were set, before it freed its initial RAM disk: DMA is protected by 189, a 256th of the pages of DMA32; it has 3,840 itself. */
const PROTECTION = 189;
const MANAGED = PROTECTION * 256 + 3840;
const LOWER_FREE = 3808;
const FREE = 34_247 + LOWER_FREE;
/** DMA32: minimum 423, low 528, high 633. DMA: minimum 33, low 41, high 49. */
const LOWER_LOW = 41;
const LOWER_HIGH = 49;
const LOW = 528 + LOWER_LOW + PROTECTION;
const MINIMUM = 423 + 33 + PROTECTION;
const HIGH = 633;
const BLOCK = 512;
const BATCH = 15;
const { Movable, Reclaimable, Unmovable } = BlockKind;

/** Free runs in blocks of the kernel. */
type Runs = Partial<Pick<FreeInZone, "unmovable" | "reclaimable">>;

function zonesWith(upper: Runs, lower: Runs = {}): Zones {
  const none = { unmovable: [], reclaimable: [] };
  const marks = watermarks("linux-6.1", MANAGED);
  return new Zones(
    PAGES,
    MANAGED,
    marks,
    { ...none, ...lower, free: LOWER_FREE },
    { ...none, ...upper, free: FREE - LOWER_FREE },
  );
}

/** Take pages that can be moved until kswapd is woken; returns how many are free then. */
function takeUntilWoken(zones: Zones, from: number): number {
  let free = from;
  for (zones.wakeIfLow(); !zones.isAwake; zones.wakeIfLow()) zones.take(FREE - free--, Movable);
  return free;
}

/** A count within two batches of 15 pages that the processor keeps. */
function near(count: number, real: number): void {
  expect(Math.abs(count - real)).toBeLessThanOrEqual(2 * BATCH);
}

describe("zones", () => {
  it("wake kswapd when both are low, and leave the rest to reclaim when both are at the minimum", () => {
    const zones = zonesWith({});
    let free = takeUntilWoken(zones, FREE);
    near(free, LOW);
    while (!zones.isBelowMinimum) zones.take(FREE - free--, Movable);
    near(free, MINIMUM);
  });

  it("are balanced as soon as either is: a few pages of the lower one are enough", () => {
    const zones = zonesWith({});
    const free = takeUntilWoken(zones, FREE);
    expect(zones.isBalanced).toBe(false);
    // The last pages taken but those above the upper zone's mark are of the lower one.
    const given = Array.from({ length: 20 }, (_, i) => FREE - free - 1 - i);
    zones.beginReclaim();
    for (const page of given) zones.release(page, Movable);
    zones.endReclaim();
    expect(zones.isBalanced).toBe(true);
  });

  it.each(["unmovable", "reclaimable"])(
    "are boosted by a block for a run of %s pages that is less than one, and not for a whole one",
    (kind) => {
      const zones = zonesWith({ [kind]: [0, 0, 0, 0, 0, 0, 0, 0, 3, 1] });
      const kernel = 3 * (BLOCK / 2) + BLOCK;
      const first = takeUntilWoken(zones, FREE);
      // Of the pages in blocks of the kernel, a whole block could be had without a boost.
      near(first, LOWER_FREE + kernel - BLOCK);
      expect(zones.boost).toBe(BLOCK);
      expect(zones.isBalanced).toBe(true);
      zones.beginReclaim();
      expect([zones.boost, zones.isPartial]).toEqual([BLOCK, false]);
      zones.endReclaim();
      zones.wakeIfLow();
      expect([zones.boost, zones.isAwake]).toEqual([0, false]);
    },
  );

  it("are reclaimed from the lower one alone, when that is boosted, until it has a block more than its high watermark", () => {
    const run = 256;
    const zones = zonesWith({}, { unmovable: [0, 0, 0, 0, 0, 0, 0, 0, 1] });
    let page = 0;
    while (zones.boost === 0) zones.take(page++, Movable);
    // Of the lower zone all but that run is taken; of the upper one what is above its low watermark was taken before.
    near(FREE - page, LOW - PROTECTION - LOWER_LOW + run);
    zones.beginReclaim();
    expect([zones.boost, zones.isPartial, zones.isBalanced]).toEqual([BLOCK, true, false]);
    const lower = Array.from({ length: page }, (_, each) => each).filter((each) => zones.reaches(each));
    expect(lower).toHaveLength(LOWER_FREE - run + 1);
    let given = 0;
    while (!zones.isBalanced) zones.release(lower[given++], Movable);
    // The processor keeps four of them at most.
    const wanted = LOWER_HIGH + BLOCK + 1 - (run - 1);
    expect(given).toBeGreaterThanOrEqual(wanted);
    expect(given).toBeLessThanOrEqual(wanted + 4);
    zones.endReclaim();
    expect([zones.boost, zones.isPartial]).toEqual([0, false]);
  });

  it("give the kernel the largest run of pages that can be moved, of which it gives back whole blocks first", () => {
    const zones = zonesWith({});
    // As a real guest with 231 MiB: 1,024 pages of DMA for two of the kernel, then 512 of them back, then 256 and a boost.
    let page = 0;
    while (page < FREE - LOW - 3000) zones.take(page++, Movable);
    zones.take(page++, Reclaimable);
    expect(zones.boost).toBe(0);
    while (zones.boost === 0) zones.take(page++, Movable);
    // 512 of the 1,024 have been taken, and the halves of the others but one are still the kernel's.
    near(FREE - page, LOW - PROTECTION - LOWER_LOW + BLOCK);
  });

  it("are boosted to one and a half times the high watermark at most", () => {
    const zones = zonesWith({ unmovable: [0, 0, 0, 0, 60] });
    for (let page = 0; page < FREE - LOW; page++) zones.take(page, Movable);
    near(zones.boost, 1.5 * HIGH);
  });

  it("wake nobody once everything has been given back, whatever was taken and in which order", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 400 }), fc.constantFrom(Movable, Unmovable), (takes, kind) => {
        const zones = zonesWith({ unmovable: [9, 4, 2, 1] });
        const taken: number[] = [];
        let next = 0;
        for (const take of takes) {
          if (take) {
            zones.take(next, kind);
            taken.push(next++);
          } else if (taken.length > 0) zones.release(taken.pop() as number, kind);
        }
        for (const page of taken) zones.release(page, kind);
        zones.wakeIfLow();
        expect(zones.isAwake).toBe(false);
        near(takeUntilWoken(zones, FREE), LOW);
      }),
      { numRuns: 20 },
    );
  });
});
