import { describe, expect, it } from "vitest";
import { cause } from "../../src/core/ledger.ts";
import { RandomStream } from "../../src/core/random.ts";
import { primitiveCost } from "../../src/machine/profile.ts";
import { ColdPages } from "../../src/vmm/allocation/cold-pages.ts";
import { isSwapped, type VmMemory } from "../../src/vmm/host-memory/vm-memory.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { buildHost, checkFrames, profile } from "../host/fixtures.ts";

const MAP = primitiveCost(profile, "page.map");
/** Samples of a second. */
const PARTS = 200;
const range = (from: number, to: number): readonly number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** A host whose VMs have these many pages, all of them written, and its pages' ages watched from now on. */
function watched(seed: number, ...sizes: readonly number[]) {
  const { memory } = buildHost(kvm, 2 * sizes.reduce((sum, pages) => sum + pages, 0));
  const vms = sizes.map((pages) => memory.addVm(pages));
  for (const vm of vms) for (let ppn = 0; ppn < vm.pages; ppn++) memory.write(vm, ppn, 1 + vm.firstPage + ppn);
  const cold = new ColdPages(memory, new RandomStream(seed, "test"), MAP);
  cold.watch(true, 0);
  let nowUs = 0;
  /** In every 5 ms the guests use these pages, or in every one of the 200 of a second its own. */
  const run = (seconds: number, used: (vm: VmMemory, part: number) => readonly number[]): void => {
    const pages = vms.map((vm) => range(0, PARTS).map((part) => used(vm, part)));
    for (const end = nowUs + seconds * 1e6; nowUs < end; ) {
      const part = Math.round(nowUs / 5000) % PARTS;
      vms.forEach((vm, i) => pages[i][part].forEach((ppn) => memory.touch(vm, ppn)));
      nowUs += 5000;
      cold.advance(nowUs);
    }
  };
  return { memory, vms, cold, run };
}

const outOf = ({ backing }: VmMemory): readonly number[] =>
  Array.from(backing.keys()).filter((ppn) => isSwapped(backing[ppn]));

/** The others use all of their pages all the time. */
const firstIsIdle = ({ index, pages }: VmMemory) => (index === 0 ? [] : range(0, pages));
/** Each page is used once a second, at its own time: nothing is cold. */
const onceASecond = ({ pages }: VmMemory, part: number) => range(0, pages).filter((ppn) => ppn % PARTS === part);

describe("cold pages", () => {
  it("are those of a VM that has not been used for two minutes, and not before", () => {
    const { cold, run, vms } = watched(1, 300, 200);
    run(119.9, firstIsIdle);
    expect(vms.map((vm) => cold.count(vm))).toEqual([0, 0]);
    run(0.1, firstIsIdle);
    expect(vms.map((vm) => cold.count(vm))).toEqual([300, 0]);
    run(0.1, (vm) => range(0, vm.pages));
    expect(vms.map((vm) => cold.count(vm))).toEqual([0, 0]);
  });

  it("are found where what is used and what is not lies in one piece", () => {
    // The only regions that stay as they are have pages of one kind: within seconds their bounds are where the kinds meet.
    for (const seed of range(1, 6)) {
      const { cold, run, vms } = watched(seed, 500);
      run(130, () => range(200, 500));
      expect(cold.count(vms[0])).toBe(200);
    }
  });

  it("go out from the oldest regions first, and what is begun is finished", () => {
    const { memory, cold, run, vms } = watched(2, 50);
    const [vm] = vms;
    run(30, () => [...range(0, 20), ...range(30, 50)]);
    run(130, () => range(10, 20).concat(range(30, 50)));
    expect(cold.count(vm)).toBe(20);
    cold.pageOut(vm, 12, Infinity);
    const old = range(20, 30);
    expect(outOf(vm).filter((ppn) => old.includes(ppn))).toEqual(old);
    expect(outOf(vm)).toHaveLength(12);
    // Three pages where there is time for two and a half.
    cold.pageOut(vm, 8, 2.5 * MAP);
    expect(outOf(vm)).toHaveLength(15);
    expect(outOf(vm).every((ppn) => ppn < 10 || old.includes(ppn))).toBe(true);
    checkFrames(memory);
  });

  it("are not taken again from a region before it has been cold for as long again", () => {
    const { cold, run, memory, vms } = watched(1, 100);
    run(125, () => []);
    cold.pageOut(vms[0], 100, Infinity);
    for (let ppn = 0; ppn < 100; ppn++) memory.touch(vms[0], ppn);
    run(119, () => []);
    expect(cold.count(vms[0])).toBe(0);
    run(2, () => []);
    expect(cold.count(vms[0])).toBe(100);
  });
});

describe("what regions get wrong", () => {
  it("pages that are used once a second go out, where others are used all the time", () => {
    // Changes of up to two accesses of 20 are none, and a sample of 5 ms finds one page of 200 used: few regions begin anew.
    for (const seed of range(1, 4)) {
      const { cold, run, vms } = watched(seed, 2000, 2000);
      run(150, (vm, part) => (vm.index === 0 ? onceASecond(vm, part) : range(0, vm.pages)));
      const count = cold.count(vms[0]);
      expect(count).toBeGreaterThan(0);
      cold.pageOut(vms[0], 2000, Infinity);
      expect(outOf(vms[0])).toHaveLength(count);
      expect(cold.count(vms[1])).toBe(0);
    }
  });

  it("pages that nobody uses stay, where others of their region are used now and then", () => {
    const { cold, run, vms } = watched(1, 2000);
    // Every tenth page, once a second: the other 1800 are cold.
    run(150, (vm, part) =>
      onceASecond(vm, part)
        .map((ppn) => 10 * ppn)
        .filter((ppn) => ppn < 2000),
    );
    // One access is a change, where nothing is used more: less than half of them is found.
    expect(cold.count(vms[0])).toBeLessThan(900);
  });
});

describe("a sample", () => {
  it("finds a page in use as often as pages in use are drawn", () => {
    // Of each of the ten regions of 100 pages 30 are in use: in an interval 20 x 0.3 = 6 accesses, with a variance of 4.2.
    const used = range(0, 10).flatMap((region) => range(100 * region, 100 * region + 30));
    const sums = range(1, 41).map((seed) => {
      const { cold, run } = watched(seed, 1000);
      run(0.095, () => used);
      return cold.regions.reduce((sum, { count }) => sum + count, 0);
    });
    // 19 samples have been looked at: 40 x 10 x 19 draws.
    const draws = 40 * 10 * 19;
    const found = sums.reduce((sum, count) => sum + count, 0);
    expect(Math.abs(found - 0.3 * draws)).toBeLessThan(4 * Math.sqrt(0.3 * 0.7 * draws));
  });

  it("is paid for by whoever takes it, one for each region every 5 ms, and only while somebody watches", () => {
    const { memory, cold, run } = watched(1, 1000);
    let expected = 10;
    const sample = cause("vmm.memory.access-sample");
    const paid = (): number => memory.payer.cyclesOf(sample) / MAP;
    expect(paid()).toBe(expected);
    for (let tick = 0; tick < 60; tick++) {
      run(0.005, () => []);
      expected += cold.regions.length;
    }
    expect(paid()).toBe(expected);
    cold.watch(false, 0.3e6);
    run(1, () => []);
    expect(paid()).toBe(expected);
    expect(memory.vms[0].marks.any(0)).toBe(false);
  });

  it("of a VM that has come later is taken, too", () => {
    const { memory, cold, run } = watched(1, 1000);
    run(1, () => []);
    const late = memory.addVm(500);
    run(0.005, () => []);
    expect(cold.regions.filter(({ space }) => space === late.index).length).toBeGreaterThan(0);
  });
});
