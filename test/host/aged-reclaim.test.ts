/** Reclaim by ages, as Linux 2.4.7 has it, and how far reads go ahead. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PlainMemory } from "../../src/analysis/validation/balloon/plain-memory.ts";
import { AgedReclaim } from "../../src/guest/aged-reclaim.ts";
import { DiskRequestKind } from "../../src/guest/disk-requests.ts";
import { PageUse } from "../../src/guest/guest-pages.ts";
import { kernelVersion } from "../../src/guest/kernel-builds.ts";
import { GuestMemory } from "../../src/guest/memory-manager.ts";
import { ContentIds } from "../../src/machine/content-ids.ts";
import type { GuestShape } from "../../src/workload/compiled-workload.ts";
import { packReadCall } from "../../src/workload/read-call.ts";

const PAGES = 1024;
const FILES = 4000;
const SHAPE: GuestShape = {
  memoryPages: PAGES,
  kernelPages: 24,
  processes: 1,
  anonymousPages: 100,
  residentAnonymousPages: 50,
  filePages: FILES,
  residentFilePages: 0,
  swapPages: 200,
  threads: 1,
};

function guest(): GuestMemory {
  const version = kernelVersion({ kernel: "linux-2.4", kernelBuild: "redhat-7.2" });
  const memory = new GuestMemory(SHAPE, new PlainMemory(PAGES), new ContentIds(), "linux-2.4", { version });
  memory.boot(SHAPE, new Uint32Array(PAGES));
  return memory;
}

function reclaimOf({ pages }: GuestMemory): AgedReclaim {
  if (!(pages.replacement instanceof AgedReclaim)) throw new Error("another reclaim");
  return pages.replacement;
}

/** Pages that were read from the disk since this was asked last, by request. */
function readSince({ requests }: GuestMemory): number[] {
  const reads: number[] = [];
  for (let i = 0; i < requests.length; i++) {
    if (requests.kind(i) === DiskRequestKind.FileRead) reads.push(requests.pages(i));
  }
  requests.clear();
  return reads;
}

describe("reclaim by ages", () => {
  it("takes what was written as a whole before what is read, as long as it need not be written first", () => {
    const memory = guest();
    for (let page = 0; page < 300; page++) memory.cache.read(page);
    for (let page = 1000; page < 1500; page++) memory.cache.write(page, page, false, 0);
    memory.cache.writeBack(0);
    for (let page = 2000; page < 2400; page++) memory.cache.read(page);
    for (let page = 0; page < 300; page++) expect([page, memory.cache.ppnOf(page) >= 0]).toEqual([page, true]);
    expect(memory.cache.ppnOf(1000)).toBe(-1);
  });

  it("lets a page that nobody uses leave the active list with its second look, one that is used stay", () => {
    const memory = guest();
    const reclaim = reclaimOf(memory);
    for (let page = 0; page < 2; page++) memory.cache.read(page);
    expect(reclaim.active.length).toBe(2);
    // A sixteenth of the list a second: with 32 pages two of them.
    for (let page = 2; page < 32; page++) memory.cache.read(page);
    memory.cache.read(0);
    for (let second = 0; second < 16; second++) reclaim.secondPassed();
    expect([reclaim.active.length, reclaim.inactive.length + reclaim.clean.length]).toEqual([32, 0]);
    for (let second = 0; second < 31; second++) reclaim.secondPassed();
    expect(memory.pages.descriptors.flags[memory.cache.ppnOf(0)] & 0x20).toBe(0x20);
    expect(memory.pages.descriptors.flags[memory.cache.ppnOf(1)] & 0x20).toBe(0);
  });

  it("lets a block of the file system leave with its fourth look: its buffer is used as it is read (getblk, ages 2, 5, 2, 1, 0)", () => {
    const memory = guest();
    const reclaim = reclaimOf(memory);
    for (let page = 0; page < 32; page++) memory.cache.read(page);
    memory.cache.useBlock(0);
    // Nothing is read for a block that is not there.
    memory.cache.useBlock(500);
    expect(memory.cache.ppnOf(500)).toBe(-1);
    const stays = [1, 2, 3, 4].map(() => {
      // All others are used, so that as many pages are looked at every second.
      for (let page = 1; page < 32; page++) memory.cache.read(page);
      for (let second = 0; second < 16; second++) reclaim.secondPassed();
      return (memory.pages.descriptors.flags[memory.cache.ppnOf(0)] & 0x20) !== 0;
    });
    expect(stays).toEqual([true, true, true, false]);
  });

  it("marks a block with the places of others as used when it is read for one of them, and not what it has the place of", () => {
    const memory = guest();
    open(memory, 12);
    call(memory, 13, 1, 200, 2);
    const known = (page: number): boolean => memory.pages.replacement.isKnownToCalls(memory.cache.ppnOf(page));
    expect([12, 13].map((page) => [memory.cache.ppnOf(page) >= 0, known(page)])).toEqual([
      [true, true],
      [true, false],
    ]);
  });

  it("has each page on one list and loses no content, whatever guests do", () => {
    const step = fc.record({
      kind: fc.constantFrom("read", "write", "part", "delete", "second", "touch", "age"),
      page: fc.nat(FILES - 64),
      pages: fc.integer({ min: 1, max: 64 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const memory = guest();
        const reclaim = reclaimOf(memory);
        const written = new Map<number, number>();
        steps.forEach(({ kind, page: first, pages }, now) => {
          for (let page = first; page < first + pages; page++) {
            if (kind === "read") expect(memory.cache.read(page)).toBe(written.get(page) ?? memory.cache.read(page));
            if (kind === "write" || kind === "part") {
              memory.cache.write(page, 1e6 + now * 100 + page, false, now, kind === "part", page % 2 === 0);
              written.set(page, 1e6 + now * 100 + page);
            }
            if (kind === "delete") written.delete(page);
            if (kind === "touch") memory.anonymous.touch(page % SHAPE.anonymousPages);
          }
          if (kind === "delete") memory.cache.delete(first, pages);
          if (kind === "second") reclaim.secondPassed();
          if (kind === "age") memory.cache.writeBack(now - 3);
          memory.requests.clear();
          let files = 0;
          for (let ppn = 0; ppn < PAGES; ppn++) if (memory.pages.use(ppn) === PageUse.File) files++;
          expect(reclaim.filePages).toBe(files);
        });
        for (const [page, content] of written) expect(memory.cache.read(page)).toBe(content);
      }),
      { numRuns: 60 },
    );
  });
});

/** Process 0 opens a file that begins with page 0, as number 0; `map`: the page that says where those behind it are. */
function open(memory: GuestMemory, map = 0): void {
  memory.cache.calls.open(0, 0, 0, map);
}

/** A system call of its that reads pages of the file, which has `whole` pages. Returns the requests that it makes, by their pages. */
function call(memory: GuestMemory, first: number, pages: number, whole: number, asked: number, process = 0): number[] {
  memory.cache.calls.begin(process, first, packReadCall({ file: 0, goesOn: false, asked, whole }));
  for (let page = first; page < first + pages; page++) memory.cache.touch(page, true);
  return readSince(memory);
}

/** By hand, from do_generic_file_read and generic_file_readahead of 2.4.7: requests by their pages. */
describe("reads of a file", () => {
  it("go 3 pages ahead from its beginning, then 7, 13, 25 and 32, of which a request has 31 (255 sectors)", () => {
    const memory = guest();
    open(memory);
    const reads = Array.from({ length: 120 }, (_, page) => call(memory, page, 1, 200, 2)).flat();
    expect(reads.slice(0, 8)).toEqual([4, 7, 13, 25, 31, 1, 31, 1]);
  });

  it("end where the file does, and go nowhere if nothing is said of it", () => {
    const memory = guest();
    open(memory);
    call(memory, 0, 1, 3, 2);
    expect([2, 3].map((page) => memory.cache.ppnOf(page) >= 0)).toEqual([true, false]);
    memory.cache.read(50);
    expect(readSince(memory)).toEqual([1]);
  });

  it("take one page if all that is asked for lies in the first half of the first, and 4 after it with the next call", () => {
    const memory = guest();
    open(memory);
    expect(call(memory, 0, 1, 60, 0)).toEqual([1]);
    expect(call(memory, 0, 1, 60, 2)).toEqual([4]);
    expect([4, 5].map((page) => memory.cache.ppnOf(page) >= 0)).toEqual([true, false]);
  });

  it("take what is asked for and no more where the file is read elsewhere than before", () => {
    const memory = guest();
    open(memory);
    call(memory, 0, 1, 200, 2);
    expect(call(memory, 100, 16, 200, 17)).toEqual([18]);
    expect(call(memory, 50, 1, 200, 1)).toEqual([2]);
  });

  it("take the last page by itself if the file does not fill it", () => {
    const memory = guest();
    open(memory);
    expect(call(memory, 0, 1, 3, 2)).toEqual([3]);
    expect(call(memory, 3, 1, 3, 1)).toEqual([1]);
  });

  it("begin anew when the file is opened, and know nothing of another process that has it open", () => {
    const [alone, together] = [guest(), guest()];
    for (const memory of [alone, together]) open(memory);
    together.cache.calls.open(1, 0, 0, 0);
    const read = (memory: GuestMemory): number[] => [0, 1, 4, 11].flatMap((page) => call(memory, page, 1, 200, 2));
    expect(read(alone)).toEqual([4, 7, 13, 25]);
    const turns = [0, 1, 4, 11].map((page) => [
      call(together, page, 1, 200, 2),
      call(together, 150 + page, 1, 200, 2, 1),
    ]);
    expect(turns.flatMap(([mine]) => mine)).toEqual([4, 7, 13, 25]);
    open(alone);
    expect(call(alone, 100, 1, 200, 2)).toEqual([3]);
  });

  it("remember of each open file where it was, however many others are read in between", () => {
    const memory = guest();
    open(memory);
    expect(call(memory, 0, 1, 200, 2)).toEqual([4]);
    for (let process = 1; process <= 1000; process++) {
      memory.cache.calls.open(process, 0, 150, 0);
      call(memory, 150, 1, 1, 1, process);
    }
    expect(call(memory, 1, 1, 200, 2)).toEqual([7]);
  });

  it("leave out the page that says where the others are, which is read before those and without any of them, unless it is there", () => {
    const [there, missing] = [guest(), guest()];
    there.cache.read(12);
    there.requests.clear();
    for (const memory of [there, missing]) open(memory, 12);
    // Pages 0 to 3, 4 to 10; of the 13 behind these one lies before page 12 of the file set, and 12 behind it.
    const reads = [there, missing].map((memory) => [0, 1, 4].flatMap((page) => call(memory, page, 1, 200, 2)));
    expect(reads).toEqual([
      [4, 7, 1, 12],
      [4, 7, 2, 12],
    ]);
    for (const memory of [there, missing]) {
      expect([11, 12, 13, 24, 25].map((page) => memory.cache.ppnOf(page) >= 0)).toEqual([
        true,
        true,
        true,
        true,
        false,
      ]);
    }
  });

  it.each([
    { first: 10, done: [false, false, true, true, true] },
    { first: 12, done: [false, false, false, true, true] },
  ])(
    "are done with 3 pages before the window of 3, as far as the file goes, which begins with $first",
    ({ first, done }) => {
      const memory = guest();
      const behind = [9, 10, 11, 12, 13];
      for (const page of [...behind, ...behind]) memory.cache.read(page);
      memory.cache.calls.open(0, 0, first, 0);
      call(memory, 14, 1, 40 + 14 - first, 2);
      const { replacement } = memory.pages;
      expect(behind.map((page) => !replacement.isKnownUsed(memory.cache.ppnOf(page)))).toEqual(done);
    },
  );
});

it("takes a page for the heads of buffers with each 40 pages of files that are in memory at a time, and keeps it", () => {
  const memory = guest();
  const kernel = memory.pages.kernel;
  for (let page = 0; page < 100; page++) memory.cache.read(page);
  expect(memory.pages.kernel).toBe(kernel + 3);
  memory.cache.delete(0, 100);
  for (let page = 0; page < 90; page++) memory.cache.write(page, page, false, 0);
  expect(memory.pages.kernel).toBe(kernel + 3);
  for (let page = 90; page < 121; page++) memory.cache.write(page, page, false, 0);
  expect(memory.pages.kernel).toBe(kernel + 4);
});

it("a block that is written over in part is read before, unless it is in the cache", () => {
  const memory = guest();
  memory.cache.write(5, 1, false, 0);
  memory.cache.write(5, 2, false, 0, true);
  memory.cache.write(6, 3, false, 0, true);
  memory.cache.write(7, 4, false, 0);
  expect(readSince(memory)).toEqual([1]);
  expect([5, 6, 7].map((page) => memory.cache.read(page))).toEqual([2, 3, 4]);
});
