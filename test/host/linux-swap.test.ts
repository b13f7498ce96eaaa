import { describe, expect, it } from "vitest";
import { proportionalShares } from "../../src/vmm/allocation/proportional-shares.ts";
import { harvester } from "../../src/vmm/memory/policies/admission.ts";
import { hostSwap } from "../../src/vmm/memory/host-swap.ts";
import { largePages } from "../../src/vmm/memory/large-pages.ts";
import { linuxSwap } from "../../src/vmm/memory/linux-swap.ts";
import { isSwapped, type VmMemory } from "../../src/vmm/host-memory/vm-memory.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { buildHost, checkFrames, type TestHost } from "./fixtures.ts";

const PAGES = 1000;

function hostWith(
  memory = [linuxSwap({ textPages: 0 })],
  pages = PAGES,
  frames = 2 * pages,
): { host: TestHost; vm: VmMemory } {
  const host = buildHost({ ...kvm, memory, allocation: proportionalShares() }, frames);
  const vm = host.memory.addVm(pages);
  for (let ppn = 0; ppn < PAGES; ppn++) host.memory.write(vm, ppn, ppn);
  return { host, vm };
}

function swapOut({ mechanisms }: TestHost, vm: VmMemory, pages: number): number {
  return mechanisms[mechanisms.length - 1].reclaim(vm, pages);
}

function swappedPages(vm: VmMemory): number[] {
  return [...vm.backing.keys()].filter((ppn) => isSwapped(vm.backing[ppn]));
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

describe("a Linux host's swap", () => {
  it("takes the oldest pages first where none has been used since", () => {
    const { host, vm } = hostWith();
    expect(swapOut(host, vm, 400)).toBe(400);
    expect(swappedPages(vm)).toEqual(range(0, 400));
    checkFrames(host.memory);
  });

  it.each([
    ["spares what is in use", linuxSwap({ textPages: 0 }), 0],
    ["where random victims take their part of it", hostSwap(), 60],
  ] as const)("%s", (_, part, least) => {
    const { host, vm } = hostWith([part]);
    const used = range(0, PAGES).filter((ppn) => ppn % 3 === 0);
    swapOut(host, vm, 1);
    let taken = 0;
    for (let round = 0; round < 20; round++) {
      for (const ppn of used) host.memory.read(vm, ppn);
      expect(swapOut(host, vm, 25)).toBe(25);
      if (round > 0) taken += used.filter((ppn) => isSwapped(vm.backing[ppn])).length;
    }
    if (least === 0) expect(taken).toBe(0);
    // A third of 475, and as many more as come back and are in memory again for the next round.
    else expect(taken).toBeGreaterThan(least);
    checkFrames(host.memory);
  });

  it("keeps a page that came back sooner than the active ones are old longer than one that is new", () => {
    const { host, vm } = hostWith([linuxSwap({ textPages: 0 })], PAGES + 1);
    swapOut(host, vm, 1);
    for (const ppn of range(1, 301)) host.memory.read(vm, ppn);
    // The second time that these are found used, they become active; the next ones are taken.
    swapOut(host, vm, 100);
    expect(swappedPages(vm)).toEqual([0, ...range(301, 401)]);
    host.memory.read(vm, 301);
    host.memory.write(vm, PAGES, 1);
    const isOut = (ppn: number): boolean => isSwapped(vm.backing[ppn]);
    while (!isOut(301) && !isOut(PAGES)) expect(swapOut(host, vm, 1)).toBe(1);
    expect([isOut(301), isOut(PAGES)]).toEqual([false, true]);
  });

  it("finds whatever there is before it gives up, large pages among it", () => {
    const { host, vm } = hostWith([largePages(), linuxSwap({ textPages: 0 })], 1024, 2048);
    for (let ppn = 0; ppn < 1024; ppn++) host.memory.write(vm, ppn, ppn);
    expect(vm.isLarge(0)).toBe(true);
    while (vm.mapped > 0) expect(swapOut(host, vm, 100)).toBeGreaterThan(0);
    expect(swapOut(host, vm, 100)).toBe(0);
    for (let ppn = 0; ppn < 1024; ppn++) expect(host.memory.read(vm, ppn)).toBe(ppn);
    checkFrames(host.memory);
  });

  it("goes round the VMs and takes as large a part of each", () => {
    const allocation = harvester({ admissionRatio: 0 });
    const host = buildHost({ ...kvm, memory: [linuxSwap({ textPages: 0 })], allocation }, 5000);
    const vms = [1000, 3000, 2000].map((pages) => host.memory.addVm(pages));
    for (const vm of vms) for (let ppn = 0; ppn < vm.pages; ppn++) host.memory.write(vm, ppn, 1);
    expect(vms.reduce((sum, { swapped }) => sum + swapped, 0)).toBeGreaterThanOrEqual(1000);
    // Reads of new pages only: nobody's pages are used more than others'.
    const parts = vms.map(({ swapped, pages }) => swapped / pages);
    expect(Math.max(...parts) - Math.min(...parts)).toBeLessThan(0.1);
    checkFrames(host.memory);
  });
});
