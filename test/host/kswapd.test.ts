/** Kswapd as a thread of a Linux 6.1 guest with two zones: what is left to it, and what whoever needs a page does without it. */
import * as fc from "fast-check";
import { expect, it, vi } from "vitest";
import { PlainMemory } from "../../src/analysis/validation/balloon/plain-memory.ts";
import { BalancedReclaim } from "../../src/guest/balanced-reclaim.ts";
import { GuestMemory } from "../../src/guest/memory-manager.ts";
import { watermarks } from "../../src/guest/watermarks.ts";
import { Zones } from "../../src/guest/zones.ts";
import { ContentIds } from "../../src/machine/content-ids.ts";
import type { GuestShape } from "../../src/workload/compiled-workload.ts";

/** 64 MiB; of DMA, too, all but a few pages are free. */
const PAGES = 16_384;
const KERNEL_PAGES = 2384;
const LOWER_FREE = 3808;
const SHAPE: GuestShape = {
  memoryPages: PAGES,
  kernelPages: KERNEL_PAGES,
  processes: 2,
  anonymousPages: 8000,
  residentAnonymousPages: 0,
  filePages: 30_000,
  residentFilePages: 0,
  swapPages: 16_384,
  threads: 1,
};
const MARKS = watermarks("linux-6.1", PAGES);
/** The processor keeps up to this many pages of either zone, which do not count as free. */
const KEPT = 128;
/** SWAP_CLUSTER_MAX. */
const DIRECT = 32;

interface Guest {
  readonly memory: GuestMemory;
  readonly reclaim: BalancedReclaim;
  readonly zones: Zones;
}

/** `runs`: free runs of 1, 2, 4 ... pages in unmovable blocks of the lower zone. */
function boot(runs: readonly number[] = [], shape = SHAPE): Guest {
  const memory = new GuestMemory(shape, new PlainMemory(PAGES), new ContentIds(), "linux-6.1");
  memory.boot(shape, new Uint32Array(PAGES));
  const { pages } = memory;
  const reclaim = pages.replacement;
  if (!(reclaim instanceof BalancedReclaim)) throw new Error("a guest with Linux 6.1 reclaims in its way");
  const lower = { free: LOWER_FREE, unmovable: runs, reclaimable: [] };
  const upper = { free: pages.freePages - LOWER_FREE, unmovable: [], reclaimable: [] };
  const zones = new Zones(PAGES, PAGES, MARKS, lower, upper);
  pages.zones = zones;
  return { memory, reclaim, zones };
}

it("leaves pages to whoever wants them down to the minimum until the processor comes to it, and then frees up to a high watermark", () => {
  const { memory, reclaim, zones } = boot();
  const { cache, pages } = memory;
  pages.isPreemptible = false;
  let page = 0;
  while (!zones.isBelowMinimum) cache.read(page++);
  expect([reclaim.scanned, pages.isKswapdAwake]).toEqual([0, true]);
  expect(pages.freePages).toBeGreaterThanOrEqual(MARKS.minimum);
  expect(pages.freePages).toBeLessThanOrEqual(MARKS.minimum + KEPT);
  pages.runKswapd();
  expect(zones.isBalanced).toBe(true);
  expect(pages.isKswapdAwake).toBe(false);
});

// Traced in a real guest: 6 to 13 us after the compiler had woken it (docs/balloon-job).
it("runs before the next page is allocated when whoever has woken it can be interrupted", () => {
  const { memory, reclaim, zones } = boot();
  const { cache, pages } = memory;
  let page = 0;
  while (!pages.isKswapdAwake) cache.read(page++);
  expect(reclaim.scanned).toBe(0);
  expect(zones.isBelowMinimum).toBe(false);
  cache.read(page);
  expect(reclaim.stolen).toBeGreaterThan(0);
  expect([zones.isBalanced, pages.isKswapdAwake]).toEqual([true, false]);
});

it("is outrun by a reader that it never interrupts, who then frees a few pages at a time himself", () => {
  const { memory, reclaim, zones } = boot();
  const { cache, pages } = memory;
  pages.isPreemptible = false;
  let page = 0;
  while (!zones.isBelowMinimum) cache.read(page++);
  const read = 3000;
  const before = pages.freePages;
  for (const end = page + read; page < end; page++) {
    const { stolen } = reclaim;
    cache.read(page);
    const freed = reclaim.stolen - stolen;
    if (freed > 0) expect(freed).toBeGreaterThanOrEqual(DIRECT);
  }
  expect(pages.freePages - before).toBe(reclaim.stolen - read);
  expect(pages.freePages).toBeGreaterThan(MARKS.minimum - KEPT);
});

it("frees pages of the lower zone alone when that is boosted, and counts those of the other as looked at", () => {
  const { memory, reclaim, zones } = boot([0, 0, 0, 0, 0, 0, 0, 0, 1]);
  const { cache, pages } = memory;
  let page = 0;
  while (!pages.isKswapdAwake) cache.read(page++);
  expect(reclaim.scanned).toBe(0);
  const taken = page;
  const ppns = Array.from({ length: taken }, (_, each) => cache.ppnOf(each));
  zones.beginReclaim();
  expect(zones.isPartial).toBe(true);
  const lower = new Set(ppns.filter((ppn) => zones.reaches(ppn)));
  zones.endReclaim();
  // Another guest has the same boost, for which kswapd runs.
  const again = boot([0, 0, 0, 0, 0, 0, 0, 0, 1]);
  for (let each = 0; each < taken; each++) again.memory.cache.read(each);
  again.memory.pages.runKswapd();
  const freed = ppns.filter((ppn) => again.memory.pages.isFree(ppn));
  expect(freed).toHaveLength(again.reclaim.stolen);
  expect(freed.every((ppn) => lower.has(ppn))).toBe(true);
  // A block more than the high watermark of DMA: the run of 256 pages is free already.
  expect(freed.length).toBeGreaterThan(256);
  // The list is in order of age: to come to pages of DMA, those of the upper zone that were read before are passed over.
  expect(again.reclaim.scanned).toBeGreaterThanOrEqual(taken - lower.size + freed.length);
});

/** Kswapd has the processor for so many parts of its work, whenever it comes to it. */
function share(pages: GuestMemory["pages"], parts: () => number): void {
  let left = 0;
  pages.kswapd.turns = {
    hasTurn: () => {
      if (left > 0) return true;
      left = parts();
      return false;
    },
    hasRun: () => {
      left--;
    },
  };
}

// Traced in a real guest: a boost of DMA alone did not make it reclaim from there alone if somebody had asked for pages of either zone (docs/balloon-job).
it("reclaims from both zones the next time when somebody has asked for pages of either while it reclaimed from one", () => {
  const { memory, zones } = boot([0, 0, 0, 0, 0, 0, 0, 0, 1]);
  const { cache, pages } = memory;
  let page = 0;
  while (!pages.isKswapdAwake) cache.read(page++);
  const { balancing } = pages.replacement;
  const work = balancing?.call(pages.replacement);
  expect(work?.next().done).toBe(false);
  expect(zones.isPartial).toBe(true);
  pages.kswapd.turns = { hasTurn: () => false, hasRun: () => undefined };
  // The lower zone is boosted, so that whoever wants pages finds both too low.
  cache.read(page++);
  while (work?.next().done === false);
  zones.beginReclaim();
  expect(zones.isPartial).toBe(false);
});

it("leaves whoever needs pages to reclaim himself while it waits for the processor, and frees as many in the end", () => {
  const { memory, reclaim, zones } = boot();
  const { cache, pages } = memory;
  let page = 0;
  while (!pages.isKswapdAwake) cache.read(page++);
  pages.kswapd.turns = { hasTurn: () => false, hasRun: () => undefined };
  while (reclaim.stolen === 0) cache.read(page++);
  expect(zones.isAwake).toBe(true);
  expect(pages.freePages).toBeLessThanOrEqual(MARKS.minimum + KEPT + DIRECT);
  pages.kswapd.turns = undefined;
  pages.runKswapd();
  expect([zones.isBalanced, pages.isKswapdAwake]).toEqual([true, false]);
});

// kswapd_failures: 16 runs in vain, after which whoever has freed a page himself wakes it again (MAX_RECLAIM_RETRIES, shrink_node).
it("is left alone when it has found nothing sixteen times, until somebody who reclaims himself has freed a page", () => {
  const { memory, reclaim } = boot([], { ...SHAPE, anonymousPages: PAGES, swapPages: 0 });
  const { anonymous, cache, pages } = memory;
  const runs = vi.spyOn(reclaim, "balancing");
  for (let page = 0; page < PAGES; page++) anonymous.write(page, 1);
  expect([reclaim.stolen, pages.freePages]).toEqual([0, 0]);
  expect(pages.outOfMemory).toBeGreaterThan(1000);
  expect([runs.mock.calls.length, pages.isKswapdAwake]).toEqual([16, false]);
  anonymous.discardRange(0, 4000);
  for (let page = 0; page < 5000; page++) cache.read(page);
  expect(reclaim.stolen).toBeGreaterThan(1000);
  expect(runs.mock.calls.length).toBeGreaterThan(16);
});

it("loses no page, whenever it has to wait amid a pass and whatever others do meanwhile", () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 20 }),
      fc.array(fc.tuple(fc.boolean(), fc.nat({ max: 7999 }), fc.nat({ max: 600 })), { minLength: 20, maxLength: 60 }),
      (shares, uses) => {
        const { memory, reclaim } = boot();
        const { anonymous, cache, pages } = memory;
        let turn = 0;
        share(pages, () => shares[turn++ % shares.length]);
        for (let page = 0; page < 9000; page++) cache.read(page);
        for (const [isFile, first, count] of uses) {
          for (let page = first; page < Math.min(first + count, 8000); page++) {
            if (isFile) cache.read(9000 + page);
            else anonymous.write(page, 1);
          }
          if (count % 3 === 0) anonymous.discardRange(first, Math.min(count, 8000 - first));
        }
        pages.kswapd.turns = undefined;
        pages.runKswapd();
        const { lru } = reclaim;
        let used = 0;
        for (let ppn = 0; ppn < PAGES; ppn++) if (pages.use(ppn) >= 2) used++;
        const listed = [...lru.files.groups, ...lru.anonymous.groups].flatMap(({ active, inactive }) => [
          active,
          inactive,
        ]);
        expect(listed.reduce((sum, { length }) => sum + length, 0)).toBe(used);
        expect(lru.files.length + lru.anonymous.length).toBe(used);
        expect(used + pages.freePages).toBe(PAGES - KERNEL_PAGES);
      },
    ),
    { numRuns: 30 },
  );
});
