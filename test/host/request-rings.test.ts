import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { costOf } from "../../src/core/pending-charges.ts";
import { cause } from "../../src/core/ledger.ts";
import { FRAME_HEADER_BYTES, PAYLOAD } from "../../src/machine/network-link.ts";
import { runHost } from "../../src/sim/host.ts";
import { type IoJob, JobKind } from "../../src/sim/io-job.ts";
import { RequestRings, type Taken } from "../../src/sim/request-rings.ts";
import { TransmitCredit } from "../../src/sim/transmit-credit.ts";
import type { CellOutcome } from "../../src/sim/cell.ts";
import type { MeasuredOperation } from "../../src/sim/operations.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { native } from "../../src/vmm/native.ts";
import { splitDriverDisk, splitDriverNetwork } from "../../src/vmm/io/split-driver.ts";
import { xenDriversDisk } from "../../src/vmm/io/xen-drivers.ts";
import { workstation } from "../../src/vmm/workstation.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import { xenPv1 } from "../../src/vmm/xen-pv-1.ts";
import type { CompiledWorkload, GuestShape } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { profile } from "./fixtures.ts";

const PRICE = costOf(cause("io.backend.request"), 1000);
const BLOCK = { entries: 32, pagesPerRequest: 11, inTurn: 16, underWay: 64 };

function diskJob(guest: number, page: number, pages: number): IoJob {
  return {
    kind: JobKind.Disk,
    guest,
    waiter: undefined,
    backend: PRICE,
    units: 1,
    page,
    pages,
    bytes: 0,
    hostSwap: false,
  };
}

function packets(guest: number, bytes: number): IoJob {
  const units = Math.max(1, Math.ceil(bytes / PAYLOAD));
  return {
    kind: JobKind.Transmit,
    guest,
    waiter: undefined,
    backend: PRICE,
    units,
    page: 0,
    pages: 0,
    bytes,
    hostSwap: false,
  };
}

function answer(taken: Taken): boolean {
  if (taken.ring === undefined) throw new Error("not from a ring");
  return taken.ring.rings.answer(taken.ring.queued, taken.requests);
}

describe("rings of block requests", () => {
  it("are of the sizes of their release", () => {
    for (const [{ definition, parameters }, entries] of [
      [splitDriverDisk(), 32],
      [xenDriversDisk(), 64],
    ] as const) {
      expect(definition.queueOf?.(parameters)).toEqual({ ...BLOCK, entries });
    }
    // virtio: 128 requests of 126 pages, and nobody between ring and disk.
    const virtio = { entries: 128, pagesPerRequest: 126, underWay: Infinity, sharing: undefined };
    expect(kvm.disk.definition.queueOf?.(kvm.disk.parameters)).toMatchObject(virtio);
    // A process that calls its host, and has an answer when the call is over.
    const hosted = { entries: 1, pagesPerRequest: Infinity, inTurn: 1, underWay: Infinity };
    expect(workstation.disk.definition.queueOf?.(workstation.disk.parameters)).toEqual(hosted);
    const network = splitDriverNetwork();
    expect(network.definition.queueOf?.(network.parameters)).toMatchObject({ entries: 256, inTurn: 1 });
  });

  it("cut a job into requests of 11 pages, 16 of a guest in its turn, 32 of a guest and 64 of all at a time", () => {
    let full = 0;
    const rings = new RequestRings(BLOCK, () => full++);
    rings.put(diskJob(0, 1000, 500));
    rings.put(diskJob(1, 5000, 12));
    rings.put(diskJob(2, 9000, 500));
    rings.put(diskJob(3, 20_000, 500));
    // 46 requests do not fit on a ring of 32, two do.
    expect(full).toBe(3);
    const taken: Taken[] = [];
    for (let one = rings.take(Infinity, 0); one !== undefined; one = rings.take(Infinity, 0)) taken.push(one);
    expect(taken.map(({ job, requests, page, pages }) => [job.guest, requests, page, pages])).toEqual([
      [0, 16, 1000, 176],
      [1, 2, 5000, 12],
      [2, 16, 9000, 176],
      [3, 16, 20_000, 176],
      [0, 14, 1176, 154],
    ]);
    expect(answer(taken[1])).toBe(true);
    expect(answer(taken[0])).toBe(false);
    // The turn of guest 0 goes on, but its ring has room for two more only when those that are answered are gone.
    expect(rings.take(Infinity, 0)).toMatchObject({ requests: 2, page: 1330 });
    expect(rings.take(Infinity, 0)).toMatchObject({ requests: 16, page: 9176 });
  });

  it("give guests their turns like somebody who looks at one guest after the other", () => {
    const step = fc.oneof(
      fc.record({ put: fc.nat(70), pages: fc.integer({ min: 1, max: 300 }) }),
      fc.record({ take: fc.integer({ min: 1, max: 20 }) }),
      fc.record({ answer: fc.nat(100) }),
    );
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 200 }), (steps) => {
        const rings = new RequestRings(BLOCK, () => {});
        const underWay: Taken[] = [];
        /** By guest: requests of each of its jobs, and those that are not answered. */
        const jobs: number[][] = [];
        const open: number[] = [];
        let [turn, left] = [0, BLOCK.inTurn];
        const expected = (most: number): readonly [number, number] | undefined => {
          const all = open.reduce((sum, one) => sum + one, 0);
          if (jobs.every(({ length }) => length === 0) || all >= BLOCK.underWay) return undefined;
          for (let looked = 0; looked <= jobs.length; looked++) {
            const room = Math.min(most, left, BLOCK.entries - open[turn], BLOCK.underWay - all, jobs[turn][0] ?? 0);
            if (room > 0) return [turn, room];
            turn = (turn + 1) % jobs.length;
            left = BLOCK.inTurn;
          }
          return undefined;
        };
        for (const one of steps) {
          if ("put" in one) {
            while (jobs.length <= one.put) open[jobs.push([]) - 1] = 0;
            jobs[one.put].push(Math.ceil(one.pages / BLOCK.pagesPerRequest));
            rings.put(diskJob(one.put, 0, one.pages));
          } else if ("take" in one) {
            const next = expected(one.take);
            const taken = rings.take(one.take, 0);
            expect(taken && [taken.job.guest, taken.requests]).toEqual(next);
            if (taken === undefined || next === undefined) continue;
            const [guest, requests] = next;
            underWay.push(taken);
            open[guest] += requests;
            left -= requests;
            jobs[guest][0] -= requests;
            if (jobs[guest][0] === 0) jobs[guest].shift();
          } else if (underWay.length > 0) {
            const [taken] = underWay.splice(one.answer % underWay.length, 1);
            answer(taken);
            open[taken.job.guest] -= taken.requests;
          }
        }
      }),
    );
  });

  it("serve whatever comes once, in order, within their bounds", () => {
    const step = fc.oneof(
      fc.record({ put: fc.nat(3), pages: fc.integer({ min: 1, max: 600 }) }),
      fc.record({ take: fc.integer({ min: 1, max: 40 }) }),
      fc.record({ answer: fc.nat(100) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const rings = new RequestRings(BLOCK, () => {});
        const underWay: Taken[] = [];
        const pagesLeft = new Map<IoJob, number>();
        const order: IoJob[][] = [[], [], [], []];
        const finished = new Set<IoJob>();
        const take = (most: number): boolean => {
          const taken = rings.take(most, 0);
          if (taken === undefined) return false;
          const { job, requests, page, pages } = taken;
          const left = pagesLeft.get(job) ?? NaN;
          expect([order[job.guest][0], page]).toEqual([job, job.page + job.pages - left]);
          expect(requests).toBe(Math.ceil(pages / 11));
          expect(requests).toBeLessThanOrEqual(Math.min(most, 16));
          pagesLeft.set(job, left - pages);
          if (left === pages) order[job.guest].shift();
          else expect(pages).toBe(requests * 11);
          underWay.push(taken);
          const count = (of: (guest: number) => boolean): number =>
            underWay.reduce((sum, one) => sum + (of(one.job.guest) ? one.requests : 0), 0);
          for (let guest = 0; guest < 4; guest++) expect(count((one) => one === guest)).toBeLessThanOrEqual(32);
          expect(count(() => true)).toBeLessThanOrEqual(64);
          return true;
        };
        const answerOne = (which: number): void => {
          const [taken] = underWay.splice(which % underWay.length, 1);
          const done = answer(taken);
          expect(done).toBe(pagesLeft.get(taken.job) === 0 && !underWay.some(({ job }) => job === taken.job));
          if (done) finished.add(taken.job);
        };
        for (const [i, one] of steps.entries()) {
          if ("put" in one) {
            const job = diskJob(one.put, i * 1000, one.pages);
            pagesLeft.set(job, one.pages);
            order[one.put].push(job);
            rings.put(job);
          } else if ("take" in one) take(one.take);
          else if (underWay.length > 0) answerOne(one.answer);
        }
        while (take(16) || underWay.length > 0) if (underWay.length > 0) answerOne(0);
        expect(finished.size).toBe(pagesLeft.size);
      }),
    );
  });

  it("are no bound where the VMM has none: a job is one request, of any size", () => {
    const none = { entries: Infinity, pagesPerRequest: Infinity, inTurn: 1, underWay: Infinity };
    const rings = new RequestRings(none, () => {});
    for (const guest of [0, 0, 1]) rings.put(diskJob(guest, 100, 5000));
    const taken = [0, 1, 2].map(() => rings.take(Infinity, 0));
    expect(taken.map((one) => [one?.job.guest, one?.requests, one?.pages])).toEqual([
      [0, 1, 5000],
      [1, 1, 5000],
      [0, 1, 5000],
    ]);
    expect(taken.every((one) => one !== undefined && answer(one))).toBe(true);
  });

  it("take one packet of each guest in turn", () => {
    const rings = new RequestRings({ entries: 256, pagesPerRequest: Infinity, inTurn: 1, underWay: 256 }, () => {});
    rings.put(packets(0, 5 * PAYLOAD));
    rings.put(packets(2, 2.5 * PAYLOAD));
    const order: [number, number][] = [];
    for (let one = rings.take(16, 0); one !== undefined; one = rings.take(16, 0))
      order.push([one.job.guest, one.bytes]);
    expect(order.map(([guest]) => guest)).toEqual([0, 2, 0, 2, 0, 2, 0, 0]);
    expect(order.map(([, bytes]) => bytes / PAYLOAD)).toEqual([1, 1, 1, 1, 1, 0.5, 1, 1]);
  });
});

describe("the credit of netback", () => {
  const MHZ = 1000;
  const PERIOD = 50_000 * MHZ;
  const PACKET = PAYLOAD + FRAME_HEADER_BYTES;

  /** Cycles at which each of so many packets of a guest that always has one goes out. */
  function departures(bytes: number, count: number): number[] {
    const credit = new TransmitCredit({ bytes, periodUs: 50_000 }, MHZ);
    const times: number[] = [];
    let now = 0;
    while (times.length < count) {
      if (credit.covers(0, PACKET, now)) {
        credit.use(0, PACKET);
        times.push(now);
      } else {
        now = credit.nextAt;
        credit.nextAt = Infinity;
      }
    }
    return times;
  }

  it("lets a period's bytes out at once, the next ones a period later, what is left over kept", () => {
    const times = departures(10 * PACKET + 700, 100);
    const sent = (period: number): number => times.filter((at) => at === period * PERIOD).length;
    for (let period = 0; period < 8; period++) {
      const until = Math.floor(((period + 1) * (10 * PACKET + 700)) / PACKET);
      const before = Math.floor((period * (10 * PACKET + 700)) / PACKET);
      expect(sent(period)).toBe(until - before);
    }
  });

  it("is not saved up beyond a burst by a guest that sends nothing", () => {
    const credit = new TransmitCredit({ bytes: 200_000, periodUs: 50_000 }, MHZ);
    expect(credit.covers(0, 1500, 0)).toBe(true);
    expect(credit.covers(0, 200_001, PERIOD * 100)).toBe(false);
    expect(credit.covers(0, 200_000, PERIOD * 100)).toBe(true);
  });
});

const SHAPE: GuestShape = {
  memoryPages: 16_384,
  kernelPages: 100,
  processes: 1,
  anonymousPages: 100,
  residentAnonymousPages: 50,
  filePages: 60_000,
  residentFilePages: 0,
  swapPages: 1024,
  threads: 1,
};
/** The prices of a VMM whose back end takes this long for a request or a packet. */
const prices = (cycles: number) => (): Record<string, MeasuredOperation> => {
  const operation: MeasuredOperation = { frontend: {}, backend: cycles > 0 ? { "io.backend.request": cycles } : {} };
  return Object.fromEntries(
    ["disk-read", "disk-write", "send-packet", "receive-packet"].map((name) => [name, operation]),
  );
};

function workload(name: string, fill: (stream: OperationStreamBuilder) => void, threads = 1): CompiledWorkload {
  const stream = new OperationStreamBuilder();
  fill(stream);
  return { name, guest: { ...SHAPE, threads }, stream: stream.finish(), durationUs: 0, warmupUs: 0 };
}

function latencies({ vms }: CellOutcome): number[] {
  const column = vms?.columns.indexOf("latency_mean_ms") ?? -1;
  return vms?.rows.map((row) => row[column]) ?? [];
}

/** Fifty bursts of packets, one after the other. */
function sender(name: string, packetsInBurst: number): CompiledWorkload {
  return workload(name, (stream) => {
    for (let i = 0; i < 50; i++) {
      stream.add(Op.Request, 0, 0, 0);
      stream.add(Op.Send, packetsInBurst * PAYLOAD);
    }
  });
}

describe("a host whose guests share rings and dom0", () => {
  /** Reads 6 scattered pages, one after the other, while another guest writes 4000 pages at a time, four side by side. */
  const reader = workload("reader", (stream) => {
    for (let i = 0; i < 6; i++) {
      stream.add(Op.Request, 0, 0, 0);
      stream.add(Op.ReadFile, 1000 * i, 1);
    }
  });
  const writer = workload(
    "writer",
    (stream) => {
      for (let i = 0; i < 24; i++) {
        stream.add(Op.Request, 0, 0, 0);
        stream.add(Op.WriteFile, 2000 * i, 4000, 1);
      }
    },
    4,
  );

  it("has a reader wait for no more than the others may have under way, where a queue without rings has no bound", () => {
    const { positioningUs, megabytesPerSecond } = profile.disk;
    const pageMs = 4096 / megabytesPerSecond / 1000;
    const boundMs = (32 * 11 + 1) * pageMs + (3 * positioningUs) / 1000;
    const [ringed] = latencies(runHost(xenPv1, profile, [reader, writer], 40_000, prices(0)));
    const [queued] = latencies(runHost({ ...native, maxGuests: 2 }, profile, [reader, writer], 40_000, prices(0)));
    expect(ringed).toBeLessThan(2 * boundMs);
    expect(queued).toBeGreaterThan(4000 * pageMs);
  });

  it("has a process of VMware Workstation ask for one thing after the other, so that a neighbour waits for one of them", () => {
    // Every place is as far away as any other: what one waits is told by how many accesses go before.
    const { writeCache: _, stroke: __, ...disk } = profile.disk;
    const scattered = workload(
      "scattered",
      (stream) => {
        for (let i = 0; i < 200; i++) {
          stream.add(Op.Request, 0, 0, 0);
          stream.add(Op.WriteFile, 20 * i, 1, 1);
        }
      },
      8,
    );
    const accesses = (vmm: Vmm): number => {
      const [mine] = latencies(runHost(vmm, { ...profile, disk }, [reader, scattered], 40_000, prices(0)));
      return (1000 * mine) / disk.positioningUs;
    };
    // Its own access, and one of the other's at most; else one of each of the other's threads, but for the first of six.
    expect(accesses({ ...workstation, memory: [] })).toBeLessThan(2.1);
    expect(accesses({ ...native, maxGuests: 2 })).toBeGreaterThan((1 + 5 * 9) / 6);
  });

  it("lets a guest of KVM have 128 requests of 126 pages on its ring, and the next when one is answered", () => {
    const big = workload("big", (stream) => {
      stream.add(Op.Request, 0, 0, 0);
      stream.add(Op.WriteFile, 0, 14_000, 1);
      stream.add(Op.Request, 0, 0, 0);
      stream.add(Op.WriteFile, 20_000, 12_000, 1);
    });
    const shape = { ...big.guest, memoryPages: 40_000 };
    const { events, metrics } = runHost(kvm, profile, [{ ...big, guest: shape }], 40_000, prices(0));
    // 14,000 pages are 112 requests: none of them waits in the guest.
    expect(events["event.io.ring-full"]).toBeUndefined();
    const full = { ...shape, memoryPages: 60_000 };
    const more = workload("more", (stream) => {
      stream.add(Op.Request, 0, 0, 0);
      stream.add(Op.WriteFile, 0, 126 * 130, 1);
    });
    // Without KSM, whose merged pages would have to be copied first, and on a disk that is done when pages are on its medium.
    const { writeCache, ...disk } = profile.disk;
    const machine = { ...profile, disk };
    const kvmAlone: Vmm = { ...kvm, memory: [] };
    const second = runHost(kvmAlone, machine, [{ ...more, guest: full }], 60_000, prices(0));
    expect(second.events["event.io.ring-full"]).toBe(1);
    // A ring that is full keeps no disk waiting: pages go out at its rate, after one positioning.
    const pageMs = 4096 / profile.disk.megabytesPerSecond / 1000;
    const allOut = 126 * 130 * pageMs + profile.disk.positioningUs / 1000;
    expect(second.metrics.elapsed_ms).toBeCloseTo(allOut, 0);
    // The last ones are done when the cache has them, at the earliest: with no more than it holds left.
    const third = runHost(kvmAlone, profile, [{ ...more, guest: full }], 60_000, prices(0));
    const cachedMs = (writeCache?.pages ?? 0) * pageMs;
    expect(third.metrics.elapsed_ms).toBeLessThan(allOut);
    expect(third.metrics.elapsed_ms).toBeGreaterThan(allOut - cachedMs - 1);
    expect(metrics.requests_done).toBe(2);
  });

  it("charges dom0 for each request of a job, and counts when a ring is full", () => {
    const { events, cycles } = runHost(xenPv, profile, [writer], 20_000, prices(5000));
    const requests = 24 * Math.ceil(4000 / 11);
    expect(events["io.backend.request"]).toBe(requests);
    expect(cycles["io.backend.request"]).toBe(5000 * requests);
    expect(events["event.io.ring-full"]).toBe(24);
  });

  it("has a guest that sends too much wait for its credit, and nobody else", () => {
    const limited: Vmm = { ...xenPv, network: splitDriverNetwork({ rateKilobytes: 100 }) };
    const outcome = runHost(limited, profile, [sender("greedy", 20), sender("modest", 1)], 40_000, prices(5000));
    const [greedy, modest] = latencies(outcome);
    // 50 bursts of 20 packets at 100 kB in 50 ms.
    const periods = (50 * 20 * (PAYLOAD + FRAME_HEADER_BYTES)) / 100_000 - 1;
    expect(outcome.metrics.elapsed_ms).toBeGreaterThan(50 * Math.floor(periods));
    expect(outcome.metrics.elapsed_ms).toBeLessThan(50 * (periods + 2));
    expect(greedy).toBeGreaterThan(10);
    expect(modest).toBeLessThan(1);
  });

  it("serves nobody faster than dom0 gets the processor", () => {
    const one = { ...profile, cores: 1 };
    const hog = workload("hog", (stream) => {
      for (let i = 0; i < 400; i++) stream.add(Op.Compute, profile.megahertz * 10_000);
    });
    const busy = workload("busy", (stream) => {
      stream.add(Op.Request, 0, 0, 0);
      for (let i = 0; i < 200; i++) stream.add(Op.Send, 20 * PAYLOAD);
    });
    // 4000 packets of 1 ms are 4 s of dom0; alone it gets all of the processor, beside a hog its half.
    const price = prices(profile.megahertz * 1000);
    const idle = workload("idle", () => {});
    const [alone] = latencies(runHost(xenPv, one, [busy, idle], 40_000, price));
    const [beside] = latencies(runHost(xenPv, one, [busy, hog], 40_000, price));
    expect(alone).toBeGreaterThanOrEqual(4000);
    expect(alone).toBeLessThan(4100);
    expect(beside).toBeGreaterThan(1.7 * alone);
    expect(beside).toBeLessThan(2.3 * alone);
  });
});
