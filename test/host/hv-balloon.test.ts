import { describe, expect, it } from "vitest";
import { PendingCharges } from "../../src/core/pending-charges.ts";
import { HotAddedMemory, BLOCK_PAGES, DESCRIPTOR_PAGES } from "../../src/guest/hot-added-memory.ts";
import { GuestMemory } from "../../src/guest/memory-manager.ts";
import { PageUse } from "../../src/guest/guest-pages.ts";
import { watermarks } from "../../src/guest/watermarks.ts";
import { ContentIds } from "../../src/machine/content-ids.ts";
import { GuestPhysicalMemory } from "../../src/sim/guest-physical-memory.ts";
import { HostSimulation } from "../../src/sim/host-simulation.ts";
import { staticPartition } from "../../src/vmm/allocation/static-partition.ts";
import { composeVmm } from "../../src/vmm/compose.ts";
import { HostMemory } from "../../src/vmm/host-memory/host-memory.ts";
import { hvBalloon } from "../../src/vmm/memory/hv-balloon.ts";
import { linuxSwap } from "../../src/vmm/memory/linux-swap.ts";
import { hyperV } from "../../src/vmm/memory/policies/hyper-v.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { PARTS } from "../../src/vmm/parts.ts";
import type { CompiledWorkload, GuestShape } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { checkFrames, profile } from "./fixtures.ts";

const MIB = 256;
const STARTUP = 96 * MIB;
const MOST = 512 * MIB;
const SHAPE: GuestShape = {
  memoryPages: MOST,
  kernelPages: 16 * MIB,
  processes: 1,
  anonymousPages: 400 * MIB,
  residentAnonymousPages: 32 * MIB,
  filePages: 0,
  residentFilePages: 0,
  swapPages: 0,
  threads: 1,
};

function guestWith(present = STARTUP): GuestMemory {
  const host = new HostMemory(profile, 2 * MOST, new PendingCharges());
  const vm = host.addVm(MOST);
  const contents = new Uint32Array(MOST);
  const physical = new GuestPhysicalMemory(host, vm, contents, false);
  const memory = new GuestMemory(SHAPE, physical, new ContentIds(), "linux-6.1", { present });
  memory.boot(SHAPE, contents);
  physical.populate(0, false, false);
  for (let ppn = present; ppn < MOST; ppn++) host.release(vm, ppn);
  return memory;
}

/** A guest whose processes have 32 MiB, from second 60 on 240 MiB, and give them up at second 90. */
function spike(): CompiledWorkload {
  const stream = new OperationStreamBuilder();
  stream.add(Op.Request, 60, 0, 1);
  for (let page = 0; page < 240 * MIB; page++) stream.add(Op.Touch, page, (100 << 1) | 1);
  stream.add(Op.Request, 100, 0, 1);
  stream.add(Op.Compute, 1000);
  return {
    name: "spike",
    guest: { ...SHAPE, swapPages: MOST },
    stream: stream.finish(),
    durationUs: 120e6,
    warmupUs: 0,
  };
}

describe("memory that is added to a guest", () => {
  it("is not there before, neither as free pages nor in watermarks", () => {
    const { pages, hotAdded } = guestWith();
    expect(pages.free.length).toBe(STARTUP - 48 * MIB);
    expect(hotAdded.absent).toBe(MOST - STARTUP);
    expect(pages.marks).toEqual(watermarks("linux-6.1", STARTUP - 16 * MIB));
    expect(pages.use(STARTUP - 1)).toBe(PageUse.Free);
    expect(pages.use(STARTUP)).toBe(PageUse.Absent);
    expect(pages.isFree(STARTUP)).toBe(false);
  });

  it("costs the descriptors of a whole block when the block begins, and raises the watermarks", () => {
    const { pages, hotAdded } = guestWith();
    // Those of the first 128 MiB are there from the boot.
    expect(hotAdded.add(32 * MIB)).toBe(32 * MIB);
    expect(pages.kernel).toBe(16 * MIB);
    expect(hotAdded.add(2 * MIB)).toBe(2 * MIB);
    expect(DESCRIPTOR_PAGES).toBe(2 * MIB);
    expect(pages.kernel).toBe(16 * MIB + DESCRIPTOR_PAGES);
    hotAdded.add(BLOCK_PAGES - 2 * MIB);
    expect(pages.kernel).toBe(16 * MIB + DESCRIPTOR_PAGES);
    hotAdded.add(Infinity);
    expect(hotAdded.absent).toBe(0);
    expect(pages.kernel).toBe(16 * MIB + 3 * DESCRIPTOR_PAGES);
    expect(pages.free.length).toBe(MOST - 48 * MIB - 3 * DESCRIPTOR_PAGES);
    expect(pages.marks).toEqual(watermarks("linux-6.1", MOST - 16 * MIB));
  });

  it("cannot be added to a guest without memory for the descriptors", () => {
    const memory = guestWith(128 * MIB);
    const { pages, hotAdded, anonymous } = memory;
    for (let page = 0; pages.free.length > 100; page++) anonymous.write(page, 1);
    const { kernel } = pages;
    expect(hotAdded.add(128 * MIB)).toBe(0);
    expect(pages.kernel).toBe(kernel);
    // Memory that its balloon, or a process, gives back helps.
    for (let page = 0; page < 4 * MIB; page++) anonymous.discard(page);
    expect(hotAdded.add(128 * MIB)).toBe(128 * MIB);
    expect(hotAdded).toBeInstanceOf(HotAddedMemory);
  });
});

function problems(unitsPerSecond: number): readonly string[] {
  const memory = [{ "hv-balloon": { unitsPerSecond } }];
  return composeVmm(kvm, { memory }, PARTS).problems.map(({ message }) => message);
}

describe("Dynamic Memory with its own driver", () => {
  const vmm = {
    ...kvm,
    memory: [hvBalloon({ startupMib: 192 }), linuxSwap()],
    allocation: hyperV({ firstReportSeconds: 0, minimumPercent: 10 }),
  };

  it("boots a VM with its startup memory, adds what it lacks, and never takes away what was added but by the balloon", () => {
    const simulation = new HostSimulation({ vmm, profile, workloads: [spike()], hostPages: MOST, measure: () => ({}) });
    const [guest] = simulation.guests;
    // An idle guest needs 120 MiB, 88 of them its driver's floor, and a fifth more: the rest of 192 MiB is in its balloon.
    expect(guest.vm.absent).toBe(MOST - 192 * MIB);
    expect((guest.vm.pages - guest.vm.ballooned) / MIB).toBe(144);
    simulation.run();
    const { absent, ballooned, pages } = guest.vm;
    // 240 MiB are committed, and the floor and the buffer come on top.
    expect((pages - absent) / MIB).toBeGreaterThan(256);
    expect(absent).toBeGreaterThan(0);
    expect(guest.memory.balloon.size).toBe(ballooned - absent);
    expect(guest.memory.hotAdded.absent).toBe(absent);
    checkFrames(simulation.host);
  });

  it("moves a unit in a microsecond at most, and says so by the parameter's name", () => {
    expect(problems(1e6)).toEqual([]);
    expect(problems(5e6)).toEqual([
      "hv-balloon unitsPerSecond: expected a number of 1/s from 1 to 1000000, not 5000000",
    ]);
  });

  it("adds what a partition has beyond the startup memory", () => {
    const idle = { ...spike(), stream: new OperationStreamBuilder().finish() };
    const partitioned = { ...kvm, memory: [hvBalloon({ startupMib: 192 })], allocation: staticPartition() };
    const simulation = new HostSimulation({
      vmm: partitioned,
      profile,
      workloads: [idle],
      hostPages: MOST,
      measure: () => ({}),
    });
    const [{ vm }] = simulation.guests;
    expect([vm.mapped, vm.ballooned, vm.absent, vm.swapped]).toEqual([
      192 * MIB,
      MOST - 192 * MIB,
      MOST - 192 * MIB,
      0,
    ]);
    checkFrames(simulation.host);
    simulation.run();
    expect([vm.mapped, vm.ballooned, vm.absent, vm.swapped]).toEqual([MOST, 0, 0, 0]);
    checkFrames(simulation.host);
  });

  it("leaves a VM that needs no more the kernel of a small machine", () => {
    const idle = { ...spike(), stream: new OperationStreamBuilder().finish() };
    const simulation = new HostSimulation({ vmm, profile, workloads: [idle], hostPages: MOST, measure: () => ({}) });
    simulation.run();
    const [guest] = simulation.guests;
    expect(guest.vm.absent).toBe(MOST - 192 * MIB);
    expect(guest.memory.pages.marks).toEqual(watermarks(profile.kernel, 192 * MIB));
    // What the driver may take is its balloon's.
    expect(guest.memory.balloon.size).toBe(guest.vm.ballooned - guest.vm.absent);
  });
});
