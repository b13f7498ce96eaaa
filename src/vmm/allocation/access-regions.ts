/**
 * Regions of neighbouring pages that are taken to be used alike, so that one page speaks for all of its region (Linux,
 * Documentation/mm/damon/design.rst). At the end of each aggregation interval, neighbours with like counts of accesses become
 * one region, and then regions are split at random; both within bounds on the number of all regions. A region's age says for how
 * many intervals its count has stayed alike. Several address spaces, one for each VM, have the bounds together; no region is in
 * two of them, so that there is at least one for each.
 */
import type { RandomStream } from "../../core/random.ts";

/** Least and most regions: Linux, Documentation/admin-guide/mm/damon/reclaim.rst, min_nr_regions and max_nr_regions. */
export const LEAST_REGIONS = 10;
export const MOST_REGIONS = 1000;
/** Samples in an aggregation interval: 100 ms of 5 ms each. */
export const SAMPLES_PER_INTERVAL = 20;
/** "Small" differences are not given a size: assumed to be those up to a tenth of the highest count of any region. */
const SMALL_PART = 0.1;

export interface Region {
  /** Number of the address space that it is in. */
  readonly space: number;
  /** First page, and the one after the last. */
  readonly start: number;
  end: number;
  /** Samples found used in this interval. */
  count: number;
  /** Those of the interval before. */
  last: number;
  /** Intervals in which the count has stayed alike. */
  age: number;
  /** The page that is watched, or {@link NO_PAGE}. */
  sample: number;
}

export const NO_PAGE = -1;

export class AccessRegions {
  readonly #random: RandomStream;
  #regions: Region[] = [];
  #spaces = 0;
  #pages = 0;

  constructor(random: RandomStream) {
    this.#random = random;
  }

  /** In order of their address spaces and in each of their pages; another list after {@link endInterval}. */
  get all(): readonly Region[] {
    return this.#regions;
  }

  get spaces(): number {
    return this.#spaces;
  }

  /** One more address space, of pages 0 to below `pages`, in regions of the same size. */
  addSpace(pages: number): void {
    const space = this.#spaces++;
    this.#pages += pages;
    const parts = Math.min(pages, Math.ceil((LEAST_REGIONS * pages) / this.#pages));
    const bound = (part: number): number => Math.floor((part * pages) / parts);
    for (let part = 0; part < parts; part++)
      this.#regions.push({
        space,
        start: bound(part),
        end: bound(part + 1),
        count: 0,
        last: 0,
        age: 0,
        sample: NO_PAGE,
      });
  }

  /** All samples of an interval have been looked at, and no page is watched: the counts become those of the last one. */
  endInterval(): void {
    const highest = this.#regions.reduce((most, { count }) => Math.max(most, count), 0);
    const small = Math.floor(SMALL_PART * highest);
    for (const region of this.#regions) region.age = Math.abs(region.count - region.last) > small ? 0 : region.age + 1;
    for (let alike = small; alike === small || this.#areTooMany(alike); alike++) this.#merge(alike);
    for (const region of this.#regions) {
      region.last = region.count;
      region.count = 0;
    }
    this.#split();
  }

  /** Then neighbours that differ more are merged, too. */
  #areTooMany(alike: number): boolean {
    return this.#regions.length > MOST_REGIONS && alike <= SAMPLES_PER_INTERVAL;
  }

  #merge(alike: number): void {
    const regions = this.#regions;
    const largest = this.#pages / LEAST_REGIONS;
    let kept = 0;
    for (const region of regions) {
      const before = regions[kept - 1];
      const fits = kept > 0 && before.space === region.space && region.end - before.start < largest;
      if (fits && Math.abs(before.count - region.count) <= alike) absorb(before, region);
      else regions[kept++] = region;
    }
    regions.length = kept;
  }

  /** Each into two or three, if that does not make too many. */
  #split(): void {
    const { length } = this.#regions;
    if (2 * length > MOST_REGIONS) return;
    const more = 3 * length <= MOST_REGIONS ? 2 : 1;
    const split: Region[] = [];
    for (const region of this.#regions) {
      let rest = region;
      for (let cuts = 1 + this.#random.below(more); cuts > 0 && rest.end - rest.start > 1; cuts--) {
        const cut = rest.start + 1 + this.#random.below(rest.end - rest.start - 1);
        split.push({ ...rest, end: cut });
        rest = { ...rest, start: cut };
      }
      split.push(rest);
    }
    this.#regions = split;
  }
}

/** Counts and ages become averages by size, in whole numbers (Linux, include/linux/damon.h, as in its API's documentation). */
function absorb(region: Region, next: Region): void {
  const own = region.end - region.start;
  const added = next.end - next.start;
  const average = (a: number, b: number): number => Math.floor((a * own + b * added) / (own + added));
  region.count = average(region.count, next.count);
  region.age = average(region.age, next.age);
  region.end = next.end;
}
