import { describe, expect, it } from "vitest";
import { proportionalShares } from "../../src/vmm/allocation/proportional-shares.ts";
import { esx } from "../../src/vmm/esx.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { ballooning } from "../../src/vmm/memory/ballooning.ts";
import { hostSwap } from "../../src/vmm/memory/host-swap.ts";
import { ksm } from "../../src/vmm/memory/ksm.ts";
import { largePages } from "../../src/vmm/memory/large-pages.ts";
import { pageSharing } from "../../src/vmm/memory/page-sharing.ts";
import { isSwapped, Region } from "../../src/vmm/host-memory/vm-memory.ts";
import { buildHost, checkFrames, type TestHost } from "./fixtures.ts";

const REGION = 512;

function hostOf(frames: number, release = 6): TestHost {
  const sharing = pageSharing({ pagesPerSecond: 1e6, pagesPerSecondPerVm: 1e6 });
  return buildHost(
    { ...esx, memory: [largePages(), sharing, hostSwap()], allocation: proportionalShares({ release }) },
    frames,
  );
}

/** Touch one page of every region, then scan until every page has been seen. */
function backAndScan(host: TestHost): void {
  for (const vm of host.memory.vms)
    for (let ppn = 0; ppn < vm.pages; ppn += REGION) host.memory.write(vm, ppn, host.ids.unique());
  for (let tenth = 0; tenth < 10; tenth++) host.mechanisms[1].work();
}

describe("large pages", () => {
  it("take 512 frames at the first use of a region (VMware KB 1021896), and none for a part of a region", () => {
    const { memory } = hostOf(10_000);
    const vm = memory.addVm(3 * REGION + 100);
    memory.read(vm, 700);
    expect([vm.mapped, memory.frames.private, vm.regions[1]]).toEqual([REGION, REGION, Region.Large]);
    memory.read(vm, 3 * REGION + 5);
    expect([vm.mapped, vm.isLarge(3 * REGION + 5)]).toEqual([REGION + 1, false]);
  });

  it("are not used when they would leave less memory free than the high state needs", () => {
    const { memory } = hostOf(1000, 2);
    const vm = memory.addVm(2 * REGION);
    memory.read(vm, 0);
    memory.read(vm, REGION);
    expect([...vm.regions]).toEqual([Region.Large, Region.Small]);
    expect(vm.mapped).toBe(REGION + 1);
  });

  it("hide pages of zeros from sharing while memory is plenty: users think that it is broken", () => {
    const host = hostOf(40_000);
    for (let i = 0; i < 2; i++) host.memory.addVm(4 * REGION);
    backAndScan(host);
    host.allocation.rebalance(0);
    expect(host.memory.frames.saved).toBe(0);
    expect(host.memory.vms.every(({ regions }) => regions.every((region) => region === Region.LargeCandidate))).toBe(
      true,
    );
  });

  it("are broken as soon as memory is short in vSphere 6, which frees all but one of the pages of zeros", () => {
    const host = hostOf(5000);
    for (let i = 0; i < 2; i++) host.memory.addVm(4 * REGION);
    backAndScan(host);
    // 904 of 5000 free: 18 %, less than the 24 % of the high state on so small a host.
    host.allocation.rebalance(0);
    expect(host.memory.frames.free).toBeGreaterThanOrEqual(1200);
    const broken = host.memory.vms.flatMap(({ regions }) => [...regions]).filter((region) => region === Region.Small);
    expect(broken.length).toBe(1);
    expect(host.memory.frames.saved).toBe(510);
  });

  it("are kept in ESX 5 until pages are swapped", () => {
    const host = hostOf(5000, 5);
    for (let i = 0; i < 2; i++) host.memory.addVm(4 * REGION);
    backAndScan(host);
    host.allocation.rebalance(0);
    expect(host.memory.frames.saved).toBe(0);
    const [vm] = host.memory.vms;
    // Victims are shared once their large pages are broken; only pages with contents of their own would go to the disk.
    host.mechanisms[2].reclaim(vm, 400);
    expect([host.memory.frames.saved >= 400, host.memory.swapOuts]).toEqual([true, 0]);
  });

  it("are split by KSM where it merges a page of them, and later by the balloon without a search for equal pages", () => {
    const memory = [largePages(), ksm({ pagesToScan: 3000, smartScan: false }), ballooning(), hostSwap()];
    const host = buildHost({ ...kvm, memory }, 10_000);
    for (let i = 0; i < 2; i++) host.memory.addVm(3 * REGION);
    const [one, other] = host.memory.vms;
    for (const vm of [one, other]) {
      for (let ppn = 0; ppn < 3 * REGION; ppn++) host.memory.write(vm, ppn, host.ids.unique());
    }
    const equal = host.ids.common(1);
    host.memory.write(one, 7, equal);
    host.memory.write(other, REGION + 9, equal);
    for (let scan = 0; scan < 6; scan++) host.mechanisms[1].work();
    expect(host.memory.frames.saved).toBe(1);
    expect([...one.regions]).toEqual([Region.Small, Region.Large, Region.Large]);
    expect([...other.regions]).toEqual([Region.Large, Region.Small, Region.Large]);
    host.memory.release(one, 2 * REGION);
    expect([one.regions[2], one.mapped]).toEqual([Region.Small, 3 * REGION - 1]);
    checkFrames(host.memory);
  });

  it("are broken by the balloon, page for page of it", () => {
    const { memory } = hostOf(10_000);
    const vm = memory.addVm(2 * REGION);
    for (const ppn of [0, REGION]) memory.write(vm, ppn, 7);
    memory.release(vm, 3);
    expect([...vm.regions]).toEqual([Region.Small, Region.Large]);
    expect([vm.mapped, vm.ballooned]).toEqual([2 * REGION - 1, 1]);
    expect(vm.backing.some(isSwapped)).toBe(false);
  });
});
