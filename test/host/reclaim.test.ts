import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Ledger } from "../../src/core/ledger.ts";
import { PendingCharges } from "../../src/core/pending-charges.ts";
import { DiskRequestKind } from "../../src/guest/disk-requests.ts";
import { bootContents } from "../../src/guest/memory-manager.ts";
import { primitiveCost } from "../../src/machine/profile.ts";
import { proportionalShares } from "../../src/vmm/allocation/proportional-shares.ts";
import { esx } from "../../src/vmm/esx.ts";
import type { HostMemory } from "../../src/vmm/host-memory/host-memory.ts";
import { ballooning } from "../../src/vmm/memory/ballooning.ts";
import { hostSwap } from "../../src/vmm/memory/host-swap.ts";
import { pageSharing } from "../../src/vmm/memory/page-sharing.ts";
import { BALLOONED, type VmMemory } from "../../src/vmm/host-memory/vm-memory.ts";
import { addGuest, buildHost, checkFrames, profile, SHAPE, type TestHost } from "./fixtures.ts";

/** Pages that every VM of a host has written, each with a content of its own. */
function fill(host: TestHost, vm: VmMemory): void {
  for (let ppn = 0; ppn < vm.pages; ppn++) host.memory.write(vm, ppn, host.ids.unique());
}

function cost(name: string): number {
  return primitiveCost(profile, name);
}

function charges(memory: HostMemory): Record<string, number> {
  const ledger = new Ledger();
  memory.payer.settle(ledger);
  return ledger.cyclesByCause();
}

describe("the balloon", () => {
  it("grows at its rate, and no further than its limit", () => {
    const host = buildHost({ ...esx, memory: [ballooning({ maxPercent: 25, pagesPerSecond: 7 })] }, 200);
    addGuest(host, SHAPE, bootContents(SHAPE, host.ids), 0);
    const sizes = Array.from({ length: 5 }, () => {
      host.mechanisms[0].work();
      return host.memory.vms[0].ballooned;
    });
    // A quarter of 96 pages.
    expect(sizes).toEqual([7, 14, 21, 24, 24]);
  });

  it("gives back the place in the host's swap space of a page that it takes", () => {
    const { memory } = buildHost({ ...esx, memory: [hostSwap()] }, 10);
    const vm = memory.addVm(10);
    for (const ppn of [1, 2]) {
      memory.write(vm, ppn, 7);
      memory.swapOut(vm, ppn);
      memory.release(vm, ppn);
    }
    expect([vm.swapped, vm.ballooned]).toEqual([0, 2]);
    expect([0, 1].map((i) => memory.requests.first(i))).toEqual([0, 0]);
  });
});

describe("host swap", () => {
  it("writes a page to the place from which it is read back", () => {
    const { memory } = buildHost({ ...esx, memory: [hostSwap()] }, 10);
    const vm = memory.addVm(10);
    [11, 12, 13].forEach((content, ppn) => memory.write(vm, ppn, content));
    for (const ppn of [2, 0, 1]) memory.swapOut(vm, ppn);
    expect([memory.requests.length, memory.requests.kind(0), memory.requests.pages(0)]).toEqual([
      1,
      DiskRequestKind.SwapWrite,
      3,
    ]);
    memory.requests.clear();
    expect([0, 1, 2].map((ppn) => memory.read(vm, ppn))).toEqual([11, 12, 13]);
    // Places 1 and 2 lie side by side: one request reads both.
    const requests = Array.from({ length: memory.requests.length }, (_, i) => i);
    expect(requests.map((i) => [memory.requests.first(i), memory.requests.pages(i)])).toEqual([
      [1, 2],
      [0, 1],
    ]);
    expect([memory.swapOuts, memory.swapIns, vm.swapped]).toEqual([3, 3, 0]);
  });

  it("takes pages from all over a VM, not those at its beginning", () => {
    const { memory, mechanisms } = buildHost({ ...esx, memory: [hostSwap()] }, 1000);
    const vm = memory.addVm(1000);
    for (let ppn = 0; ppn < 1000; ppn++) memory.write(vm, ppn, ppn);
    expect(mechanisms[0].reclaim(vm, 300)).toBe(300);
    const inHalves = [0, 500].map((from) => vm.backing.slice(from, from + 500).filter((place) => place < 0).length);
    // Binomial with 300 draws: four standard deviations are 35.
    for (const count of inHalves) expect(Math.abs(count - 150)).toBeLessThan(35);
  });

  it("shares a victim rather than writing it to disk, if there is a frame with its content", () => {
    const { memory, mechanisms } = buildHost({ ...esx, memory: [pageSharing(), hostSwap()] }, 20);
    const vm = memory.addVm(20);
    for (let ppn = 0; ppn < 20; ppn++) memory.write(vm, ppn, 5);
    for (const ppn of [0, 1]) memory.sharer?.share(vm, ppn);
    expect(mechanisms[1].reclaim(vm, 10)).toBe(10);
    expect([memory.swapOuts, memory.frames.saved]).toEqual([0, 11]);
  });

  it("finds a page that only one VM has, whenever there is one, however often it has looked before", () => {
    const PAGES = 40;
    const step = fc.record({
      what: fc.constantFrom("write", "write", "share", "balloon", "reclaim", "reclaim", "reclaim"),
      vm: fc.nat({ max: 1 }),
      ppn: fc.nat({ max: PAGES - 1 }),
      content: fc.integer({ min: 1, max: 20 }),
    });
    let foundNone = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 150 }), (steps) => {
        const { memory, mechanisms } = buildHost({ ...esx, memory: [pageSharing(), hostSwap()] }, 3 * PAGES);
        const vms = [memory.addVm(PAGES), memory.addVm(PAGES)];
        const { frames } = memory;
        const alone = (vm: VmMemory): number =>
          vm.backing.filter((place) => place >= 0 && frames.references(place) === 1).length;
        for (const vm of vms) {
          for (let ppn = 0; ppn < PAGES; ppn++) {
            memory.write(vm, ppn, 1 + (ppn % 20));
            memory.sharer?.share(vm, ppn);
          }
        }
        for (const { what, vm: index, ppn, content } of steps) {
          const vm = vms[index];
          if (what === "write" && vm.backing[ppn] !== BALLOONED) memory.write(vm, ppn, content);
          else if (what === "share" && vm.backing[ppn] >= 0) memory.sharer?.share(vm, ppn);
          else if (what === "balloon" && vm.backing[ppn] !== BALLOONED) memory.release(vm, ppn);
          else if (what === "reclaim") {
            const could = alone(vm);
            const freed = mechanisms[1].reclaim(vm, 1);
            expect(freed > 0).toBe(could > 0);
            if (freed === 0) foundNone++;
          }
          checkFrames(memory);
        }
      }),
    );
    expect(foundNone).toBeGreaterThan(100);
  });
});

/** Two VMs of 400 pages that have written all of them, on a host with `free` frames left of 1000; one has a balloon driver. */
function shortOfMemory(free: number, pageOutPagesPerSecond = 4096) {
  const memory = [ballooning(), hostSwap()];
  const host = buildHost({ ...esx, memory, allocation: proportionalShares({ pageOutPagesPerSecond }) }, 1000);
  const vms = [0, 1].map(() => host.memory.addVm(400));
  for (const vm of vms) fill(host, vm);
  vms[0].balloon = { poll: () => {} };
  while (host.memory.frames.free > free) host.memory.frames.allocate(0);
  host.allocation.rebalance(0);
  return vms.map(({ swapped, blocked, target }) => ({ swapped, blocked, target }));
}

it("an allocation that leaves less than 4 % of memory free raises the alarm", () => {
  const { memory } = buildHost({ ...esx, memory: [hostSwap()] }, 1000);
  const vm = memory.addVm(1000);
  for (let ppn = 0; ppn < 960; ppn++) memory.write(vm, ppn, 1);
  expect(memory.alarm).toBe(false);
  memory.write(vm, 960, 1);
  expect(memory.alarm).toBe(true);
});

describe("paging by the state of memory (Waldspurger 2002, section 6.3)", () => {
  // Equal shares of what they hold, so that 60 pages (6 %) become free.
  it("high: takes nothing by force", () => {
    const expected = { swapped: 0, blocked: false, target: 395 };
    expect(shortOfMemory(50)).toEqual([expected, expected]);
  });

  it("soft: leaves a VM with a balloon to its balloon", () => {
    const [ballooned, other] = shortOfMemory(30);
    expect(ballooned).toEqual({ swapped: 0, blocked: false, target: 385 });
    expect(other).toEqual({ swapped: 15, blocked: false, target: 385 });
  });

  it("hard: pages all of them down to their targets", () => {
    const expected = { swapped: 22, blocked: false, target: 378 };
    expect(shortOfMemory(16)).toEqual([expected, expected]);
  });

  it("low: stops those that are above their target until they have been paged down", () => {
    expect(shortOfMemory(6, 10)).toEqual([
      { swapped: 1, blocked: true, target: 373 },
      { swapped: 0, blocked: true, target: 373 },
    ]);
  });
});

/**
 * Targets of two VMs of 400 pages on a host of 1000 frames with 50 left, 10 short of the 60 that reclaim aims at: one reads
 * all its memory, the other has not read any for a whole period of the activity estimate.
 */
function targets(idleMemoryTax: number): readonly number[] {
  const host = buildHost({ ...esx, memory: [hostSwap()], allocation: proportionalShares({ idleMemoryTax }) }, 1000);
  const [active, idle] = [0, 1].map(() => host.memory.addVm(400));
  for (const vm of [active, idle]) fill(host, vm);
  while (host.memory.frames.free > 50) host.memory.frames.allocate(0);
  for (const second of [0, 30, 60]) {
    host.allocation.rebalance(second * 1e6);
    for (let ppn = 0; ppn < 400; ppn++) host.memory.read(active, ppn);
  }
  return [active.target, idle.target];
}

describe("the idle memory tax on a host", () => {
  it("of 0 splits what is short by shares", () => {
    expect(targets(0)).toEqual([395, 395]);
  });

  it("of 75 % takes it all from the idle VM, which pays four times as much a page", () => {
    expect(targets(0.75)).toEqual([400, 390]);
  });
});

function scanned(vms: number): { pages: number; cycles: Record<string, number> } {
  const sharing = pageSharing({ pagesPerSecondPerVm: 50, pagesPerSecond: 80 });
  const host = buildHost({ ...esx, memory: [sharing] }, 400);
  for (let i = 0; i < vms; i++) fill(host, host.memory.addVm(100));
  host.memory.payer = new PendingCharges();
  for (let tenth = 0; tenth < 10; tenth++) host.mechanisms[0].work();
  return { pages: host.memory.pagesScanned, cycles: charges(host.memory) };
}

function used({ memory }: TestHost): number {
  return memory.vms[0].mapped;
}

it("a limit holds however much memory is free: by the balloon, and without one by force", () => {
  const allocation = proportionalShares({ limitPercent: 50 });
  const ballooned = buildHost({ ...esx, memory: [ballooning(), hostSwap()], allocation }, 1000);
  const shape = { ...SHAPE, residentAnonymousPages: 40, residentFilePages: 30 };
  addGuest(ballooned, shape, bootContents(shape, ballooned.ids), 0);
  const swapped = buildHost({ ...esx, memory: [hostSwap()], allocation }, 1000);
  fill(swapped, swapped.memory.addVm(96));
  expect([used(ballooned), used(swapped)]).toEqual([78, 96]);
  for (let second = 0; second < 5; second++) {
    for (const host of [ballooned, swapped]) {
      host.allocation.rebalance(second * 1e6);
      for (const mechanism of host.mechanisms) mechanism.work();
    }
  }
  expect([used(ballooned), used(swapped)]).toEqual([48, 48]);
  expect([ballooned.memory.swapOuts, swapped.memory.swapOuts]).toEqual([0, 48]);
});

describe("the scan of page sharing", () => {
  it("keeps to its rates, for a VM and for the host, and costs a hash a page", () => {
    const hash = cost("page.hash");
    expect(scanned(1)).toEqual({ pages: 50, cycles: { "vmm.page-sharing.scan": 50 * hash } });
    expect(scanned(3)).toEqual({ pages: 80, cycles: { "vmm.page-sharing.scan": 80 * hash } });
  });

  it("replaces a hint whose page has changed, so that later pages of the old content are shared", () => {
    const { memory } = buildHost({ ...esx, memory: [pageSharing()] }, 10);
    const vm = memory.addVm(10);
    for (const ppn of [0, 1, 2]) memory.write(vm, ppn, 7);
    const share = (ppn: number): boolean => memory.sharer?.share(vm, ppn) ?? false;
    expect(share(0)).toBe(false);
    memory.write(vm, 0, 8);
    expect(share(1)).toBe(false);
    expect(share(2)).toBe(true);
    expect([vm.backing[1] === vm.backing[2], vm.backing[0] === vm.backing[2]]).toEqual([true, false]);
    expect(memory.read(vm, 0)).toBe(8);
  });

  it("costs two hashes and a comparison to share a page, and a fault with a copy to break it", () => {
    const { memory } = buildHost({ ...esx, memory: [pageSharing()] }, 10);
    const vm = memory.addVm(10);
    for (const ppn of [0, 1]) memory.write(vm, ppn, 7);
    memory.sharer?.share(vm, 0);
    memory.payer = new PendingCharges();
    memory.sharer?.share(vm, 1);
    memory.write(vm, 1, 9);
    memory.write(vm, 0, 9);
    expect(charges(memory)).toEqual({
      "vmm.page-sharing.scan": 2 * cost("page.hash"),
      "vmm.page-sharing.compare": cost("page.compare") + cost("page.map"),
      // The last one that maps the frame keeps it.
      "vmm.page-sharing.cow-break": cost("page.cow-break") + cost("page.map"),
    });
    expect([memory.frames.private, memory.frames.shared, memory.frames.saved]).toEqual([2, 0, 0]);
  });
});
