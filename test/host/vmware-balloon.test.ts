import { describe, expect, it } from "vitest";
import { bootContents } from "../../src/guest/memory-manager.ts";
import { watermarks } from "../../src/guest/watermarks.ts";
import { esx } from "../../src/vmm/esx.ts";
import { vmwareBalloon, type VmwareBalloonParameters } from "../../src/vmm/memory/vmware-balloon.ts";
import type { BalloonStep, VmMemory } from "../../src/vmm/host-memory/vm-memory.ts";
import type { GuestShape } from "../../src/workload/compiled-workload.ts";
import { primitiveCost } from "../../src/machine/profile.ts";
import { runHost } from "../../src/sim/host.ts";
import { OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { addGuest, buildHost, checkFrames, profile, type TestHost } from "./fixtures.ts";

const PAGES = 100_000;
const SHAPE: GuestShape = {
  memoryPages: 40_000,
  kernelPages: 100,
  processes: 1,
  anonymousPages: 5000,
  residentAnonymousPages: 5000,
  filePages: 10_000,
  residentFilePages: 10_000,
  swapPages: 1000,
  threads: 1,
};

/** How the balloon changes in each of so many polls; `before`: what happens first. */
function polls({ mechanisms: [balloon], memory }: TestHost, count: number, before?: (poll: number) => void): number[] {
  return Array.from({ length: count }, (_, i) => {
    before?.(i);
    const { ballooned } = memory.vms[0];
    balloon.work();
    return memory.vms[0].ballooned - ballooned;
  });
}

interface Has {
  free: number;
  reclaimable: number;
  busy: boolean;
  /** Calls of the VMM so far. */
  calls: number;
}

/** A guest that is asked for all its memory, and has so much of it free and so much that it can reclaim. */
function guestWith(parameters: Partial<VmwareBalloonParameters> = {}): { host: TestHost; vm: VmMemory; has: Has } {
  const host = buildHost({ ...esx, memory: [vmwareBalloon({ maxPercent: 100, ...parameters })] }, PAGES);
  const vm = host.memory.addVm(PAGES);
  const has = { free: 0, reclaimable: 0, busy: false, calls: 0 };
  for (let ppn = 0; ppn < PAGES; ppn++) host.memory.write(vm, ppn, 1);
  vm.size = 0;
  vm.balloon = {
    get busy() {
      return has.busy;
    },
    poll(target: number, most: number, { reclaims = true }: BalloonStep = {}) {
      const available = has.free + (reclaims ? has.reclaimable : 0);
      const grown = Math.min(most, target - vm.ballooned, available);
      const shrunk = Math.min(most, vm.ballooned - target);
      for (let i = 0; i < grown; i++) host.memory.release(vm, vm.ballooned);
      for (let i = 0; i < shrunk; i++) host.memory.reclaim(vm, vm.ballooned - 1, false);
    },
    calls: (count) => void (has.calls += count),
  };
  return { host, vm, has };
}

describe("VMware's balloon driver", () => {
  it("takes 16,384 pages a second as long as they are free, and gives back as many", () => {
    const { host, vm, has } = guestWith();
    has.free = PAGES;
    expect(polls(host, 3)).toEqual([16_384, 16_384, 16_384]);
    vm.size = PAGES;
    expect(polls(host, 4)).toEqual([-16_384, -16_384, -16_384, 0]);
  });

  it("has the guest reclaim 2,048, half as many each time that this fails, and 512 at the least", () => {
    const { host, has } = guestWith();
    has.reclaimable = PAGES;
    expect(polls(host, 3)).toEqual([2048, 2048, 2048]);
    has.reclaimable = 0;
    expect(polls(host, 1)).toEqual([0]);
    has.reclaimable = PAGES;
    // 2,048 / 2 and 16 more for each poll of that many.
    expect(polls(host, 3)).toEqual([1024, 1040, 1056]);
    has.reclaimable = 0;
    polls(host, 5);
    has.reclaimable = PAGES;
    expect(polls(host, 3)).toEqual([512, 528, 544]);
  });

  it("is slow for four polls after the guest had no page free, and speeds up by all that it gets", () => {
    const { host, has } = guestWith();
    polls(host, 3);
    has.free = PAGES;
    // 608 pages fit 26 times in 16,384.
    expect(polls(host, 4)).toEqual([512, 528, 544, 16_384]);
    has.free = 0;
    has.reclaimable = PAGES;
    expect(polls(host, 1)).toEqual([560 + 16 * Math.floor(16_384 / 560)]);
  });

  it("does not poll while it waits for what the guest writes to its disk", () => {
    const { host, has } = guestWith();
    has.reclaimable = PAGES;
    expect(polls(host, 4, (i) => void (has.busy = i === 1 || i === 2))).toEqual([2048, 0, 0, 2048]);
  });
});

describe("calls of the VMM", () => {
  it.each([
    { pagesPerCall: 1, calls: [16_385, 2001, 1, 1001] },
    { pagesPerCall: 512, calls: [33, 5, 1, 3] },
  ])("are one for the target, and one for each $pagesPerCall pages that move", ({ pagesPerCall, calls }) => {
    const { host, vm, has } = guestWith({ pagesPerCall });
    has.free = 50_000;
    const made = [16_384, 2000, 0, -1000].map((pages) => {
      vm.size = PAGES - vm.ballooned - pages;
      const before = has.calls;
      polls(host, 1);
      return has.calls - before;
    });
    expect(made).toEqual(calls);
  });

  it("take the guest's time, at the price of an entry of the VMM's", () => {
    const stream = new OperationStreamBuilder().finish();
    const guest = { ...SHAPE, memoryPages: 20_000 };
    const outcome = (driver: GuestShape["driver"]) =>
      runHost(
        { ...esx, memory: [vmwareBalloon()] },
        profile,
        [{ name: "idle", guest: { ...guest, ...(driver && { driver }) }, stream, durationUs: 20e6, warmupUs: 0 }],
        20_000,
      ).cycles["vmm.translation.callout"] ?? 0;
    const price = primitiveCost(profile, "binary-translation.callout");
    // One a second, for the target alone.
    expect((outcome(undefined) - outcome({ fromUs: "never" })) / price).toBe(20);
  });
});

describe("VMware's balloon driver in a guest", () => {
  const FREE = 40_000 - 100 - 5000 - 10_000;
  const { minimum } = watermarks("linux-2.4", SHAPE.memoryPages);

  it("takes what is free down to the minimum watermark, then the page cache and what fits on the swap device", () => {
    const host = buildHost({ ...esx, memory: [vmwareBalloon({ maxPercent: 100 })] }, SHAPE.memoryPages);
    const guest = addGuest(host, SHAPE, bootContents(SHAPE, host.ids), 0);
    host.memory.vms[0].size = 0;
    expect(polls(host, 2)).toEqual([16_384, FREE - 16_384 - minimum]);
    expect(guest.pages.replacement.filePages).toBe(10_000);
    const [taken] = [polls(host, 12)];
    expect(taken.slice(0, 5)).toEqual([2048, 2048, 2048, 2048, 2048]);
    // Cache and swap device have given all that they had; what is left is in use.
    expect(taken.slice(6)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(guest.pages.ballooned).toBe(FREE - minimum + 10_000 + 1000);
    checkFrames(host.memory);
  });
});
