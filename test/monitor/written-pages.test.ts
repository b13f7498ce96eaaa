/** Pages of files that are written for the first time and again, at monitor resolution. */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import type { KernelPathName } from "../../src/guest/kernel-paths.ts";
import { bootGuest } from "../../src/sim/monitor.ts";
import { native } from "../../src/vmm/native.ts";
import { OperationStreamBuilder, Write } from "../../src/workload/operation-stream.ts";
import { SMALL_GUEST, XEON } from "./machines.ts";

const FILES = 64;
const RESIDENT = 16;
const PATHS = [
  "write-file-page",
  "rewrite-file-page",
  "release-file-page",
] as const satisfies readonly KernelPathName[];

/** A guest whose memory all of its files fit in, and how often it has run each of {@link PATHS}. */
function boot() {
  const shape = { ...SMALL_GUEST, filePages: FILES, residentFilePages: RESIDENT };
  const stream = new OperationStreamBuilder().finish();
  const { kernel, machine } = bootGuest(native, XEON, {
    name: "test",
    guest: shape,
    stream,
    durationUs: 0,
    warmupUs: 0,
  });
  const runs = new Map<string, number>(PATHS.map((path) => [path, 0]));
  const { runKernel } = machine.cpu;
  machine.cpu.runKernel = (path, times) => {
    const before = runs.get(path.name);
    if (before !== undefined) runs.set(path.name, before + times);
    runKernel.call(machine.cpu, path, times);
  };
  return { kernel, runs };
}

const step = fc.record({
  kind: fc.constantFrom("read", "delete", ...Object.values(Write)),
  start: fc.nat({ max: FILES - 9 }),
  pages: fc.integer({ min: 1, max: 8 }),
});

it("are new unless they are in memory, or a part of them is left as it was; a file made anew releases what it had", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { kernel, runs } = boot();
      const cached = new Set(Array.from({ length: RESIDENT }, (_, page) => page));
      const expected = { "write-file-page": 0, "rewrite-file-page": 0, "release-file-page": 0 };
      for (const { kind, start, pages } of steps) {
        const run = Array.from({ length: pages }, (_, i) => start + i);
        if (kind === "read") kernel.files.read(start, pages);
        else if (kind === "delete") kernel.files.delete(start, pages);
        else kernel.files.write(start, pages, kind as number);
        if (kind === "delete") expected["release-file-page"] += pages;
        const anew = kind === Write.New || kind === Write.NewSync;
        if (anew) expected["release-file-page"] += run.filter((page) => cached.has(page)).length;
        if (kind === "delete" || anew) for (const page of run) cached.delete(page);
        if (kind === "delete") continue;
        const inPart = kind === Write.InPart || kind === Write.InPartToEnd;
        const again = run.filter((page) => inPart || cached.has(page)).length;
        if (kind !== "read") expected["rewrite-file-page"] += again;
        if (kind !== "read") expected["write-file-page"] += pages - again;
        for (const page of run) cached.add(page);
      }
      expect(Object.fromEntries(runs)).toEqual(expected);
    }),
    { seed: 1, numRuns: 100 },
  );
});

it("leave a file made anew as long as it was in memory, and all of it to be written", () => {
  const { kernel } = boot();
  const free = kernel.frames.free.length;
  kernel.files.write(0, 8, Write.New);
  expect(kernel.frames.free.length).toBe(free);
  expect(Array.from({ length: 9 }, (_, page) => kernel.files.isDirty(page))).toEqual([
    ...Array<boolean>(8).fill(true),
    false,
  ]);
  kernel.files.write(0, 8, Write.NewSync);
  expect(kernel.files.cache.nextDirty(0)).toBe(-1);
});
