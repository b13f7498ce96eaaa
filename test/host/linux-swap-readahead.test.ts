import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import { ClusterReadahead } from "../../src/guest/swap-readahead.ts";
import { harvester } from "../../src/vmm/memory/policies/admission.ts";
import { linuxSwap } from "../../src/vmm/memory/linux-swap.ts";
import { LinuxSwapSlots } from "../../src/vmm/memory/linux-swap-slots.ts";
import { Mark } from "../../src/vmm/host-memory/page-marks.ts";
import { isSwapped, slotCode, type VmMemory } from "../../src/vmm/host-memory/vm-memory.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { buildHost, checkFrames, profile, type TestHost } from "./fixtures.ts";

const { profile: server } = loadMachine("machines/x86-64-server.yaml");
const PAGES = 100;

/** A VM whose pages have all been written and swapped out in order of their number: page i is in slot i. */
function swappedVm(machine = profile, parameters = {}): { host: TestHost; vm: VmMemory } {
  const allocation = harvester({ admissionRatio: 0 });
  const host = buildHost(
    { ...kvm, memory: [linuxSwap({ textPages: 0, ...parameters })], allocation },
    2 * PAGES,
    machine,
  );
  const vm = host.memory.addVm(PAGES);
  for (let ppn = 0; ppn < PAGES; ppn++) host.memory.write(vm, ppn, 1000 + ppn);
  while (vm.mapped > 0) host.mechanisms[0].reclaim(vm, vm.mapped);
  expect([...vm.backing]).toEqual(Array.from({ length: PAGES }, (_, ppn) => slotCode(ppn)));
  host.memory.requests.clear();
  return { host, vm };
}

/** What has been read since the last call: first slot and number of slots of each request. */
function reads({ memory }: TestHost): [number, number][] {
  const { requests } = memory;
  const list = Array.from({ length: requests.length }, (_, i): [number, number] => [
    requests.first(i),
    requests.pages(i),
  ]);
  requests.clear();
  return list;
}

const inMemory = (vm: VmMemory): number[] => [...vm.backing.keys()].filter((ppn) => vm.backing[ppn] >= 0);

describe("the window of cluster readahead", () => {
  it("is aligned, begins with eight slots, and shrinks by half while nothing that was read ahead is used", () => {
    const cluster = new ClusterReadahead(false);
    const windows = [13, 50, 77, 90, 23].map((slot) => {
      cluster.fault(slot);
      return [cluster.from, cluster.to];
    });
    expect(windows).toEqual([
      [8, 16],
      [48, 52],
      [76, 78],
      [90, 91],
      [23, 24],
    ]);
  });

  it("is read for a fault next to the one before, and grows with what is used", () => {
    const cluster = new ClusterReadahead(false);
    for (const slot of [100, 200, 300, 400]) cluster.fault(slot);
    // Two hits or the next slot: a hit is worth four slots, three hits eight.
    cluster.fault(401);
    expect(cluster.to - cluster.from).toBe(2);
    cluster.hit();
    cluster.fault(900);
    expect([cluster.from, cluster.to]).toEqual([900, 904]);
    for (let hit = 0; hit < 3; hit++) cluster.hit();
    cluster.fault(803);
    expect([cluster.from, cluster.to]).toEqual([800, 808]);
  });

  it("was always eight before Linux 3.14", () => {
    const cluster = new ClusterReadahead(true);
    for (const slot of [100, 3, 777]) {
      cluster.fault(slot);
      expect([cluster.from, cluster.to]).toEqual([slot - (slot % 8), slot - (slot % 8) + 8]);
    }
  });
});

describe("a Linux host that reads a page back", () => {
  it("reads the cluster on a disk that rotates, in one request, and maps the others when they are used", () => {
    const { host, vm } = swappedVm();
    expect(host.memory.read(vm, 10)).toBe(1010);
    expect(reads(host)).toEqual([[8, 8]]);
    expect(inMemory(vm)).toEqual([8, 9, 10, 11, 12, 13, 14, 15]);
    expect(host.memory.swapIns).toBe(8);
    for (let ppn = 8; ppn < 16; ppn++) expect(host.memory.read(vm, ppn)).toBe(1000 + ppn);
    expect(reads(host)).toEqual([]);
    checkFrames(host.memory);
  });

  it("reads neighbours in the VM's memory on a disk that does not", () => {
    const { host, vm } = swappedVm(server);
    host.memory.read(vm, 10);
    expect(inMemory(vm)).toEqual([7, 8, 9, 10, 11, 12, 13, 14]);
    // Nothing of that has been used: half as many, around.
    host.memory.read(vm, 60);
    expect(reads(host)).toEqual([
      [7, 8],
      [59, 4],
    ]);
    checkFrames(host.memory);
  });

  it("brings in what a guest waits for as dirty; a neighbour that nobody writes is not written again", () => {
    const { host, vm } = swappedVm(profile, { spacePercent: 200 });
    for (const ppn of [10, 11, 12]) host.memory.read(vm, ppn);
    host.memory.write(vm, 13, 7);
    reads(host);
    const { swapOuts } = host.memory;
    while (vm.mapped > 0) host.mechanisms[0].reclaim(vm, vm.mapped);
    // 10 was waited for, 13 was written. The others are where they were.
    expect(host.memory.swapOuts - swapOuts).toBe(2);
    const moved = [...vm.backing.keys()].filter((ppn) => vm.backing[ppn] !== slotCode(ppn));
    expect(moved).toEqual([10, 13]);
    expect(host.memory.read(vm, 13)).toBe(7);
    expect(host.memory.read(vm, 14)).toBe(1014);
  });

  it("keeps no slot of a page in use while more than half of them are taken", () => {
    const { host, vm } = swappedVm();
    for (const ppn of [10, 11, 12]) host.memory.read(vm, ppn);
    const { swapOuts } = host.memory;
    while (vm.mapped > 0) host.mechanisms[0].reclaim(vm, vm.mapped);
    expect(host.memory.swapOuts - swapOuts).toBe(3);
  });

  it("reads pages of other VMs that lie in the cluster, and they are theirs", () => {
    const allocation = harvester({ admissionRatio: 0 });
    const host = buildHost({ ...kvm, memory: [linuxSwap({ textPages: 0 })], allocation }, 100);
    const vms = [host.memory.addVm(40), host.memory.addVm(40)];
    // One page of each in turn.
    for (let ppn = 0; ppn < 40; ppn++) {
      for (const vm of vms) {
        host.memory.write(vm, ppn, ppn);
        expect(host.mechanisms[0].reclaim(vm, 1)).toBe(1);
      }
    }
    host.memory.read(vms[0], 5);
    expect(vms.map(inMemory)).toEqual([
      [4, 5, 6, 7],
      [4, 5, 6, 7],
    ]);
    expect(vms.map(({ mapped, swapped }) => [mapped, swapped])).toEqual([
      [4, 36],
      [4, 36],
    ]);
  });

  it("never mixes contents up, whatever is read, written, discarded and swapped out in however little swap space", () => {
    const operation = fc.record({
      kind: fc.constantFrom("read", "read", "write", "swap", "discard"),
      ppn: fc.nat(PAGES - 1),
    });
    // 30 of 90 pages have to be out of memory: half of the time there are hardly more slots.
    const percents = fc.oneof(fc.integer({ min: 55, max: 60 }), fc.integer({ min: 55, max: 400 }));
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 300 }), percents, (operations, percent) => {
        const allocation = harvester({ admissionRatio: 0 });
        const memory = [linuxSwap({ spacePercent: percent, textPages: 0 })];
        const host = buildHost({ ...kvm, memory, allocation }, 60);
        const vm = host.memory.addVm(PAGES - 10);
        const truth = Uint32Array.from({ length: vm.pages }, (_, ppn) => 1000 + ppn);
        truth.forEach((content, ppn) => host.memory.write(vm, ppn, content));
        operations.forEach(({ kind, ppn }, i) => {
          if (ppn >= vm.pages) return;
          if (kind === "write") host.memory.write(vm, ppn, (truth[ppn] = 5000 + i));
          else if (kind === "read") expect(host.memory.read(vm, ppn)).toBe(truth[ppn]);
          else if (kind === "swap") host.mechanisms[0].reclaim(vm, 1 + (ppn % 20));
          else {
            host.memory.discard(vm, ppn);
            truth[ppn] = 0;
          }
          const { slots } = host.memory;
          const copies = vm.backing.filter((place, at) => place >= 0 && vm.marks.has(at, Mark.SwapCopy)).length;
          expect(slots.left).toBeGreaterThanOrEqual(0);
          expect(slots.capacity - slots.left).toBe([...vm.backing].filter(isSwapped).length);
          expect(copies).toBeLessThanOrEqual(vm.mapped);
        });
        checkFrames(host.memory);
      }),
    );
  });
});

describe("swap slots of Linux", () => {
  it("are taken in ascending order and around, past those in use", () => {
    const { vm } = swappedVm();
    const slots = new LinuxSwapSlots(4);
    expect([0, 1, 2, 3].map((ppn) => slots.place(vm, ppn, ppn))).toEqual([0, 1, 2, 3]);
    slots.release(2);
    slots.release(0);
    expect([slots.place(vm, 4, 4), slots.place(vm, 5, 5), slots.left]).toEqual([0, 2, 0]);
  });
});
