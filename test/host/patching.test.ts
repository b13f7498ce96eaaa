/** Pages kept as patches to similar ones (Gupta et al. 2008): what is saved, what it costs, and what happens to references. */
import { describe, expect, it } from "vitest";
import { Ledger } from "../../src/core/ledger.ts";
import { familyOf, patchBytes } from "../../src/machine/page-similarity.ts";
import { primitiveCost } from "../../src/machine/profile.ts";
import { proportionalShares } from "../../src/vmm/allocation/proportional-shares.ts";
import { esx } from "../../src/vmm/esx.ts";
import { compression } from "../../src/vmm/memory/compression.ts";
import { hostSwap } from "../../src/vmm/memory/host-swap.ts";
import { patching } from "../../src/vmm/memory/patching.ts";
import { isCompressed, isPatched } from "../../src/vmm/host-memory/vm-memory.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import { buildHost, checkFrames, profile, type TestHost } from "./fixtures.ts";

const FAST = { pagesPerSecond: 100_000, secondsPerPass: 0.1 };

function hostWith(pages: number, memory = [patching(FAST)]): TestHost {
  const host = buildHost({ ...xenPv, memory }, 2 * pages + 100);
  const vm = host.memory.addVm(pages);
  for (let ppn = 0; ppn < pages; ppn++) host.memory.write(vm, ppn, host.ids.unique());
  return host;
}

function passes({ mechanisms }: TestHost, count: number): void {
  for (let round = 0; round < count; round++) mechanisms[0].work();
}

describe("similarity of contents", () => {
  const contents = Array.from({ length: 195_224 }, (_, i) => i + 1);

  it("leaves as many references as the source found among as many contents", () => {
    const families = new Set(contents.map(familyOf));
    expect(Math.abs(families.size - 50_727)).toBeLessThanOrEqual(1);
  });

  it("makes patches of at most half a page, 1070 bytes on average, and none between equal contents", () => {
    const sizes = contents.map((content) => patchBytes(content, 0));
    expect(Math.max(...sizes.slice(0, 10_000))).toBeLessThanOrEqual(2048);
    expect(sizes.reduce((sum, size) => sum + size, 0) / sizes.length).toBeCloseTo(1070, -0.5);
    expect(patchBytes(7, 7)).toBe(0);
  });
});

describe("patching", () => {
  const pages = 3000;

  it("keeps one page of each family, and all others in frames filled with their patches", () => {
    const host = hostWith(pages);
    const [vm] = host.memory.vms;
    const contents = Array.from({ length: pages }, (_, ppn) => host.memory.frames.content[vm.backing[ppn]]);
    passes(host, 3);
    const families = new Map<number, number[]>();
    for (const content of contents)
      families.set(familyOf(content), [...(families.get(familyOf(content)) ?? []), content]);
    // The clock comes by in order of address: the first of a family is its reference.
    const bytes = [...families.values()].flatMap(([first, ...others]) => others.map((one) => patchBytes(one, first)));
    const frames = Math.ceil(bytes.reduce((sum, one) => sum + one, 0) / 4096);
    expect([vm.mapped, vm.patched, vm.patchFrames]).toEqual([families.size, bytes.length, frames]);
    expect(host.memory.frames.free).toBe(2 * pages + 100 - families.size - frames);
    checkFrames(host.memory);
    contents.forEach((content, ppn) => expect(host.memory.read(vm, ppn)).toBe(content));
    expect([vm.patched, vm.patchFrames]).toEqual([0, 0]);
    checkFrames(host.memory);
  });

  it("charges what the source measured for each patch, and for each page made from one", () => {
    const host = hostWith(pages);
    const [vm] = host.memory.vms;
    const ledger = new Ledger();
    host.memory.payer.settle(new Ledger());
    passes(host, 3);
    const { patched } = vm;
    for (let ppn = 0; ppn < pages; ppn++) host.memory.read(vm, ppn);
    host.memory.payer.settle(ledger);
    const cycles = ledger.cyclesByCause();
    expect(cycles["vmm.patching.patch"]).toBe(patched * primitiveCost(profile, "page.patch"));
    expect(cycles["vmm.patching.unpatch"]).toBe(patched * primitiveCost(profile, "page.unpatch"));
  });

  it("does not patch what is touched between two passes", () => {
    const host = hostWith(pages);
    const [vm] = host.memory.vms;
    const untouched = Array.from({ length: pages / 2 }, (_, i) => host.memory.frames.content[vm.backing[2 * i + 1]]);
    for (let pass = 0; pass < 4; pass++) {
      for (let ppn = 0; ppn < pages; ppn += 2) host.memory.read(vm, ppn);
      passes(host, 1);
    }
    for (let ppn = 0; ppn < pages; ppn += 2) expect(vm.backing[ppn]).toBeGreaterThanOrEqual(0);
    // Of those that nobody touches, the first of each family is the reference of the others.
    const families = new Set(untouched.map(familyOf));
    expect(vm.patched).toBe(untouched.length - families.size);
  });

  it("keeps a reference as it was when its owner writes to it or gives it up, until no patch needs it", () => {
    const host = hostWith(8);
    const { memory } = host;
    const [vm] = memory.vms;
    passes(host, 3);
    const owners = [...vm.backing.keys()].filter((ppn) => memory.frames.isShared(vm.backing[ppn]));
    expect(owners.length).toBeGreaterThan(1);
    const [writer, leaver] = owners;
    const breaks = memory.cowBreaks;
    const { shared } = memory.frames;
    memory.write(vm, writer, host.ids.unique());
    memory.discard(vm, leaver);
    // Nobody maps either reference any more; no page is shared, and none is lost by that.
    expect(memory.frames.saved).toBe(0);
    expect([memory.cowBreaks - breaks, memory.frames.shared]).toEqual([1, shared]);
    checkFrames(memory);
    for (let ppn = 0; ppn < 8; ppn++) memory.read(vm, ppn);
    expect(memory.frames.shared).toBe(0);
    checkFrames(memory);
  });

  it("counts among what a VM may want back when ESX shares memory out", () => {
    const host = buildHost({ ...esx, memory: [patching(FAST), hostSwap()] }, 2500);
    const vm = host.memory.addVm(pages);
    for (let half = 0; half < 2; half++) {
      for (let i = 0; i < pages / 2; i++) host.memory.write(vm, (half * pages) / 2 + i, host.ids.unique());
      passes(host, 3);
    }
    expect([vm.mapped + vm.patched, vm.swapped]).toEqual([pages, 0]);
    host.allocation.rebalance(0);
    // There is not enough for all of it: it is held to what there is.
    expect(vm.target).toBeLessThan(2500);
    expect(vm.target).toBeGreaterThan(vm.machine);
  });

  it("leaves what has nothing similar to the compression cache, if there is one", () => {
    const host = hostWith(pages, [patching(FAST), compression({ maxPercent: 100 }), hostSwap()]);
    const [vm] = host.memory.vms;
    passes(host, 5);
    const places = [...vm.backing];
    expect(places.filter(isPatched).length).toBe(vm.patched);
    expect(places.filter(isCompressed).length).toBe(vm.compressed);
    expect(vm.patched).toBeGreaterThan(0.6 * pages);
    // References stay as they are; only families of one page are left, and there are none here.
    expect(vm.compressed).toBe(0);
    const alone = hostWith(1, [patching(FAST), compression({ maxPercent: 100 }), hostSwap()]);
    alone.ids.compressed.record(Uint32Array.of(1), Uint8Array.of(20));
    passes(alone, 5);
    expect(isCompressed(alone.memory.vms[0].backing[0])).toBe(true);
  });
});

it("pages kept as patches are among those that a VM may have memory for, like all others that were taken from it", () => {
  const allocation = proportionalShares({ idleMemoryTax: 0 });
  const host = buildHost({ ...esx, memory: [patching(FAST), hostSwap()], allocation }, 3200);
  const vms = [0, 1].map(() => host.memory.addVm(1500));
  for (let ppn = 0; ppn < 1500; ppn++) host.memory.write(vms[0], ppn, host.ids.unique());
  passes(host, 3);
  for (let ppn = 0; ppn < 1500; ppn++) host.memory.write(vms[1], ppn, host.ids.unique());
  // So that not everything fits: 400 frames less than both have ever used.
  while (host.memory.frames.free > 1) host.memory.frames.takeForVmm();
  host.allocation.rebalance(0);
  const [{ patched, machine }] = vms;
  expect(patched).toBeGreaterThan(500);
  // Equal shares: each is entitled to as much as the other, although one has less in its frames now than that.
  const [first, second] = vms.map(({ target }) => target);
  expect(Math.abs(first - second)).toBeLessThanOrEqual(1);
  expect(first).toBeGreaterThan(machine + 100);
});
