/** Reclaim of Linux 6.1 guests: its parts against what the kernel's documents and formulas say, and invariants of the lists. */
import * as fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { DiskRequestKind } from "../../src/guest/disk-requests.ts";
import { BalancedReclaim } from "../../src/guest/balanced-reclaim.ts";
import { GuestMemory } from "../../src/guest/memory-manager.ts";
import { SwapReadahead } from "../../src/guest/swap-readahead.ts";
import { SwapSpace } from "../../src/guest/swap-space.ts";
import { watermarks } from "../../src/guest/watermarks.ts";
import { ContentIds } from "../../src/machine/content-ids.ts";
import type { GuestShape } from "../../src/workload/compiled-workload.ts";
import { PlainMemory } from "../../src/analysis/validation/balloon/plain-memory.ts";

const SHAPE: GuestShape = {
  memoryPages: 1024,
  kernelPages: 100,
  processes: 3,
  anonymousPages: 1500,
  residentAnonymousPages: 50,
  filePages: 2000,
  residentFilePages: 60,
  swapPages: 4096,
  threads: 1,
};

interface TestGuest {
  readonly memory: GuestMemory;
  readonly reclaim: BalancedReclaim;
}

function boot(shape: Partial<GuestShape> = {}): TestGuest {
  const whole = { ...SHAPE, ...shape };
  const memory = new GuestMemory(whole, new PlainMemory(whole.memoryPages), new ContentIds(), "linux-6.1");
  memory.boot(whole, new Uint32Array(whole.memoryPages));
  const reclaim = memory.pages.replacement;
  if (!(reclaim instanceof BalancedReclaim)) throw new Error("a guest with Linux 6.1 reclaims in its way");
  return { memory, reclaim };
}

describe("a page of a file that processes map", () => {
  // zap_pte_range (mm/memory.c): one that was used counts like a system call, of which the second makes a page active.
  test.each([
    { processes: 1, active: 0 },
    { processes: 2, active: 1 },
    { processes: 3, active: 1 },
  ])("is active when $processes that used it have ended: $active", ({ processes, active }) => {
    const { memory, reclaim } = boot({ residentFilePages: 0 });
    for (let process = 0; process < processes; process++) memory.cache.visit(0, 0, 1, false, process);
    for (let process = 0; process < processes; process++) memory.cache.unmap(0, 1, process);
    expect(reclaim.lru.files.active).toBe(active);
    // None maps it any more.
    const faults = memory.cache.minorFaults;
    memory.cache.visit(0, 0, 1, false);
    expect(memory.cache.minorFaults).toBe(faults + 1);
  });

  it("stays mapped while another process maps it", () => {
    const { memory } = boot({ residentFilePages: 0 });
    memory.cache.visit(0, 0, 1, false, 0);
    memory.cache.visit(0, 0, 1, false, 1);
    memory.cache.unmap(0, 1, 1);
    const faults = memory.cache.minorFaults;
    memory.cache.visit(0, 0, 1, false, 0);
    expect(memory.cache.minorFaults).toBe(faults);
  });

  // folio_check_references (mm/vmscan.c): a page is found used by as many processes as have the accessed bit set.
  test.each([
    { processes: 1, active: 0 },
    { processes: 2, active: 1 },
  ])("is active once reclaim finds it used by $processes: $active", ({ processes, active }) => {
    const { memory, reclaim } = boot({ residentFilePages: 0 });
    for (let process = 0; process < processes; process++) memory.cache.visit(0, 0, 1, false, process);
    const { stolen } = reclaim;
    for (let page = 100; page < 1000 && reclaim.stolen === stolen; page++) memory.cache.read(page);
    expect(memory.cache.ppnOf(0)).toBeGreaterThanOrEqual(0);
    expect(reclaim.lru.files.active).toBe(active);
  });

  // 32 pages are read around it; of the 16 that a fault maps the one marked for readahead is left out (filemap_map_pages, mm/filemap.c).
  it("is mapped with those around it once it has been read, as who has waited for the disk has the fault again", () => {
    const { cache } = boot({ residentFilePages: 0 }).memory;
    cache.visit(20, 0, 64, false, 1);
    const marked = 20 - 16 + 24;
    for (let page = 16; page < 32; page++) if (page !== marked) cache.visit(page, 0, 64, false, 1);
    expect([cache.majorFaults, cache.minorFaults]).toEqual([1, 0]);
    for (const [faults, page] of [15, marked, 32].entries()) {
      cache.visit(page, 0, 64, false, 1);
      expect([cache.majorFaults, cache.minorFaults]).toEqual([1, faults + 1]);
    }
  });

  // do_read_fault (mm/memory.c) maps what is there before it reads what is not: reclaim finds it used.
  it("stays when a fault beside it has to reclaim for what it reads", () => {
    const { memory, reclaim } = boot({ residentFilePages: 0 });
    const { cache, pages } = memory;
    for (let page = 16; page < 20; page++) cache.read(page);
    for (let page = 100; pages.freePages > pages.marks.low; page++) cache.read(page);
    expect(reclaim.scanned).toBe(0);
    const read = cache.pageIns;
    cache.visit(20, 0, 64, false, 1);
    expect(reclaim.stolen).toBeGreaterThan(0);
    // Of the 32 around it none of these.
    expect(cache.pageIns - read).toBe(32 - 4);
  });

  // A fault maps the 16 pages around that are there; one that ends says nothing of those that it does not map (do_fault_around).
  it("is counted as used by those alone that have it in their page tables", () => {
    const { memory, reclaim } = boot({ residentFilePages: 0 });
    for (let page = 0; page < 64; page++) memory.cache.visit(page, 0, 64, false, 0);
    const faults = memory.cache.minorFaults;
    memory.cache.visit(20, 0, 64, false, 1);
    expect(memory.cache.minorFaults).toBe(faults + 1);
    memory.cache.unmap(0, 64, 1);
    expect(reclaim.lru.files.active).toBe(0);
    memory.cache.unmap(0, 64, 0);
    expect(reclaim.lru.files.active).toBe(16);
  });
});

it("a look ahead at pages changes nothing, whatever has become of them", () => {
  const pages = fc.array(fc.nat(4499), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(fc.array(pages, { maxLength: 40 }), (rounds) => {
      const [looking, other] = [boot(), boot()];
      for (const [round, list] of rounds.entries()) {
        const ppns = Int32Array.from(
          list.map((page) => looking.memory.anonymous.ppnOf(page)).filter((ppn) => ppn >= 0),
        );
        looking.memory.lookAhead(ppns, ppns.length, round % 2 === 1);
        for (const { anonymous } of [looking.memory, other.memory]) {
          for (const page of list) anonymous.write(page, round * 10_000 + page + 1);
        }
        const of = ({ memory, reclaim }: TestGuest) => [
          memory.anonymous.swapIns,
          memory.anonymous.swapOuts,
          memory.anonymous.demandZeroFaults,
          memory.pages.freePages,
          reclaim.scanned,
        ];
        expect(of(looking)).toEqual(of(other));
      }
      const contents = ({ memory: { anonymous } }: TestGuest) => rounds.flat().map((page) => anonymous.read(page));
      expect(contents(looking)).toEqual(contents(other));
    }),
    { numRuns: 20 },
  );
});

describe("watermarks", () => {
  it("of Linux 6.1 begin at the root of 16 times the memory in KiB, and keep a page in 256 of the rest for DMA", () => {
    // 223,612 KiB: min_free_kbytes = int_sqrt(16 * 223612) = 1891; a quarter more for each step.
    const reserve = Math.floor((55_903 - 4096) / 256);
    expect(watermarks("linux-6.1", 55_903)).toEqual({
      minimum: 472 + reserve,
      low: 590 + reserve,
      high: 708 + reserve,
      reserve,
    });
  });

  it("of Linux 2.4 are a 128th of memory, and two and three times that", () => {
    expect(watermarks("linux-2.4", 4096)).toEqual({ minimum: 32, low: 64, high: 96, reserve: 0 });
    expect(watermarks("linux-2.4", 1_000_000)).toEqual({ minimum: 255, low: 510, high: 765, reserve: 0 });
  });
});

function windows(pages: readonly number[]): readonly number[][] {
  const readahead = new SwapReadahead();
  return pages.map((page) => {
    readahead.fault(page);
    return [readahead.from - page, readahead.to - page];
  });
}

describe("readahead of swap", () => {
  it("is one page as long as nothing that was read ahead is used", () => {
    // Four hits are taken for granted; then the window, around the page, halves until it is one page.
    expect(windows([100, 900, 400, 700, 200])).toEqual([
      [-3, 5],
      [-1, 3],
      [0, 2],
      [0, 1],
      [0, 1],
    ]);
  });

  it("reaches forward or backward where a fault follows its neighbour", () => {
    expect(windows([100, 101]).at(-1)).toEqual([0, 4]);
    expect(windows([100, 99]).at(-1)).toEqual([-3, 1]);
  });

  it("widens to eight pages with its hits", () => {
    const readahead = new SwapReadahead();
    for (const page of [100, 900, 400, 700, 200]) readahead.fault(page);
    for (let hit = 0; hit < 5; hit++) readahead.found(300 + 10 * hit, true);
    readahead.fault(600);
    expect(readahead.to - readahead.from).toBe(8);
    for (let page = 0; page < 5; page++) readahead.found(page, false);
    readahead.fault(50);
    expect(readahead.to - readahead.from).toBe(4);
  });
});

describe("readahead where the swap device is said to rotate", () => {
  it("reads the aligned slots around a fault, whatever page they hold, and no page twice", () => {
    const shares: number[] = [];
    fc.assert(
      fc.property(fc.shuffledSubarray([...Array(1200).keys()], { minLength: 1200 }), fc.nat(1199), (order, at) => {
        const { memory } = boot({ swapRotates: true, processes: 1, residentAnonymousPages: 0, residentFilePages: 0 });
        const { anonymous, requests } = memory;
        const collect = (kind: number): number[] => {
          const slots: number[] = [];
          for (let i = 0; i < requests.length; i++) {
            if (requests.kind(i) !== kind) continue;
            for (let page = 0; page < requests.pages(i); page++) slots.push(requests.first(i) + page);
          }
          return slots.toSorted((a, b) => a - b);
        };
        for (const page of order) anonymous.write(page, page + 1);
        const out = order.filter((page) => anonymous.ppnOf(page) < 0);
        fc.pre(out.length > 0);
        const before = anonymous.swapIns;
        const written = collect(DiskRequestKind.SwapWrite);
        requests.clear();
        expect(anonymous.read(out[at % out.length])).toBe(out[at % out.length] + 1);
        const read = collect(DiskRequestKind.SwapRead);
        const whole = written.filter((slot) => cluster(slot) === cluster(read[0]));
        expect(whole).toEqual(expect.arrayContaining(read));
        expect(anonymous.swapIns - before).toBe(read.length);
        expect(new Set(read).size).toBe(read.length);
        shares.push(read.length / whole.length);
        for (const page of order) expect(anonymous.read(page)).toBe(page + 1);
      }),
      { numRuns: 20 },
    );
    // Of some slots the page is in memory as well: few, since memory is full of pages that were written later.
    expect(meanOf(shares)).toBeGreaterThan(0.8);
  });
});

it("swap slots are given out one after the other and around", () => {
  const swap = new SwapSpace(4);
  expect([0, 1, 2].map(() => swap.take())).toEqual([0, 1, 2]);
  swap.release(0);
  swap.release(1);
  expect([swap.take(), swap.take(), swap.take(), swap.take()]).toEqual([3, 0, 1, -1]);
  expect([swap.used, swap.isFull]).toEqual([4, true]);
});

/** Group 1 writes more than there is room for, so that group 0's page 0 goes to the swap device. */
function swapped(): TestGuest {
  const guest = boot();
  guest.memory.anonymous.write(0, 7);
  for (let page = 0; page < 1400; page++) guest.memory.anonymous.write(SHAPE.anonymousPages + page, 1);
  return guest;
}

describe("a page on the swap device and in memory", () => {
  it("is read back with one major fault, mapped read-only, and writing it takes a minor one", () => {
    const { anonymous } = swapped().memory;
    const before = [anonymous.majorFaults, anonymous.swapCacheFaults];
    expect(anonymous.read(0)).toBe(7);
    expect([anonymous.majorFaults, anonymous.swapCacheFaults]).toEqual([before[0] + 1, before[1]]);
    const used = anonymous.swap.used;
    anonymous.write(0, 8);
    expect([anonymous.majorFaults, anonymous.swapCacheFaults]).toEqual([before[0] + 1, before[1] + 1]);
    // What the slot holds is out of date, but it is the page's until that is swapped in to be written: docs/balloon-job, slots.c.
    expect(anonymous.swap.used).toBe(used);
    anonymous.write(0, 9);
    expect(anonymous.swapCacheFaults).toBe(before[1] + 1);
    expect(anonymous.read(0)).toBe(9);
  });

  it("keeps its slot when it is written after it has been read back, and gives it up when it is read back to be written", () => {
    const { anonymous } = boot({ processes: 1, swapPages: 20_000, residentAnonymousPages: 0 }).memory;
    const out = () => {
      for (let page = 100; page < 1500; page++) anonymous.write(page, page);
      expect(anonymous.ppnOf(0)).toBeLessThan(0);
    };
    anonymous.write(0, 1);
    out();
    expect(anonymous.read(0)).toBe(1);
    const slots = anonymous.swap.used;
    anonymous.write(0, 2);
    expect(anonymous.swap.used).toBe(slots);
    // Its content differs from that of the slot, and has to be written there.
    out();
    anonymous.write(0, anonymous.read(0) + 1);
    out();
    const used = anonymous.swap.used;
    const reads = anonymous.swapIns;
    anonymous.write(0, 7);
    expect(anonymous.swapIns).toBeGreaterThan(reads);
    expect(anonymous.swap.used).toBeLessThan(used);
    expect(anonymous.read(0)).toBe(7);
  });

  it("is not written again as long as it has only been read", () => {
    const { anonymous } = boot({ swapPages: 20_000 }).memory;
    for (let page = 0; page < 1400; page++) anonymous.write(page, 1);
    // Every page has been out by now, or is written the first time it goes.
    for (let round = 0; round < 5; round++) for (let page = 0; page < 1400; page++) anonymous.read(page);
    expect(anonymous.swapIns).toBeGreaterThan(3 * 1400);
    expect(anonymous.swapOuts).toBeLessThanOrEqual(1400 + 3 * SHAPE.residentAnonymousPages);
  });
});

/** Files of so many pages read over and over, in a guest with room for about 690 of them. */
function readTwice(pages: number): { readonly refaults: number; readonly activations: number } {
  const { memory, reclaim } = boot();
  for (let round = 0; round < 2; round++) for (let page = 0; page < pages; page++) memory.cache.read(page);
  return reclaim.lru.files;
}

describe("workingset detection", () => {
  it("makes pages active that would have stayed if the 150 pages of anonymous memory had made room", () => {
    // 800 - 690 = 110 evictions between eviction and return: less than 150, until activations age the others.
    const near = readTwice(800);
    expect(near.refaults).toBeGreaterThan(700);
    expect(near.activations).toBeGreaterThan(100);
    // 1000 - 690 = 310 evictions.
    expect(readTwice(1000)).toMatchObject({ refaults: 1000, activations: 0 });
  });

  it("reads a file around a fault, maps what is there, and reads on when the marked page is used", () => {
    const { cache } = boot().memory;
    cache.visit(500, 0, 2000, true);
    expect([cache.majorFaults, cache.pageIns]).toEqual([1, 32]);
    // Pages 484 to 515 are there, 508 is marked: three quarters of the window before it.
    for (let page = 484; page < 508; page++) cache.visit(page, 0, 2000, true);
    expect([cache.majorFaults, cache.pageIns]).toEqual([1, 32]);
    cache.visit(508, 0, 2000, true);
    expect([cache.majorFaults, cache.pageIns]).toEqual([1, 64]);
    for (let page = 509; page < 516; page++) cache.visit(page, 0, 2000, true);
    expect(cache.pageIns).toBe(64);
    // The first page of what was read on is marked, too.
    cache.visit(516, 0, 2000, true);
    expect([cache.majorFaults, cache.pageIns]).toEqual([1, 96]);
  });
});

test("whatever guests do, every page is on exactly one list, and reclaim keeps the watermark", () => {
  const step = fc.record({
    kind: fc.constantFrom("write", "write", "read", "file", "map", "unmap", "discard", "inflate", "deflate"),
    group: fc.nat({ max: 2 }),
    page: fc.nat({ max: 1499 }),
    pages: fc.integer({ min: 1, max: 400 }),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 60, size: "max" }), (steps) => {
      const { memory, reclaim } = boot();
      const { anonymous, cache, pages, balloon } = memory;
      for (const { kind, group, page, pages: count } of steps) {
        pages.group = group;
        const last = Math.min(page + count, 1500);
        for (let i = page; i < last; i++) {
          const item = group * SHAPE.anonymousPages + i;
          if (kind === "write") anonymous.write(item, i);
          else if (kind === "read") anonymous.read(item);
          else if (kind === "discard") anonymous.discard(item);
          else if (kind === "file") cache.read(i);
          else if (kind === "map") cache.visit(i, 0, 1500, (i & 1) === 0);
        }
        if (kind === "unmap") cache.unmap(page, last);
        if (kind === "inflate") balloon.poll(Math.min(400, balloon.size + count), count);
        if (kind === "deflate") balloon.poll(0, count);
        expectConsistent(memory, reclaim);
      }
    }),
    { numRuns: 60, seed: 61 },
  );
});

function expectConsistent({ pages, balloon }: GuestMemory, { lru }: BalancedReclaim): void {
  for (const pool of [lru.anonymous, lru.files]) {
    const sum = (of: "active" | "inactive"): number =>
      pool.groups.reduce((total, lists) => total + lists[of].length, 0);
    expect([pool.active, pool.inactive]).toEqual([sum("active"), sum("inactive")]);
  }
  const used = lru.anonymous.length + lru.files.length + pages.kernel + balloon.size + pages.free.length;
  expect(used).toBe(pages.total);
  expect(pages.free.length).toBeGreaterThanOrEqual(pages.marks.minimum);
}

/** How many pages go of 300 that were read last, by a service that has ended or by the one that read all others. */
function evicted(endedGroups: number): number {
  const { memory } = boot({
    processes: 1,
    endedGroups,
    residentFilePages: 0,
    residentAnonymousPages: 0,
    swapPages: 0,
  });
  for (const [group, first] of [
    [0, 500],
    [1, 0],
  ]) {
    memory.pages.group = group * endedGroups;
    for (let page = first; page < first + 300; page++) memory.cache.read(page);
  }
  memory.pages.group = 0;
  let page = 1000;
  while (memory.pages.replacement.filePages === page - 400) memory.cache.read(page++);
  return Array.from({ length: 300 }, (_, i) => memory.cache.ppnOf(i)).filter((ppn) => ppn < 0).length;
}

it("a group that has ended loses 32 pages a pass whatever the priority, one that lives a part of what it has", () => {
  expect(evicted(0)).toBe(0);
  expect(evicted(1)).toBeGreaterThanOrEqual(32);
});

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Behind the header, which is the first page of the device, four hits are taken for granted: eight slots, aligned. */
function cluster(slot: number): number {
  return (slot + 1) >> 3;
}
