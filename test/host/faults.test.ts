/** Balloon drivers, statistics and swap disks that are not as they should be, against what that must lead to. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import { bootContents } from "../../src/guest/memory-manager.ts";
import type { CellOutcome } from "../../src/sim/cell.ts";
import { FaultyBalloonDriver } from "../../src/sim/faulty-balloon-driver.ts";
import { FaultyStatistics } from "../../src/sim/faulty-statistics.ts";
import { Ledger } from "../../src/core/ledger.ts";
import { EventQueue } from "../../src/sim/event-queue.ts";
import { Event } from "../../src/sim/host-events.ts";
import { HostDevices } from "../../src/sim/host-devices.ts";
import { hostSwapJob, type IoJob } from "../../src/sim/io-job.ts";
import { runHost } from "../../src/sim/host.ts";
import { HostSimulation } from "../../src/sim/host-simulation.ts";
import { measureOperations } from "../../src/sim/operations.ts";
import { esx } from "../../src/vmm/esx.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { ballooning } from "../../src/vmm/memory/ballooning.ts";
import { hostSwap } from "../../src/vmm/memory/host-swap.ts";
import { harvester } from "../../src/vmm/memory/policies/admission.ts";
import { mom } from "../../src/vmm/memory/policies/mom.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import type { CompiledWorkload, GuestShape } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import type { StatisticsFaults } from "../../src/workload/vm-settings.ts";
import { addGuest, buildHost, profile, SHAPE } from "./fixtures.ts";

const server = loadMachine("machines/x86-64-server.yaml").profile;

function driverWith(faults: ConstructorParameters<typeof FaultyBalloonDriver>[2]) {
  const host = buildHost(esx, 400);
  addGuest(host, SHAPE, bootContents(SHAPE, host.ids), SHAPE.memoryPages);
  const [vm] = host.memory.vms;
  const sound = vm.balloon;
  if (sound === undefined) throw new Error("the guest has no driver");
  let nowUs = 0;
  const driver = new FaultyBalloonDriver(sound, vm, faults, () => nowUs);
  return (at: number, target: number): number => {
    nowUs = at;
    driver.poll(target, 1000);
    return vm.ballooned;
  };
}

describe("a faulty balloon driver", () => {
  it("stops answering at its time: its balloon neither grows nor shrinks from then on", () => {
    const poll = driverWith({ stuckFromUs: 2e6 });
    expect([poll(0, 10), poll(1e6, 20), poll(2e6, 40), poll(3e6, 0), poll(9e9, 30)]).toEqual([10, 20, 20, 20, 20]);
  });

  it("moves no more pages than its rate, however often it is asked, and saves up no more than a second's worth", () => {
    const poll = driverWith({ pagesPerSecond: 4 });
    // Nothing has been earned in the first instant; a quarter of a second is a page; ten idle seconds are four, not forty.
    const asked = [0, 250e3, 500e3, 500e3, 10.5e6, 10.75e6];
    expect(asked.map((at) => poll(at, 30))).toEqual([0, 1, 2, 2, 6, 7]);
    expect([poll(11e6, 0), poll(12e6, 0)]).toEqual([6, 2]);
  });

  it("of any rate never moves more than the time that has passed allows", () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 700_000 }), fc.integer({ min: 0, max: 50 })), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), steps, (pagesPerSecond, polls) => {
        const poll = driverWith({ pagesPerSecond });
        let [at, moved, size] = [0, 0, 0];
        for (const [passed, target] of polls) {
          at += passed;
          const next = poll(at, target);
          moved += Math.abs(next - size);
          size = next;
          expect(moved).toBeLessThanOrEqual((at * pagesPerSecond) / 1e6);
        }
      }),
      { numRuns: 50 },
    );
  });
});

/** A guest that has as many free pages as seconds have passed, asked at these seconds. */
function told(faults: StatisticsFaults, seconds: readonly number[]) {
  const truth = {
    report: (atUs: number) => ({ atUs, unused: atUs / 1e6, available: 2 * (atUs / 1e6), committed: 50, reserved: 7 }),
  };
  const statistics = new FaultyStatistics(truth, faults);
  return seconds.map((second) => statistics.report(second * 1e6));
}

const unused = (faults: StatisticsFaults, seconds: readonly number[]) =>
  told(faults, seconds).map((report) => report?.unused);

describe("faulty statistics", () => {
  it("are missing", () => {
    expect(told({ missing: true }, [1, 2])).toEqual([undefined, undefined]);
  });

  it("repeat the last report, with the time at which it was made", () => {
    const reports = told({ staleFromUs: 12e6 }, [5, 10, 15, 20]);
    expect(reports.map((report) => [report?.unused, report?.atUs])).toEqual([
      [5, 5e6],
      [10, 1e7],
      [10, 1e7],
      [10, 1e7],
    ]);
    expect(unused({ staleFromUs: 0 }, [5])).toEqual([undefined]);
  });

  it("come late: the newest report that is old enough", () => {
    expect(unused({ delayUs: 7e6 }, [5, 10, 15, 20, 21, 22])).toEqual([undefined, undefined, 5, 10, 10, 15]);
    // A report that was on its way when the guest stopped still comes.
    expect(unused({ delayUs: 7e6, staleFromUs: 11e6 }, [5, 10, 15, 20, 30])).toEqual([undefined, undefined, 5, 10, 10]);
  });

  it("overstate what is used: less is free, more is promised to processes, and nothing is negative", () => {
    expect(told({ overstatedPages: 15 }, [10, 20])).toEqual([
      { atUs: 1e7, unused: 0, available: 5, committed: 65, reserved: 7 },
      { atUs: 2e7, unused: 5, available: 25, committed: 65, reserved: 7 },
    ]);
  });
});

const MIB = 256;
const QUIET: GuestShape = {
  memoryPages: 64 * MIB,
  kernelPages: 4 * MIB,
  processes: 1,
  anonymousPages: 56 * MIB,
  residentAnonymousPages: 8 * MIB,
  filePages: 0,
  residentFilePages: 0,
  swapPages: 64 * MIB,
  threads: 1,
};

/** A guest of 64 MiB that uses 12 MiB, and writes to further pages of its memory from a time on: one a request, 256 a second. */
function growing(name: string, fromSecond: number, mib: number, guest: Partial<GuestShape> = {}): CompiledWorkload {
  const stream = new OperationStreamBuilder();
  for (let page = 0; page < mib * MIB; page++) {
    stream.add(Op.Request, fromSecond + Math.floor(page / MIB), 3900 * (page % MIB), 1);
    stream.add(Op.Touch, 8 * MIB + page, 1, 0);
  }
  return { name, guest: { ...QUIET, ...guest }, stream: stream.finish(), durationUs: 90e6, warmupUs: 0 };
}

function column({ series }: CellOutcome, name: string): readonly number[] {
  const index = series?.columns.indexOf(name) ?? -1;
  return (series?.rows ?? []).map((row) => row[index]);
}

const groups = [{ first: 0, last: 0 }];

/** VM 0 holds 52 MiB, of which it could give up 40 to its own swap device; VM 1 grows to 52 MiB from 30 s on. The host has 80. */
const runGrowing = (guest: Partial<GuestShape>): CellOutcome =>
  runHost(
    { ...esx, memory: [ballooning(), hostSwap()] },
    profile,
    [growing("a", 5, 40, guest), growing("b", 30, 40)],
    80 * MIB,
    undefined,
    { groups },
  );

describe("a driver that is stuck", () => {
  it("leaves the balloon as it is, and ESX goes on to swap", () => {
    const [sound, stuck, absent] = [
      runGrowing({}),
      runGrowing({ driver: { stuckFromUs: 10e6 } }),
      runGrowing({ driver: { fromUs: "never" } }),
    ];
    const ballooned = column(stuck, "memory_ballooned_mib");
    expect(column(sound, "memory_ballooned_mib").at(-1)).toBeGreaterThan(ballooned.at(-1) ?? 0);
    expect(stuck.metrics.host_swap_outs).toBeGreaterThan(sound.metrics.host_swap_outs);
    expect(absent.metrics.host_swap_outs).toBeGreaterThan(sound.metrics.host_swap_outs);
    // The guest with the stuck driver gives nothing up itself: what it swaps at all, it swaps before.
    expect(stuck.metrics.guest_swap_outs).toBeLessThan(sound.metrics.guest_swap_outs);
  });

  it("or slow is the same as none that starts after the end", () => {
    const late = runGrowing({ driver: { fromUs: 1e9 } });
    expect(late.metrics).toEqual(runGrowing({ driver: { fromUs: "never" } }).metrics);
  });
});

const runUnder = (allocation: Vmm["allocation"], guest: Partial<GuestShape>): CellOutcome =>
  runHost(
    { ...kvm, memory: [ballooning(), hostSwap()], allocation },
    server,
    [growing("a", 5, 40, guest), growing("b", 5, 40)],
    80 * MIB,
  );

describe("a driver that starts late", () => {
  it("is not used by a policy that moves no balloons", () => {
    const without = harvester({ admissionRatio: 0 });
    expect(runUnder(without, { driver: { fromUs: 20e6 } }).metrics).toEqual(runUnder(without, {}).metrics);
    expect(runUnder(without, {}).metrics.memory_ballooned_mib).toBe(0);
    expect(runUnder(mom(), {}).metrics.memory_ballooned_mib).toBeGreaterThan(0);
  });
});

describe("a VM that says it uses more than it does", () => {
  const lying = { statistics: { overstatedPages: 40 * MIB } };
  /** Both come to use 52 MiB of 64, on a host of 80. What happened, and how large the VMs are at the end, MiB. */
  function run(vmm: Vmm, machine: typeof server, guest: Partial<GuestShape>) {
    const guests = [growing("a", 5, 40, guest), growing("b", 5, 40)];
    const host = new HostSimulation({
      vmm,
      profile: machine,
      workloads: guests,
      hostPages: 80 * MIB,
      measure: measureOperations,
    });
    const { metrics, cycles } = host.run();
    return { metrics, cycles, sizes: host.guests.map(({ vm }) => (vm.pages - vm.ballooned) / MIB) };
  }

  it("is left more memory by MOM, and its neighbour no more than before", () => {
    const vmm = { ...kvm, memory: [ballooning(), hostSwap()], allocation: mom() };
    const [honest, liar] = [run(vmm, server, {}).sizes, run(vmm, server, lying).sizes];
    expect(honest[0]).toBeLessThan(58);
    expect(honest[0]).toBeCloseTo(honest[1], 1);
    // It has nothing to spare, it says; the other one is no better off for that.
    expect(liar[0]).toBeGreaterThan(honest[0] + 2);
    expect(liar[1]).toBeLessThanOrEqual(honest[1]);
  });

  it("is treated by ESX, which samples memory itself, as any other", () => {
    const vmm = { ...esx, memory: [ballooning(), hostSwap()] };
    expect(run(vmm, profile, lying)).toEqual(run(vmm, profile, {}));
  });
});

const job = (page: number): IoJob => hostSwapJob(undefined, page, 1, false);

const swapDiskOf = (parameters: Parameters<typeof hostSwap>[0]) =>
  buildHost({ ...esx, memory: [hostSwap(parameters)] }, 100).memory.slots.disk;

const runSwapping = (hostMib: number, parameters: Parameters<typeof hostSwap>[0]): CellOutcome =>
  runHost(
    { ...esx, memory: [hostSwap(parameters)] },
    profile,
    [growing("a", 5, 40), growing("b", 30, 40)],
    hostMib * MIB,
  );

describe("swap space on a disk of its own", () => {
  it("takes the time of that disk, and does not wait for the host's", () => {
    const events = new EventQueue();
    const disk = { positioningUs: 50_000, megabytesPerSecond: 4.096 };
    const devices = new HostDevices({
      vmm: esx,
      profile,
      events,
      ledger: new Ledger(),
      sharesOf: () => 1,
      swapDisk: disk,
      ownRequest: () => {},
    });
    // 7.7 ms and 4096 B at 60 MB/s on the host's disk; 50 ms and 1 ms on the other; both at once.
    devices.submit({ ...job(9), hostSwap: false }, 0);
    devices.submit(job(9), 0);
    const done: [number, number][] = [];
    while (events.take()) {
      if (events.kind === Event.DiskDone) done.push([events.subject, events.time / profile.megahertz / 1000]);
    }
    expect(done.map(([subject]) => subject)).toEqual([0, 1]);
    expect(done[0][1]).toBeCloseTo(7.7 + 4.096 / 60, 3);
    expect(done[1][1]).toBeCloseTo(51, 6);
    expect(devices.diskBusy / profile.megahertz / 1000).toBeCloseTo(done[0][1], 9);
  });

  it("is what the part says, and else the host's", () => {
    expect(swapDiskOf({})).toBeUndefined();
    expect(swapDiskOf({ diskPositioningMs: 77 })).toEqual({ positioningUs: 77_000, megabytesPerSecond: 60 });
    expect(swapDiskOf({ diskMegabytesPerSecond: 5 })).toEqual({ positioningUs: 7700, megabytesPerSecond: 5 });
  });

  it("that is slow makes a host that swaps slower, and leaves one that does not as it is", () => {
    const slow = { diskPositioningMs: 77 };
    expect(runSwapping(200, slow).metrics).toEqual(runSwapping(200, {}).metrics);
    const [usual, failing] = [runSwapping(80, {}), runSwapping(80, slow)];
    expect(usual.metrics.host_swap_outs).toBeGreaterThan(0);
    expect(failing.metrics.latency_mean_ms).toBeGreaterThanOrEqual(usual.metrics.latency_mean_ms);
  });
});
