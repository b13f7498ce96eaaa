import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDisk } from "../../src/machine/disk.ts";
import type { DiskProfile } from "../../src/machine/profile.ts";
import { WriteCache } from "../../src/machine/write-cache.ts";
import { runHost } from "../../src/sim/host.ts";
import { esx } from "../../src/vmm/esx.ts";
import type { CompiledWorkload } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { profile, SMALL_GUEST } from "./fixtures.ts";

/** A cycle is a microsecond, a page takes 100 to or from the medium and 10 to or from the cache. */
const MEGAHERTZ = 1;
const PAGES = 16;
const DISK: DiskProfile = {
  positioningUs: 8000,
  megabytesPerSecond: 40.96,
  writeCache: { pages: PAGES, commandUs: 30, megabytesPerSecond: 409.6 },
};
const newDisk = () => createDisk({ megahertz: MEGAHERTZ }, DISK);

describe("a cache of written pages", () => {
  it("holds what a set would, and lets neighbours go in the order of a sweep", () => {
    const page = fc.integer({ min: 0, max: 60 });
    const operation = fc.record({
      kind: fc.constantFrom("add", "drop", "take"),
      page,
      pages: fc.integer({ min: 1, max: 8 }),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const cache = new WriteCache(PAGES);
        const known = new Set<number>();
        for (const { kind, page: first, pages } of operations) {
          const asked = Array.from({ length: pages }, (_, i) => first + i);
          const held = asked.filter((one) => known.has(one)).length;
          expect(cache.held(first, pages)).toBe(held);
          if (kind === "add" && known.size + pages - held <= PAGES) {
            cache.add(first, pages);
            for (const one of asked) known.add(one);
          } else if (kind === "drop") {
            cache.drop(first, pages);
            for (const one of asked) known.delete(one);
          } else if (kind === "take" && known.size > 0) {
            cache.takeRun(first);
            const sorted = [...known].sort((a, b) => a - b);
            const start = sorted.find((one) => one >= first) ?? sorted[0];
            let end = start;
            while (known.has(end)) known.delete(end++);
            expect([cache.first, cache.run]).toEqual([start, end - start]);
          }
          expect(cache.length).toBe(known.size);
        }
      }),
    );
    expect(() => new WriteCache(2).add(0, 3)).toThrow(/3 pages/);
  });
});

describe("a disk that caches writes", () => {
  it("is done with a write when it has it, and with a read of that at once; a read waits for what the medium has begun", () => {
    const disk = newDisk();
    expect(disk.submit(0, 100, 2, true, 1)).toBe(50);
    // The medium begins with it at once: 8,000 + 200.
    expect(disk.wakeAt).toBe(8200);
    expect(disk.submit(100, 200, 1, true, 2)).toBe(140);
    expect(disk.submit(200, 200, 1, false, 3)).toBe(240);
    // Pages 100 and 101 are on their way and have to be read; the read comes before the other write.
    expect(disk.submit(300, 500, 1, false, 4)).toBe(-1);
    expect(disk.advance(8200)).toEqual([{ tag: 4, at: 8200 + 8100 }]);
    expect(disk.advance(16_300)).toEqual([]);
    expect(disk.wakeAt).toBe(16_300 + 8100);
    expect(disk.advance(disk.wakeAt)).toEqual([]);
    expect(disk.wakeAt).toBe(Infinity);
    expect(disk.busy).toBe(8200 + 8100 + 8100);
  });

  it("makes writes wait for room, and then puts neighbours on the medium together", () => {
    const disk = newDisk();
    for (let i = 0; i < PAGES; i++) expect(disk.submit(0, 2 * i, 1, true, i)).toBe(40 * (i + 1));
    // Page 0 is on its way; the cache is full until it is there.
    expect(disk.submit(1000, 99, 1, true, 99)).toBe(-1);
    expect(disk.advance(8100)).toEqual([{ tag: 99, at: 8140 }]);
    // The rest comes in one sweep: a page between two of them passes under the head in the time that it takes to write one.
    let end = disk.wakeAt;
    while (disk.wakeAt < Infinity) {
      end = disk.wakeAt;
      disk.advance(end);
    }
    expect(end).toBe(8100 + 15 * 200 + (99 - 31) * 100 + 100);
  });

  it("writes what is larger than its cache past it, and is waited for like any disk", () => {
    const disk = newDisk();
    expect(disk.serve(0, 0, PAGES + 1, true)).toBe(8000 + 100 * (PAGES + 1));
    expect(disk.serve(10_000, 50, 1, true)).toBe(10_040);
    // The head is with the write that the cache had: it has let 33 pages pass for it.
    expect(disk.serve(10_050, 0, 1, false)).toBe(10_000 + 33 * 100 + 100 + 8100);
  });

  it("answers everything once, no earlier than it can, and keeps nothing back", () => {
    const request = fc.record({
      pause: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 20_000 })),
      page: fc.integer({ min: 0, max: 200 }),
      pages: fc.integer({ min: 1, max: PAGES + 2 }),
      write: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(request, { minLength: 1, maxLength: 60 }), (requests) => {
        const disk = newDisk();
        const answers = new Map<number, number>();
        const note = (tag: number, at: number): void => {
          expect(answers.has(tag)).toBe(false);
          answers.set(tag, at);
        };
        const until = (now: number): void => {
          while (disk.wakeAt <= now) for (const { tag, at } of disk.advance(disk.wakeAt)) note(tag, at);
        };
        let now = 0;
        const submitted = requests.map(({ pause, page, pages, write }, tag) => {
          now += pause;
          until(now);
          const at = disk.submit(now, page, pages, write, tag);
          if (at >= 0) note(tag, at);
          return now;
        });
        let last = now;
        while (disk.wakeAt < Infinity) {
          last = disk.wakeAt;
          until(last);
        }
        expect(answers.size).toBe(requests.length);
        requests.forEach(({ pages }, tag) => {
          expect((answers.get(tag) ?? 0) - submitted[tag]).toBeGreaterThanOrEqual(30 + 10 * pages);
        });
        // Whatever was written has been on the medium, and nothing more than once a write.
        const written = requests.filter(({ write }) => write);
        const places = new Set(written.flatMap(({ page, pages }) => Array.from({ length: pages }, (_, i) => page + i)));
        expect(disk.busy).toBeGreaterThanOrEqual(100 * places.size);
        expect(disk.busy).toBeLessThanOrEqual(last);
        const most = requests.reduce((sum, { pages }) => sum + pages * (8000 + 100), 0);
        expect(disk.busy).toBeLessThanOrEqual(most);
      }),
    );
  });
});

/** Logs: pages one after the other, each waited for. */
function log(writes: number): CompiledWorkload {
  const stream = new OperationStreamBuilder();
  for (let i = 0; i < writes; i++) {
    stream.add(Op.Request, 0, 0, 0);
    stream.add(Op.WriteFile, i, 1, 1);
  }
  const guest = { ...SMALL_GUEST, filePages: 1000 };
  return { name: "log", guest, stream: stream.finish(), durationUs: 0, warmupUs: 0 };
}

/** Milliseconds until two VMs have written their logs. */
function twoLogs(disk: DiskProfile): number {
  const logs = [log(200), log(200)];
  return runHost({ ...esx, memory: [] }, { ...profile, disk }, logs, 8192, () => ({})).metrics.elapsed_ms;
}

it("keeps the logs of several VMs apart: without a cache each write is a way for the head", () => {
  const { writeCache: _, ...plain } = profile.disk;
  const transferMs = 4096 / plain.megabytesPerSecond / 1000;
  expect(twoLogs(plain)).toBeCloseTo(400 * (plain.positioningUs / 1000 + transferMs), 0);
  expect(profile.disk.writeCache).toBeDefined();
  // 30 us and 4 KiB at 160 MB/s for each; the two VMs take turns on the bus.
  expect(twoLogs(profile.disk)).toBeCloseTo(400 * (0.03 + 4096 / 160 / 1e6 / 1e-3), 0);
});
