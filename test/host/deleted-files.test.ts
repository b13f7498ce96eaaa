/** Dirty pages of files at host resolution, and what becomes of those of deleted files. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PlainMemory } from "../../src/analysis/validation/balloon/plain-memory.ts";
import { DiskRequestKind } from "../../src/guest/disk-requests.ts";
import { GuestMemory } from "../../src/guest/memory-manager.ts";
import { ContentIds } from "../../src/machine/content-ids.ts";
import type { GuestShape } from "../../src/workload/compiled-workload.ts";

const SHAPE: GuestShape = {
  memoryPages: 1024,
  kernelPages: 24,
  processes: 1,
  anonymousPages: 0,
  residentAnonymousPages: 0,
  filePages: 3000,
  residentFilePages: 0,
  swapPages: 0,
  threads: 1,
};

function boot(kernel: "linux-2.4" | "linux-6.1"): GuestMemory {
  const memory = new GuestMemory(SHAPE, new PlainMemory(SHAPE.memoryPages), new ContentIds(), kernel);
  memory.boot(SHAPE, new Uint32Array(SHAPE.memoryPages));
  return memory;
}

/** Pages written to the disk since the last call, in order. */
function written({ requests }: GuestMemory): number[] {
  const pages: number[] = [];
  for (let i = 0; i < requests.length; i++) {
    if (requests.kind(i) !== DiskRequestKind.FileWrite) continue;
    for (let page = 0; page < requests.pages(i); page++) pages.push(requests.first(i) + page);
  }
  requests.clear();
  return pages;
}

function dirtyPages({ cache }: GuestMemory): number[] {
  return Array.from({ length: SHAPE.filePages }, (_, page) => page).filter((page) => cache.isDirty(page));
}

const step = fc.record({
  kind: fc.constantFrom("write", "write", "read", "delete", "age", "oldest"),
  first: fc.nat({ max: SHAPE.filePages - 64 }),
  pages: fc.integer({ min: 1, max: 64 }),
});

describe.each(["linux-2.4", "linux-6.1"] as const)("dirty pages of %s", (kernel) => {
  it("are those written since they last went to the disk or were deleted, whatever happens", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const memory = boot(kernel);
        const dirty = new Set<number>();
        steps.forEach(({ kind, first, pages }, now) => {
          const run = Array.from({ length: pages }, (_, i) => first + i);
          for (const page of run) {
            if (kind === "write") dirty.add(page);
            if (kind === "write") memory.cache.write(page, 1000 * now + page + 1, false, now);
            if (kind === "read") memory.cache.read(page);
            if (kind === "delete") memory.cache.delete(page, 1);
            if (kind === "delete") dirty.delete(page);
            // A page that is evicted for another one of the run may be written twice.
            for (const gone of written(memory)) expect(dirty.delete(gone)).toBe(true);
          }
          if (kind === "age") memory.cache.writeBack(now - 20);
          if (kind === "oldest") memory.cache.writeOldest();
          for (const gone of written(memory)) expect(dirty.delete(gone)).toBe(true);
        });
        expect(dirtyPages(memory)).toEqual([...dirty].sort((a, b) => a - b));
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  it("keep what was written until it is read, and nothing of a deleted file", () => {
    const memory = boot(kernel);
    for (let page = 0; page < 2000; page++) memory.cache.write(page, page + 1, false, 0);
    expect(memory.cache.read(7)).toBe(8);
    memory.cache.delete(7, 1);
    memory.cache.delete(1999, 1);
    expect(memory.cache.isDirty(1999)).toBe(false);
    const free = memory.pages.freePages;
    memory.cache.delete(1999, 1);
    expect(memory.pages.freePages).toBe(free);
    for (const page of [7, 1999]) expect(memory.cache.read(page)).not.toBe(page + 1);
  });
});
