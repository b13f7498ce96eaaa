/** Zones and boosted watermarks of a Linux 6.1 guest, against what a real one with 256 MiB says of itself in /proc/zoneinfo. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { watermarks } from "../../src/guest/watermarks.ts";
import { Zones } from "../../src/guest/zones.ts";

/** 34,247 and 3,808 pages free before the job. */
const PAGES = 65_536;
/** When its marks were set, before it freed its initial RAM disk: DMA is protected by 189, a 256th of the pages of DMA32; it has 3,840 itself. */
const MANAGED = 189 * 256 + 3840;
const LOWER_FREE = 3808;
const FREE = 34_247 + LOWER_FREE;
/** DMA32: low 528, high 633. DMA: low 41, high 49, protection 189. */
const PROTECTION = 189;
const LOW = 528 + 41 + PROTECTION;
const HIGH = 633;
const BLOCK = 512;
const BATCH = 15;

function zonesWith(kernelRuns: readonly number[], lowerRuns: readonly number[] = []): Zones {
  const marks = watermarks("linux-6.1", MANAGED);
  const lower = { free: LOWER_FREE, kernelRuns: lowerRuns };
  return new Zones(PAGES, MANAGED, marks, lower, { free: FREE - LOWER_FREE, kernelRuns });
}

/** Take pages that can be moved until kswapd is woken; returns how many are free then. */
function takeUntilWoken(zones: Zones, from: number): number {
  let free = from;
  while (!zones.wakesReclaim) zones.take(FREE - free--, false);
  return free;
}

/** A count within two batches of 15 pages that the processor keeps. */
function near(count: number, real: number): void {
  expect(Math.abs(count - real)).toBeLessThanOrEqual(2 * BATCH);
}

describe("zones", () => {
  it("wake kswapd when both are low", () => {
    near(takeUntilWoken(zonesWith([]), FREE), LOW);
  });

  it("are balanced as soon as either is: a few pages of the lower one are enough", () => {
    const zones = zonesWith([]);
    const free = takeUntilWoken(zones, FREE);
    expect(zones.isBalanced).toBe(false);
    // The last pages taken but those above the upper zone's mark are of the lower one.
    const given = Array.from({ length: 20 }, (_, i) => FREE - free - 1 - i);
    zones.beginReclaim();
    for (const page of given) zones.release(page, false);
    zones.endReclaim();
    expect(zones.isBalanced).toBe(true);
  });

  it("are boosted by a block for a run that is less than one, and not for a whole block", () => {
    const zones = zonesWith([0, 0, 0, 0, 0, 0, 0, 0, 3, 1]);
    const kernel = 3 * (BLOCK / 2) + BLOCK;
    const first = takeUntilWoken(zones, FREE);
    // Of the pages in blocks of the kernel, a whole block could be had without a boost.
    near(first, LOWER_FREE + kernel - BLOCK);
    expect(zones.boost).toBe(BLOCK);
    expect(zones.isBalanced).toBe(true);
    zones.beginReclaim();
    expect([zones.boost, zones.isPartial]).toEqual([BLOCK, false]);
    zones.endReclaim();
    expect([zones.boost, zones.wakesReclaim]).toEqual([0, false]);
  });

  it("are reclaimed from the lower one alone, when that is boosted, until it has a block more than its high watermark", () => {
    const run = 256;
    const zones = zonesWith([], [0, 0, 0, 0, 0, 0, 0, 0, 1]);
    let page = 0;
    while (zones.boost === 0) zones.take(page++, false);
    // Of the lower zone all but that run is taken; of the upper one what is above its low watermark was taken before.
    near(FREE - page, LOW - PROTECTION - 41 + run);
    expect(zones.wakesReclaim).toBe(true);
    zones.beginReclaim();
    expect([zones.boost, zones.isPartial, zones.isBalanced]).toEqual([BLOCK, true, false]);
    const lower = Array.from({ length: page }, (_, each) => each).filter((each) => zones.reaches(each));
    expect(lower).toHaveLength(LOWER_FREE - run + 1);
    let given = 0;
    while (!zones.isBalanced) zones.release(lower[given++], false);
    // The processor keeps four of them at most.
    const wanted = 49 + BLOCK + 1 - (run - 1);
    expect(given).toBeGreaterThanOrEqual(wanted);
    expect(given).toBeLessThanOrEqual(wanted + 4);
    zones.endReclaim();
    expect([zones.boost, zones.isPartial]).toEqual([0, false]);
  });

  it("are boosted to one and a half times the high watermark at most", () => {
    const zones = zonesWith([0, 0, 0, 0, 60]);
    for (let page = 0; page < FREE - LOW; page++) zones.take(page, false);
    near(zones.boost, 1.5 * HIGH);
  });

  it("wake nobody once everything has been given back, whatever was taken and in which order", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 400 }), fc.boolean(), (takes, byKernel) => {
        const zones = zonesWith([9, 4, 2, 1]);
        const taken: number[] = [];
        let next = 0;
        for (const take of takes) {
          if (take) {
            zones.take(next, byKernel);
            taken.push(next++);
          } else if (taken.length > 0) zones.release(taken.pop() as number, byKernel);
        }
        for (const page of taken) zones.release(page, byKernel);
        expect(zones.wakesReclaim).toBe(false);
        near(takeUntilWoken(zones, FREE), LOW);
      }),
      { numRuns: 20 },
    );
  });
});
