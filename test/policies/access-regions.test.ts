import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/core/random.ts";
import {
  AccessRegions,
  LEAST_REGIONS,
  MOST_REGIONS,
  type Region,
  SAMPLES_PER_INTERVAL,
} from "../../src/vmm/allocation/access-regions.ts";

function regionsOf(seed: number, ...spaces: readonly number[]): AccessRegions {
  const regions = new AccessRegions(new RandomStream(seed, "test"));
  for (const pages of spaces) regions.addSpace(pages);
  return regions;
}

/** Pages of each address space by how many regions they are in: all in one, if regions are a partition. */
function coverage(regions: readonly Region[], spaces: readonly number[]): readonly (readonly number[])[] {
  const times = spaces.map((pages) => Array<number>(pages).fill(0));
  for (const { space, start, end } of regions) for (let page = start; page < end; page++) times[space][page]++;
  return times.map((space) => [...new Set(space)]);
}

const inOrder = (regions: readonly Region[]): boolean =>
  regions.every(({ space, start, end }, i) => {
    const before = regions[i - 1];
    return start < end && (i === 0 || before.space < space || (before.space === space && before.end === start));
  });

/** Where regions end after a second in which nothing was used. */
function boundsAfterASecond(seed: number): readonly number[] {
  const regions = regionsOf(seed, 5000);
  for (let interval = 0; interval < 10; interval++) regions.endInterval();
  return regions.all.map(({ end }) => end);
}

const sizes = fc.array(fc.integer({ min: 90, max: 3000 }), { minLength: 1, maxLength: 5 });

describe("regions of pages that are taken to be used alike", () => {
  it("hold every page exactly once, 10 to 1000 of them, whatever is used and whenever VMs come", () => {
    fc.assert(
      fc.property(sizes, fc.integer(), fc.integer({ min: 1, max: 20 }), (spaces, seed, mostHits) => {
        const draws = new RandomStream(seed, "hits");
        const regions = regionsOf(seed, spaces[0]);
        let known = 1;
        for (let interval = 0; interval < 40; interval++) {
          for (const region of regions.all) region.count = draws.below(1 + mostHits);
          regions.endInterval();
          expect(regions.all.length).toBeGreaterThanOrEqual(LEAST_REGIONS);
          expect(regions.all.length).toBeLessThanOrEqual(MOST_REGIONS);
          if (interval % 5 === 0 && known < spaces.length) regions.addSpace(spaces[known++]);
          expect(inOrder(regions.all)).toBe(true);
          expect(coverage(regions.all, spaces.slice(0, known))).toEqual(spaces.slice(0, known).map(() => [1]));
        }
      }),
      { numRuns: 50 },
    );
  });

  it("become many where counts differ, and few where they do not", () => {
    const draws = new RandomStream(3, "hits");
    const regions = regionsOf(1, 100_000);
    for (let interval = 0; interval < 20; interval++) {
      for (const region of regions.all) region.count = draws.below(SAMPLES_PER_INTERVAL + 1);
      regions.endInterval();
    }
    // No more than half of the most are split in two.
    expect(regions.all.length).toBeGreaterThan(MOST_REGIONS / 2);
    for (let interval = 0; interval < 20; interval++) regions.endInterval();
    // Two neighbours cannot both be smaller than half a tenth: at most 20 before each is split in three at most.
    expect(regions.all.length).toBeLessThanOrEqual(3 * 2 * LEAST_REGIONS);
  });

  it("age by one an interval while their counts stay alike, and begin anew when they do not", () => {
    // Regions of one page are neither split nor merged.
    const regions = regionsOf(1, 10);
    const after = (counts: readonly number[]): readonly number[] => {
      regions.all.forEach((region, i) => (region.count = counts[i] ?? 0));
      regions.endInterval();
      return regions.all.map(({ age }) => age);
    };
    expect(after([])).toEqual(Array(10).fill(1));
    expect(after([])).toEqual(Array(10).fill(2));
    // The highest count is 1, a tenth of it less than one access: any change counts.
    expect(after([0, 1])).toEqual([3, 0, ...Array<number>(8).fill(3)]);
    // It is 20: changes by up to two do not.
    expect(after([2, 1, 3, 20])).toEqual([4, 1, 0, 0, 4, 4, 4, 4, 4, 4]);
    expect(regions.all.map(({ last, count }) => [last, count]).slice(0, 4)).toEqual([
      [2, 0],
      [1, 0],
      [3, 0],
      [20, 0],
    ]);
  });

  it("take the average by size of what they are made of, in which few accesses are lost", () => {
    // Ten pages, each a region, beside a large VM of which a part is busy.
    const regions = regionsOf(1, 10, 9990);
    const small = (): Region[] => regions.all.filter(({ space }) => space === 0);
    small().forEach((region, page) => {
      region.age = page === 9 ? 99 : 999;
      region.count = page === 9 ? 2 : 0;
    });
    regions.all[regions.all.length - 1].count = 20;
    regions.endInterval();
    // (9 x 0 + 1 x 2) / 10 is no access at all; a change by 2 of 20 is none, so that the ages are 1000 in nine and 100 in one.
    expect(small().map(({ last }) => last)).toEqual(small().map(() => 0));
    expect(small().map(({ age }) => age)).toEqual(small().map(() => Math.floor((9 * 1000 + 100) / 10)));
  });

  it("are split at random, and alike for equal seeds", () => {
    expect(boundsAfterASecond(1)).toEqual(boundsAfterASecond(1));
    expect(boundsAfterASecond(1)).not.toEqual(boundsAfterASecond(2));
  });
});
