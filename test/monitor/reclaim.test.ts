/** Where the monitor's guests get frames from when memory runs short, and that none is lost. */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { PageUse } from "../../src/guest/guest-pages.ts";
import { PROGRAM_PRIVATE_PAGES, PROGRAM_TEXT_PAGES } from "../../src/guest/program-image.ts";
import { Meter } from "../../src/machine/meter.ts";
import { GuestKernel } from "../../src/guest/kernel.ts";
import { buildMachine } from "../../src/sim/monitor-machine.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { native } from "../../src/vmm/native.ts";
import type { GuestShape } from "../../src/workload/compiled-workload.ts";
import { SMALL_GUEST, VMMS, XEON } from "./machines.ts";

/** 16 MiB; pages_min is 4096 / 128 = 32 there, pages_low 64 and pages_high 96 (Linux 2.4). */
const MEMORY = 4096;
const HIGH = 96;
/** vm.pagecache min_percent = 2 (Linux 2.4). */
const CACHE_FLOOR = Math.ceil(MEMORY * 0.02);

function boot(vmm: Vmm, shape: Partial<GuestShape>): GuestKernel {
  const guest = { ...SMALL_GUEST, memoryPages: MEMORY, filePages: 3 * MEMORY, ...shape };
  return new GuestKernel(buildMachine(vmm, XEON, guest.memoryPages, new Meter()), XEON, guest);
}

/** Writes pages of the current process and returns how many of them led to a page fault. */
function touch(kernel: GuestKernel, first: number, pages: number): number {
  let faults = 0;
  kernel.onFault = (begins) => {
    if (begins) faults++;
  };
  for (let page = first; page < first + pages; page++) kernel.touch(page, true, 0);
  return faults;
}

it("drops page cache and no process's memory for a scan of files three times as large as memory", () => {
  const kernel = boot(native, { anonymousPages: 1000 });
  touch(kernel, 0, 1000);
  kernel.files.read(0, 3 * MEMORY);
  expect(touch(kernel, 0, 1000)).toBe(0);
  expect(kernel.frames.free.length).toBeLessThanOrEqual(HIGH);
  expect(kernel.frames.replacement.cached.length).toBeGreaterThan(MEMORY - 1000 - 400);
});

it("keeps what a process uses all the time when another's memory goes to swap", () => {
  const kernel = boot(native, { anonymousPages: 20_000, swapPages: 40_000 });
  let faults = 0;
  for (let first = 1000; first < 3 * MEMORY; first += 100) {
    touch(kernel, first, 100);
    // Every page looks used when reclaim begins, so that it may err then.
    if (first > 1000 + 1.5 * MEMORY) faults += touch(kernel, 0, 100);
    else touch(kernel, 0, 100);
  }
  expect(faults).toBe(0);
  expect(kernel.frames.replacement.cached.length).toBeLessThanOrEqual(CACHE_FLOOR);
});

it("says when the guest is out of memory and swap", () => {
  const kernel = boot(native, { anonymousPages: 20_000, swapPages: 10 });
  expect(() => touch(kernel, 0, 20_000)).toThrow(
    "of its 16MiB no page can be dropped or swapped out any more (swap: 40KiB)",
  );
});

const step = fc.record({
  kind: fc.constantFrom("write", "write", "fork", "exit", "switch", "map-file"),
  page: fc.nat({ max: 3000 }),
});

it.each(VMMS.map((vmm) => ({ name: vmm.name, vmm })))("loses no frame and no reference on $name", ({ vmm }) => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 60, size: "max" }), fc.boolean(), (steps, tight) => {
      const kernel = boot(vmm, { memoryPages: tight ? 270 : 2048, filePages: 256, residentFilePages: 4 });
      let forks = 0;
      for (const { kind, page } of steps) {
        if (kind === "write") kernel.touch(page, true, 0);
        else if (kind === "fork" && forks < 2) {
          kernel.fork();
          forks++;
        } else if (kind === "exit" && forks > 0) {
          kernel.exit();
          forks--;
        } else if (kind === "map-file") {
          kernel.map(4096, 8, true);
          kernel.touch(4096 + (page % 8), page % 2 === 0, 0);
        } else if (kind === "switch" && forks === 0) kernel.switchTo(page);
      }
      for (; forks > 0; forks--) kernel.exit();
      for (const service of [0, 1]) {
        kernel.switchTo(service);
        kernel.unmap(0, 8192);
      }
      const { frames } = kernel;
      const images = 2 * PROGRAM_PRIVATE_PAGES;
      if (tight) expect(frames.replacement.anonymous.length).toBeLessThanOrEqual(images);
      else expect(frames.replacement.anonymous.length).toBe(images);
      expect(
        frames.free.length + frames.kernel + frames.replacement.cached.length + frames.replacement.anonymous.length,
      ).toBe(frames.total);
      for (let frame = 0; frame < frames.total; frame++) {
        // Program text is also mapped by both processes; all else is the kernel's, one process's, or the cache's alone.
        const references = frame < PROGRAM_TEXT_PAGES ? 3 : 1;
        if (frames.use(frame) === PageUse.Free) expect(frame).toBeGreaterThanOrEqual(SMALL_GUEST.kernelPages);
        else expect(frames.references(frame)).toBe(references);
      }
    }),
    { numRuns: 30 },
  );
});
