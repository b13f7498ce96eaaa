import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FREE } from "../../src/core/pending-charges.ts";
import { DiskShares } from "../../src/sim/disk-shares.ts";
import { runHost } from "../../src/sim/host.ts";
import { JobKind } from "../../src/sim/io-job.ts";
import type { Taken } from "../../src/sim/request-rings.ts";
import { esx } from "../../src/vmm/esx.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import type { MachineProfile } from "../../src/machine/profile.ts";
import { vmkernelDisk } from "../../src/vmm/io/vmkernel.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import type { CompiledWorkload } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { profile, SMALL_GUEST } from "./fixtures.ts";

const SHARING = { outstanding: 1, inRow: 8, pagesPerUnit: 16 };
/** What a command costs its VM: one unit, and one more for 64 KiB. */
const unitsOf = (pages: number): number => 1 + pages / 16;

function command(guest: number, page: number, pages: number): Taken {
  const job = {
    kind: JobKind.Disk,
    guest,
    waiter: undefined,
    backend: FREE,
    units: 1,
    page,
    pages,
    bytes: 0,
    hostSwap: false,
  };
  return { job, ring: undefined, requests: 1, page, pages, bytes: 0 };
}

describe("disk shares", () => {
  it("give VMs that always want the disk units by their shares, within a command of each", () => {
    const shares = fc.integer({ min: 1, max: 4000 });
    const sizes = fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 20, maxLength: 60 });
    fc.assert(
      fc.property(fc.array(fc.tuple(shares, sizes), { minLength: 2, maxLength: 5 }), (vms) => {
        const disk = new DiskShares(SHARING, (guest) => vms[guest][0]);
        vms.forEach(([, pages], guest) => {
          for (const [i, size] of pages.entries()) disk.put(command(guest, 1000 * i, size));
        });
        const served = vms.map(() => 0);
        const left = vms.map(([, pages]) => pages.length);
        const largest = vms.map(([, pages]) => unitsOf(Math.max(...pages)));
        // Until the first VM has no more: from then on the others share what is its.
        while (left.every((count) => count > 0)) {
          const taken = disk.take();
          if (taken === undefined) throw new Error("the disk is left idle");
          served[taken.job.guest] += unitsOf(taken.pages);
          left[taken.job.guest]--;
          disk.done();
          for (let a = 0; a < vms.length; a++) {
            for (let b = 0; b < a; b++) {
              const apart = Math.abs(served[a] / vms[a][0] - served[b] / vms[b][0]);
              // Goyal, Vin and Cheng 1996, theorem 1.
              expect(apart).toBeLessThanOrEqual((largest[a] / vms[a][0] + largest[b] / vms[b][0]) * (1 + 1e-9));
            }
          }
        }
      }),
    );
  });

  it("save nothing up for a VM that did not want the disk", () => {
    const disk = new DiskShares(SHARING, () => 1000);
    const order: number[] = [];
    const serve = (count: number): void => {
      for (let i = 0; i < count; i++) {
        order.push(disk.take()?.job.guest ?? -1);
        disk.done();
      }
    };
    for (let i = 0; i < 100; i++) disk.put(command(0, 1000 * i, 8));
    serve(50);
    for (let i = 0; i < 50; i++) disk.put(command(1, 1000 * i, 8));
    serve(100);
    expect(order.slice(50).filter((guest) => guest === 1)).toHaveLength(50);
    const [zero, one] = [0, 1].map((guest) => order.slice(50, 90).filter((other) => other === guest).length);
    expect(Math.abs(zero - one)).toBeLessThanOrEqual(1);
  });

  it("let a VM go on where it is for eight commands, and have no more at the device than it takes", () => {
    const disk = new DiskShares({ ...SHARING, outstanding: 3 }, () => 1000);
    for (let i = 0; i < 20; i++) disk.put(command(0, 8 * i, 8));
    for (let i = 0; i < 4; i++) disk.put(command(1, 5000 + 100 * i, 8));
    const order: number[] = [];
    for (let i = 0; i < 3; i++) order.push(disk.take()?.job.guest ?? -1);
    expect(disk.take()).toBeUndefined();
    for (let i = 3; i < 14; i++) {
      disk.done();
      order.push(disk.take()?.job.guest ?? -1);
    }
    expect(order).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0]);
  });
});

/** A turn is worth the same wherever the head is: every place is as far away as any other. */
const { writeCache, stroke: _, ...disk } = profile.disk;
const withoutCache: MachineProfile = { ...profile, disk };

/** Sixteen threads that write a page each, again and again, all over their file, for 20 s. */
function writer(diskShares: CompiledWorkload["diskShares"], writes: number): CompiledWorkload {
  const stream = new OperationStreamBuilder();
  for (let i = 0; i < writes; i++) {
    stream.add(Op.Request, 0, 0, 0);
    stream.add(Op.WriteFile, (i * 7919) % 20_000, 1, 1);
  }
  const guest = { ...SMALL_GUEST, memoryPages: 8192, filePages: 20_000, threads: 16 };
  const shares = diskShares === undefined ? {} : { diskShares };
  return { name: "writer", guest, stream: stream.finish(), durationUs: 20e6, warmupUs: 2e6, ...shares };
}
/** Requests that each of these writers gets done, of so many that it has. */
function done(
  vmm: Vmm,
  vms: readonly CompiledWorkload["diskShares"][],
  machine = withoutCache,
  writes = 8000,
): number[] {
  const writers = vms.map((shares) => writer(shares, writes));
  const { vms: table } = runHost(vmm, machine, writers, 8192 * vms.length, () => ({}));
  return table?.rows.map((row) => row[table.columns.indexOf("requests_done")]) ?? [];
}

describe("VMs of a host that write all the time", () => {
  it("get it by their shares on ESX: high and low are four to one", () => {
    const one: Vmm = { ...esx, disk: vmkernelDisk({ outstanding: 1 }) };
    const [high, low] = done(one, ["high", "low"]);
    expect(high / low).toBeGreaterThan(3.8);
    expect(high / low).toBeLessThan(4.2);
  });

  it("get a disk that caches what they write by their shares, too, once its cache is full", () => {
    expect(writeCache).toBeDefined();
    const one: Vmm = { ...esx, disk: vmkernelDisk({ outstanding: 1 }) };
    const [high, low] = done(one, ["high", "low"], profile, 60_000);
    expect(high + low).toBeGreaterThan(2 * 8000);
    expect(high / low).toBeGreaterThan(3.8);
    expect(high / low).toBeLessThan(4.2);
  });

  it("get it alike where nobody is set apart, and on a VMM without shares", () => {
    for (const vmm of [esx, kvm]) {
      const [a, b] = done(vmm, [1000, 1000]);
      expect(a / b).toBeGreaterThan(0.95);
      expect(a / b).toBeLessThan(1.05);
    }
  });

  it("are kept apart less, the more commands are at the device", () => {
    const ratios = [1, 8, 32].map((outstanding) => {
      const [high, low] = done({ ...esx, disk: vmkernelDisk({ outstanding }) }, ["high", "low"]);
      return high / low;
    });
    expect(ratios[1]).toBeLessThan(ratios[0]);
    // As many as the VMs have in all: nobody ever waits for a turn.
    expect(ratios[2]).toBeCloseTo(1, 1);
  });
});
