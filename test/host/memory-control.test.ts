import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jainIndex } from "../../src/core/jain-index.ts";
import { bootContents } from "../../src/guest/memory-manager.ts";
import { AllocationDynamics } from "../../src/sim/allocation-dynamics.ts";
import { entitlements, MemoryFairness } from "../../src/sim/memory-fairness.ts";
import { Reversals } from "../../src/sim/reversals.ts";
import type { Parameters } from "../../src/vmm/contract.ts";
import { esx } from "../../src/vmm/esx.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { ballooning } from "../../src/vmm/memory/ballooning.ts";
import { hostSwap } from "../../src/vmm/memory/host-swap.ts";
import { definePolicy } from "../../src/vmm/memory/policies/define-policy.ts";
import { addGuest, buildHost, SCRIPTED, SHAPE } from "./fixtures.ts";

const reversals = (values: readonly number[], band: number): number => {
  const counter = new Reversals(band);
  for (const value of values) counter.add(value);
  return counter.count;
};

describe("changes of direction", () => {
  it("are counted by hand", () => {
    // Up, down, up, down: three turns after the first way.
    expect(reversals([0, 10, 0, 10, 0], 5)).toBe(3);
    expect(reversals([10, 0, 10], 5)).toBe(1);
    // One way in steps is no turn, nor are swings below the band.
    expect(reversals([0, 3, 6, 9, 12, 15], 5)).toBe(0);
    expect(reversals([10, 14, 10, 14, 10], 5)).toBe(0);
    // A dip of 4 on the way up is none; the way down from 20 to 12 is one.
    expect(reversals([0, 8, 4, 20, 16, 12], 5)).toBe(1);
    expect(reversals([], 5)).toBe(0);
  });

  it("are the changes of sign of the steps where every step is a band", () => {
    const steps = fc.array(fc.constantFrom(-1, 1), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 50 }), (signs, band) => {
        const values = [0];
        for (const sign of signs) values.push(values[values.length - 1] + sign * band);
        expect(reversals(values, band)).toBe(signs.filter((sign, i) => i > 0 && sign !== signs[i - 1]).length);
      }),
    );
  });

  it("are the same upside down, and no more with a wider band", () => {
    const walk = fc.array(fc.integer({ min: -30, max: 30 }), { maxLength: 80 });
    fc.assert(
      fc.property(walk, fc.integer({ min: 1, max: 20 }), (values, band) => {
        const upright = reversals(values, band);
        expect(
          reversals(
            values.map((value) => -value),
            band,
          ),
        ).toBe(upright);
        expect(reversals(values, band + 1)).toBeLessThanOrEqual(upright);
      }),
    );
  });
});

/** One VM of 96 pages whose size is set to these at the beginning of each second. */
function follow(sizes: readonly number[], pagesPerSecond: number): Record<string, number> {
  const part = definePolicy<Parameters, number>({
    ...SCRIPTED,
    name: "scripted",
    decide: (_, __, call) => ({
      state: call + 1,
      actions: [{ kind: "target", vm: "vm0", kib: 4 * sizes[call], rule: "as told" }],
    }),
  });
  const memory = [ballooning({ pagesPerSecond })];
  const host = buildHost({ ...kvm, memory, allocation: part({ minimumPercent: 50 }) }, 400);
  addGuest(host, SHAPE, bootContents(SHAPE, host.ids), SHAPE.memoryPages);
  const dynamics = new AllocationDynamics(host.memory);
  for (let second = 0; second < sizes.length; second++) {
    host.allocation.rebalance(second * 1e6);
    for (let step = 0; step < 10; step++) host.mechanisms[0].work();
    dynamics.sample();
  }
  return dynamics.metrics;
}

describe("a policy of known behaviour", () => {
  it("that swings between two sizes turns at each of them", () => {
    // 70, 96, 70, 96, 70, 96: the first way is down from 96, but nobody has looked before it; then five ways, four turns.
    const swinging = follow([70, 96, 70, 96, 70, 96], 1000);
    expect(swinging).toEqual({ memory_reversals_per_vm_hour: (4 * 3600) / 6 });
  });

  it("that goes straight to its goal does not turn, and is there when the balloon has moved so many pages", () => {
    // 26 pages at 10 a second: 16, 6 and 0 missing, and less than 4.8 is near enough; then back again, the same.
    const straight = follow([70, 70, 70, 70, 96, 96, 96, 96], 10);
    expect(straight).toEqual({ memory_reversals_per_vm_hour: 3600 / 8, time_to_target_s: 2 });
  });

  it("that asks for the least is at the minimum for as long", () => {
    const least = follow([96, 48, 48, 96], 1000);
    expect(least).toMatchObject({ time_at_minimum_percent: 50 });
  });
});

const vmOf = (mapped: number, ballooned: number) => {
  const vm = buildHost(esx, 200).memory.addVm(100);
  Object.assign(vm, { mapped, ballooned });
  return vm;
};

describe("a VM's distance from its target", () => {
  it("is what its balloon lacks, or holds too much", () => {
    // 70 of 100 pages in use, 20 in the balloon: for a target of 60 it lacks 10; for one of 85 it holds 15 too many.
    expect(Object.assign(vmOf(70, 20), { target: 60 }).offTarget).toBe(10);
    expect(Object.assign(vmOf(70, 20), { target: 85 }).offTarget).toBe(15);
    // It need not use what it may have.
    expect(Object.assign(vmOf(70, 0), { target: 85 }).offTarget).toBe(0);
    // A size counts what is not in the balloon, whether in use or not.
    expect(Object.assign(vmOf(50, 20), { size: 75 }).offTarget).toBe(5);
  });

  it("does not count while nobody holds it to that", () => {
    expect(Object.assign(vmOf(70, 20), { target: 60, heldToTarget: false }).offTarget).toBe(0);
    expect(Object.assign(vmOf(70, 20), { target: 85, heldToTarget: false }).offTarget).toBe(15);
  });
});

describe("Jain's index", () => {
  it("is worked by hand", () => {
    expect(jainIndex([7, 7, 7, 7])).toBe(1);
    expect(jainIndex([1, 0, 0, 0])).toBe(0.25);
    // (4 + 3 + 1)^2 / (3 (16 + 9 + 1))
    expect(jainIndex([4, 3, 1])).toBeCloseTo(64 / 78, 12);
    expect(jainIndex([0, 0])).toBe(1);
  });

  it("lies between 1/n and 1, whatever the unit", () => {
    const shares = fc.array(fc.integer({ min: 0, max: 1e6 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(shares, fc.integer({ min: 1, max: 1000 }), (of, unit) => {
        const index = jainIndex(of);
        expect(index).toBeGreaterThanOrEqual(1 / of.length - 1e-12);
        expect(index).toBeLessThanOrEqual(1 + 1e-12);
        expect(jainIndex(of.map((share) => share * unit))).toBeCloseTo(index, 10);
      }),
    );
  });
});

describe("entitlement", () => {
  it("is what shares give, and the error what VMs have besides, by hand", () => {
    const host = buildHost(esx, 100);
    const [few, many] = [1, 3].map((shares) => host.memory.addVm(100, { shares }));
    for (let ppn = 0; ppn < 60; ppn++) host.memory.write(few, ppn, ppn + 2);
    for (let ppn = 0; ppn < 40; ppn++) host.memory.write(many, ppn, ppn + 200);
    const { free } = host.memory.frames;
    expect(free).toBe(0);
    // Nobody wants more than it has: nobody is owed any.
    expect(entitlements([few, many], 0)).toEqual([60, 40]);
    // Forty pages more are in the other one's balloon: 25 and 75 of 100 pages.
    many.ballooned = 40;
    expect(entitlements([few, many], 0)).toEqual([25, 75]);
    const fairness = new MemoryFairness(host.memory);
    fairness.sample();
    const parts = [60 / 25, 40 / 75];
    expect(fairness.metrics.entitlement_error_percent).toBeCloseTo(50 * (parts[0] - 1 + 1 - parts[1]), 10);
    expect(fairness.metrics.jain_memory).toBeCloseTo(
      (parts[0] + parts[1]) ** 2 / (2 * (parts[0] ** 2 + parts[1] ** 2)),
      10,
    );
  });
});

describe("entitlement with pages of swap devices that the VMM keeps", () => {
  it("counts these as memory of the VM: who has a third of its memory there has no less than its neighbour", () => {
    const host = buildHost(esx, 100);
    const [few, many] = [1, 3].map((shares) => host.memory.addVm(100, { shares }));
    const { frames } = host.memory;
    for (let ppn = 0; ppn < 40; ppn++) host.memory.write(few, ppn, ppn + 2);
    for (let ppn = 0; ppn < 40; ppn++) host.memory.write(many, ppn, ppn + 200);
    for (let page = 0; page < 20; page++) frames.takeForVmm();
    few.frontswapFrames = 20;
    expect(frames.free).toBe(0);
    // Forty pages are in the other one's balloon; 100 frames in all, for one share and for three.
    many.ballooned = 40;
    expect(entitlements([few, many], 0)).toEqual([25, 75]);
    const fairness = new MemoryFairness(host.memory);
    fairness.sample();
    const parts = [(40 + 20) / 25, 40 / 75];
    expect(fairness.metrics.entitlement_error_percent).toBeCloseTo(50 * (parts[0] - 1 + 1 - parts[1]), 10);
  });
});

describe("double paging", () => {
  it("is every page that the host reads for a guest that only writes it to its own disk", () => {
    const host = buildHost({ ...esx, memory: [ballooning(), hostSwap()] }, 200);
    const guest = addGuest(host, SHAPE, bootContents(SHAPE, host.ids), SHAPE.memoryPages);
    const [vm] = host.memory.vms;
    for (let page = 0; page < 60; page++) guest.anonymous.write(page, 1000 + page);
    host.mechanisms.find(({ name }) => name === "host-swap")?.reclaim(vm, 50);
    const { swapIns } = host.memory;
    // The balloon makes the guest swap: nobody reads a page but to write it to the guest's disk.
    guest.balloon.poll(50, 50);
    expect(guest.anonymous.swapOuts).toBeGreaterThan(0);
    expect(host.memory.doublePagedOuts).toBeGreaterThan(0);
    expect(host.memory.swapIns - swapIns).toBe(host.memory.doublePagedOuts);
    expect(host.memory.doublePagedIns).toBe(0);
  });

  it("is every page that the host reads before a guest overwrites it from its own disk", () => {
    const host = buildHost({ ...esx, memory: [ballooning(), hostSwap()] }, 200);
    const guest = addGuest(host, SHAPE, bootContents(SHAPE, host.ids), SHAPE.memoryPages);
    const { memory } = host;
    const [vm] = memory.vms;
    for (let page = 0; page < 60; page++) guest.anonymous.write(page, 1000 + page);
    guest.balloon.poll(40, 40);
    guest.balloon.poll(0, 40);
    // Pages that the guest has freed still have a place with the host, which cannot know that they are free.
    for (let page = 50; page < 60; page++) guest.anonymous.discard(page);
    for (const ppn of vm.backing.keys()) if (vm.backing[ppn] >= 0) memory.pageOut(vm, ppn);
    for (let page = 0; page < 50; page++) {
      const before = [guest.anonymous.swapIns, memory.swapIns, memory.doublePagedIns];
      expect(guest.anonymous.read(page)).toBe(1000 + page);
      const [byGuest, byHost, twice] = [guest.anonymous.swapIns, memory.swapIns, memory.doublePagedIns].map(
        (now, i) => now - before[i],
      );
      expect(twice).toBe(byGuest > 0 ? byHost : 0);
    }
    expect(memory.doublePagedIns).toBeGreaterThan(0);
    expect(memory.doublePagedIns).toBeLessThan(memory.swapIns);
  });
});
