/** Dirty pages of a guest's files: when they are written in the background, and when whoever makes more of them waits. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DirtyLimits } from "../../src/guest/dirty-limits.ts";
import { DiskRequestKind } from "../../src/guest/disk-requests.ts";
import { kernelVersion } from "../../src/guest/kernel-builds.ts";
import { GuestMemory } from "../../src/guest/memory-manager.ts";
import { ContentIds } from "../../src/machine/content-ids.ts";
import { runHost } from "../../src/sim/host.ts";
import { WriteBackThread } from "../../src/sim/write-back-thread.ts";
import { native } from "../../src/vmm/native.ts";
import type { CompiledWorkload, GuestShape } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { profile } from "./fixtures.ts";
import { PlainMemory } from "../../src/analysis/validation/balloon/plain-memory.ts";

const PAGES = 4096;
const FILES = 6000;
const SHAPE: GuestShape = {
  memoryPages: PAGES,
  kernelPages: 100,
  processes: 1,
  anonymousPages: 1500,
  residentAnonymousPages: 0,
  filePages: FILES,
  residentFilePages: 0,
  swapPages: 2000,
  threads: 1,
};
/** Linux 2.4 with 16 MiB: 32 pages, twice, three times. */
const HIGH_24 = 96;
/** NRSYNC of Linux 2.4.22, fs/buffer.c. */
const WRITE_BACK_BATCH = 32;

function guestOf(kernel: "linux-2.4" | "linux-6.1"): GuestMemory {
  const memory = new GuestMemory(SHAPE, new PlainMemory(PAGES), new ContentIds(), kernel);
  memory.boot(SHAPE, new Uint32Array(PAGES));
  return memory;
}

/** Writes a page of a file, and tells how many pages that has written to the disk. */
function write({ cache, requests }: GuestMemory, page: number, now = 0): number {
  requests.clear();
  cache.write(page, 7, false, now);
  return Array.from({ length: requests.length }, (_, i) => (requests.writes(i) ? requests.pages(i) : 0)).reduce(
    (sum, pages) => sum + pages,
    0,
  );
}

function dirtyPages({ cache }: GuestMemory): number[] {
  return Array.from({ length: FILES }, (_, page) => page).filter((page) => cache.isDirty(page));
}

/** Dirty pages that a guest of Linux 6.1 has when its next write waits, where processes have so many pages. */
function dirtyUntilThrottled(anonymous: number): number {
  const guest = guestOf("linux-6.1");
  for (let page = 0; page < anonymous; page++) guest.anonymous.write(page, 7);
  let page = 0;
  while (write(guest, page) === 0) page++;
  return page;
}

/** Plays the thread against a disk that answers requests one at a time, `pick` says which. */
function play(guest: GuestMemory, dirty: readonly number[], pick: (underWay: number) => number) {
  const { cache, requests } = guest;
  const waiting: number[] = [];
  const written: number[] = [];
  let most = 0;
  const thread = new WriteBackThread(cache, { blocked: false }, (waiter) => {
    for (let i = 0; i < requests.length; i++) {
      for (let page = 0; page < requests.pages(i); page++) written.push(requests.first(i) + page);
      waiting.push(i);
      waiter.begin();
    }
    requests.clear();
    most = Math.max(most, waiting.length);
  });
  const lengths: number[] = [];
  for (const page of dirty) {
    cache.write(page, 7, false, 0);
    expect(requests.length).toBe(0);
    thread.wake();
    lengths.push(waiting.length);
  }
  while (waiting.length > 0) {
    waiting.splice(pick(waiting.length), 1);
    thread.done();
  }
  return { written, most, lengths };
}

describe("limits of dirty pages", () => {
  it("are 20, 30 and 60 % of all memory but the high watermark in Linux 2.4", () => {
    const limits = new DirtyLimits(guestOf("linux-2.4").pages, {
      background: 30,
      stop: 20,
      throttle: 60,
      batch: WRITE_BACK_BATCH,
      of: "memory",
    });
    const of = PAGES - HIGH_24;
    for (const [share, exceeds] of [
      [20, (dirty: number) => limits.exceedsStop(dirty)],
      [30, (dirty: number) => limits.exceedsBackground(dirty)],
      [60, (dirty: number) => limits.exceedsThrottle(dirty)],
    ] as const) {
      const most = Math.floor((share * of) / 100);
      expect([exceeds(most), exceeds(most + 1)]).toEqual([false, true]);
    }
  });

  it("are 50 and 80 % with the kernel of Red Hat Enterprise Linux 3", () => {
    const version = kernelVersion({ kernel: "linux-2.4", kernelBuild: "rhel-3" });
    const guest = new GuestMemory(SHAPE, new PlainMemory(PAGES), new ContentIds(), "linux-2.4", { version });
    guest.boot(SHAPE, new Uint32Array(PAGES));
    const [background, throttle] = [0.5, 0.8].map((share) => Math.floor(share * (PAGES - HIGH_24)));
    for (let page = 0; page < throttle; page++) {
      expect(write(guest, page)).toBe(0);
      expect([page, guest.cache.writesBack, guest.cache.goesOnWriting]).toEqual([
        page,
        page >= background,
        page >= background,
      ]);
    }
    expect(write(guest, throttle)).toBe(WRITE_BACK_BATCH);
  });

  it("have a writer write 32 of those that have been dirty for longest once there are too many", () => {
    const guest = guestOf("linux-2.4");
    const most = Math.floor((60 * (PAGES - HIGH_24)) / 100);
    for (let page = 0; page < most; page++) expect(write(guest, page)).toBe(0);
    expect(write(guest, most)).toBe(WRITE_BACK_BATCH);
    expect(guest.requests.first(0)).toBe(0);
    expect(dirtyPages(guest)[0]).toBe(WRITE_BACK_BATCH);
    // Those make room for as many.
    for (let page = most + 1; page < most + WRITE_BACK_BATCH; page++) expect(write(guest, page)).toBe(0);
    expect(write(guest, most + WRITE_BACK_BATCH)).toBe(WRITE_BACK_BATCH);
  });

  it("are shares of what is free or caches files in Linux 6.1, so that memory of processes makes them lower", () => {
    const [all, half] = [dirtyUntilThrottled(0), dirtyUntilThrottled(1500)];
    // 15 %: half-way between 10 and 20. min_free_kbytes is 505, the root of 16 times 15,984; the high watermark half of that more.
    const high = 126 + 2 * 31;
    expect(all).toBe(Math.floor(0.15 * (PAGES - SHAPE.kernelPages - high)));
    expect(all - half).toBeCloseTo(0.15 * 1500, -1);
  });

  it("hold whatever is written, read and given up: what is dirty is counted, keeps its content, and is written once", () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ write: fc.nat(FILES - 100), pages: fc.integer({ min: 1, max: 99 }) }) },
      { weight: 2, arbitrary: fc.record({ sync: fc.nat(FILES - 1) }) },
      { weight: 2, arbitrary: fc.record({ read: fc.nat(FILES - 200) }) },
      { weight: 1, arbitrary: fc.record({ anonymous: fc.nat(1400) }) },
      { weight: 1, arbitrary: fc.record({ oldest: fc.constant(true) }) },
      { weight: 1, arbitrary: fc.record({ before: fc.nat(120) }) },
      { weight: 1, arbitrary: fc.record({ balloon: fc.nat(PAGES) }) },
    );
    const [stop, background, most] = [20, 30, 60].map((share) => Math.floor((share * (PAGES - HIGH_24)) / 100));
    fc.assert(
      fc.property(fc.array(step, { minLength: 60, maxLength: 120 }), (steps) => {
        const guest = guestOf("linux-2.4");
        const { cache, requests } = guest;
        const contents = new Map<number, number>();
        let [toWrite, content] = [0, 1];
        const write = (page: number, sync: boolean, now: number): void => {
          if (!cache.isDirty(page)) toWrite++;
          contents.set(page, ++content);
          cache.write(page, content, sync, now);
        };
        for (const [now, each] of steps.entries()) {
          if ("write" in each) for (let i = 0; i < each.pages; i++) write(each.write + i, false, now);
          else if ("sync" in each) write(each.sync, true, now);
          else if ("read" in each) {
            for (let page = each.read; page < each.read + 200; page++) {
              const found = cache.read(page);
              if (found !== (contents.get(page) ?? found)) expect([page, found]).toEqual([page, contents.get(page)]);
            }
          } else if ("anonymous" in each) for (let i = 0; i < 100; i++) guest.anonymous.write(each.anonymous + i, 7);
          else if ("before" in each) cache.writeBack(each.before);
          else if ("balloon" in each) guest.balloon.poll(each.balloon, 1000);
          else cache.writeOldest();
          const dirty = dirtyPages(guest).length;
          expect(dirty).toBeLessThanOrEqual(most);
          expect([cache.writesBack, cache.goesOnWriting]).toEqual([dirty > background, dirty > stop]);
        }
        let written = 0;
        for (let i = 0; i < requests.length; i++) {
          if (requests.kind(i) === DiskRequestKind.FileWrite) written += requests.pages(i);
        }
        expect(written + dirtyPages(guest).length).toBe(toWrite);
        // After all of that, the count begins to be too many with the very page that makes them so.
        guest.balloon.poll(0, PAGES);
        while (cache.goesOnWriting) cache.writeOldest();
        for (let page = 0; page < FILES && !cache.writesBack; page++) cache.write(page, 7, false, steps.length);
        expect(dirtyPages(guest).length).toBe(background + 1);
      }),
      { numRuns: 20 },
    );
  });
});

describe("the thread that writes back", () => {
  const dirtyable = PAGES - HIGH_24;

  it("begins above 30 % of memory, and writes those that have been dirty for longest until 20 % are left", () => {
    const guest = guestOf("linux-2.4");
    const background = Math.floor(0.3 * dirtyable);
    const dirty = Array.from({ length: background + 1 }, (_, i) => 2 * i);
    const { written, lengths } = play(guest, dirty, () => 0);
    expect(lengths.slice(0, -1).every((length) => length === 0)).toBe(true);
    const left = Math.floor(0.2 * dirtyable);
    const expected = Math.ceil((dirty.length - left) / WRITE_BACK_BATCH) * WRITE_BACK_BATCH;
    expect(written).toEqual(dirty.slice(0, expected));
    expect(dirtyPages(guest).length).toBe(dirty.length - expected);
  });

  it("has no more than 128 requests in the disk's queue, and those of a batch, whatever the disk answers first", () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...Array(FILES).keys()], { minLength: 1300, maxLength: 1800 }),
        fc.nat(),
        (dirty, seed) => {
          const guest = guestOf("linux-2.4");
          const { written, most } = play(guest, dirty, (underWay) => (seed * 31 + underWay * 17) % underWay);
          expect(most).toBeLessThan(128 + WRITE_BACK_BATCH);
          expect(new Set(written).size).toBe(written.length);
          expect(written.filter((page) => guest.cache.isDirty(page))).toEqual([]);
          expect(written.length + dirtyPages(guest).length).toBe(dirty.length);
          if (written.length > 0) expect(dirtyPages(guest).length).toBeLessThanOrEqual(0.3 * dirtyable);
        },
      ),
      { numRuns: 10 },
    );
  });
});

describe("a guest that writes files", () => {
  const { writeCache: _, ...plainDisk } = profile.disk;
  const machine = { ...profile, disk: plainDisk };
  const pageMs = 4096 / plainDisk.megabytesPerSecond / 1000;

  function elapsedMs(pages: number): number {
    const stream = new OperationStreamBuilder();
    stream.add(Op.Request, 0, 0, 0);
    for (let page = 0; page < pages; page += 16) stream.add(Op.WriteFile, page, 16, 0);
    const work: CompiledWorkload = {
      name: "writer",
      guest: SHAPE,
      stream: stream.finish(),
      durationUs: 0,
      warmupUs: 0,
    };
    return runHost(native, machine, [work], PAGES, () => ({})).metrics.elapsed_ms;
  }

  it("waits for no disk as long as memory may hold what it writes, and else for what has to leave", () => {
    const most = Math.floor(0.6 * (PAGES - HIGH_24));
    expect(elapsedMs(2384)).toBe(0);
    expect(2384).toBeLessThanOrEqual(most);
    const left = 4800 - most;
    expect(elapsedMs(4800)).toBeGreaterThan(left * pageMs);
    // The thread in the background is ahead of it.
    expect(elapsedMs(4800)).toBeLessThan(4800 * pageMs + (2 * plainDisk.positioningUs) / 1000);
  });
});
