/** Reclaim by ages, as Linux 2.4.7 has it, and how far reads go ahead. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PlainMemory } from "../../src/analysis/validation/balloon/plain-memory.ts";
import { AgedReclaim } from "../../src/guest/aged-reclaim.ts";
import { DiskRequestKind } from "../../src/guest/disk-requests.ts";
import { PageUse } from "../../src/guest/guest-pages.ts";
import { kernelVersion } from "../../src/guest/kernel-version.ts";
import { GuestMemory } from "../../src/guest/memory-manager.ts";
import { ContentIds } from "../../src/machine/content-ids.ts";
import type { GuestShape } from "../../src/workload/compiled-workload.ts";

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
  const memory = new GuestMemory(SHAPE, new PlainMemory(PAGES), new ContentIds(), 0, "linux-2.4", PAGES, version);
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

describe("reads of a file", () => {
  it("go 3 pages ahead from its beginning, then 7, 13, 25 and 32 (generic_file_readahead)", () => {
    const memory = guest();
    const reads: number[] = [];
    for (let page = 0; page < 120; page++) {
      memory.cache.read(page, 200, page === 0);
      reads.push(...readSince(memory));
    }
    expect(reads.slice(0, 6)).toEqual([4, 7, 13, 25, 32, 32]);
  });

  it("end where the file does, and go nowhere if nothing is said of it", () => {
    const memory = guest();
    memory.cache.read(0, 3, true);
    memory.cache.read(50);
    expect(readSince(memory)).toEqual([3, 1]);
  });
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
