/** The anticipatory I/O scheduler: times as Documentation/block/as-iosched.txt has them, at 1000 ticks a second unless a test says otherwise. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FREE } from "../../src/core/pending-charges.ts";
import type { MachineProfile } from "../../src/machine/profile.ts";
import { AnticipatoryScheduler } from "../../src/sim/anticipatory-scheduler.ts";
import { runHost } from "../../src/sim/host.ts";
import { JobKind } from "../../src/sim/io-job.ts";
import type { Taken } from "../../src/sim/request-rings.ts";
import { splitDriverDisk } from "../../src/vmm/io/split-driver.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import type { CompiledWorkload } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { profile, SMALL_GUEST } from "./fixtures.ts";

const MHZ = 1000;
const MS = 1000 * MHZ;
/** One that is farther than any two that are close. */
const FAR_PAGES = 2 ** 26;

function request(guest: number, page: number, pages: number, write: boolean): Taken {
  const common = { kind: JobKind.Disk, waiter: undefined, backend: FREE, units: 1, bytes: 0, hostSwap: false };
  return { job: { ...common, guest, page, pages, write }, ring: undefined, requests: 1, page, pages, bytes: 0 };
}

/** Somebody who makes its next request so long after the last one is done, somewhere. */
interface Client {
  readonly guest: number;
  readonly write: boolean;
  readonly thinkMs: number;
  readonly pageOf: (request: number) => number;
}
interface Served {
  readonly client: number;
  readonly askedMs: number;
  readonly beginMs: number;
  readonly endMs: number;
}

/** What the disk does for these clients, one request of `serviceMs` after the other. */
function serve(clients: readonly Client[], forMs: number, serviceMs: number, hz = 1000): Served[] {
  const scheduler = new AnticipatoryScheduler(hz, MHZ);
  const served: Served[] = [];
  const made = clients.map(() => 0);
  const asksAt = clients.map((_, i) => i * 0.01);
  const asked = new Map<Taken, { readonly client: number; readonly askedMs: number }>();
  let current: Served | undefined;
  for (let ms = 0; ms < forMs; ) {
    for (const [i, { guest, write, pageOf }] of clients.entries()) {
      if (asksAt[i] > ms) continue;
      const next = request(guest, pageOf(made[i]++), 1, write);
      asked.set(next, { client: i, askedMs: ms });
      scheduler.put(next, ms * MS);
      asksAt[i] = Infinity;
    }
    if (current === undefined) {
      const taken = scheduler.take(ms * MS);
      const of = taken && asked.get(taken);
      if (of !== undefined) current = { ...of, beginMs: ms, endMs: ms + serviceMs };
    }
    ms = Math.min(current?.endMs ?? Infinity, current === undefined ? scheduler.wakeAt / MS : Infinity, ...asksAt);
    if (current === undefined || current.endMs > ms) continue;
    scheduler.done(ms * MS);
    served.push(current);
    asksAt[current.client] = ms + clients[current.client].thinkMs;
    current = undefined;
  }
  return served;
}

function sequential(guest: number, thinkMs: number, write = false): Client {
  return { guest, write, thinkMs, pageOf: (i) => FAR_PAGES * (guest + 1) + i };
}
function turnsOf(served: readonly Served[]): number {
  return served.filter(({ client }, i) => i > 0 && client !== served[i - 1].client).length;
}

describe("the anticipatory I/O scheduler", () => {
  it("serves every request once, one at a time, and never leaves the disk idle for longer than 6 ms while one waits", () => {
    const action = fc.record({
      ms: fc.integer({ min: 0, max: 40 }),
      guest: fc.integer({ min: -1, max: 3 }),
      page: fc.integer({ min: 0, max: 1e6 }),
      write: fc.boolean(),
      finishes: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(action, { minLength: 1, maxLength: 80 }), (actions) => {
        const scheduler = new AnticipatoryScheduler(1000, MHZ);
        const waiting = new Set<Taken>();
        let atDisk: Taken | undefined;
        let now = 0;
        const take = (): void => {
          const taken = scheduler.take(now);
          if (taken === undefined) return;
          expect(atDisk).toBeUndefined();
          expect(waiting.delete(taken)).toBe(true);
          atDisk = taken;
        };
        const idle = (): void => {
          if (atDisk !== undefined || waiting.size === 0) return;
          expect(scheduler.wakeAt).toBeLessThanOrEqual(now + 6 * MS);
          now = Math.max(now, scheduler.wakeAt);
          take();
          expect(atDisk).toBeDefined();
        };
        for (const { ms, guest, page, write, finishes } of actions) {
          now = Math.max(now, now + ms * MS);
          const made = request(guest, page, 8, write);
          waiting.add(made);
          scheduler.put(made, now);
          take();
          idle();
          if (!finishes || atDisk === undefined) continue;
          scheduler.done(now);
          atDisk = undefined;
          take();
        }
        for (idle(); atDisk !== undefined; idle()) {
          now += 5 * MS;
          scheduler.done(now);
          atDisk = undefined;
          take();
        }
        expect(waiting.size).toBe(0);
      }),
    );
  });

  it("leaves the disk to a process that reads on within 6 ms until another one has waited for 125 ms", () => {
    const seconds = 10;
    const readers = [sequential(0, 1), sequential(1, 1)];
    const served = serve(readers, 1000 * seconds, 2);
    // One at a time: a read of 2 ms and a thought of 1 ms, for as long as the other has not expired.
    expect(served.length).toBeGreaterThan((1000 * seconds) / 3 / 1.01);
    expect(turnsOf(served)).toBeLessThanOrEqual((1000 * seconds) / 125 + 1);
    // Expiry is looked at every 125 ms, with the next request: the other one may have been a little too young the first time.
    expect(turnsOf(served)).toBeGreaterThan((1000 * seconds) / (2 * (125 + 3)) - 1);
  });

  it("does not wait for one that is known to take longer", () => {
    const served = serve([sequential(0, 15), sequential(1, 13), sequential(2, 14)], 10_000, 6);
    // Once their means have settled, the disk is idle only while nobody wants it.
    for (const [i, { askedMs, beginMs }] of served.entries()) {
      if (i >= 60) expect(beginMs).toBe(Math.max(askedMs, served[i - 1].endMs));
    }
    expect(served.slice(60).filter(({ askedMs, beginMs }) => beginMs > askedMs).length).toBeGreaterThan(100);
  });

  it("waits for a tick at most where the kernel has a hundred of them in a second", () => {
    const served = serve([sequential(0, 1e6), { ...sequential(1, 1e6), pageOf: () => FAR_PAGES * 7 }], 1000, 2, 100);
    expect(served).toHaveLength(2);
    // The first read is done in the first tick, and no other comes from there: the second begins with the next one.
    expect(served[1].beginMs).toBe(10);
  });

  it("gives reads 500 ms and then writes 125, where both are always wanted", () => {
    const writers = Array.from({ length: 40 }, (_, i) => ({ ...sequential(i, 0, true), guest: 1 }));
    const readers = Array.from({ length: 4 }, () => ({ ...sequential(0, 0), guest: 0 }));
    const served = serve([...writers, ...readers], 60_000, 5);
    const settled = served.filter(({ beginMs }) => beginMs > 10_000);
    const share = settled.filter(({ client }) => client < writers.length).length / settled.length;
    expect(share).toBeGreaterThan(125 / 625 - 0.03);
    expect(share).toBeLessThan(125 / 625 + 0.03);
  });

  it("goes over the disk one way, then again from the beginning", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 1000 }), { minLength: 2, maxLength: 40 }), (places) => {
        const scheduler = new AnticipatoryScheduler(1000, MHZ);
        // Farther apart than a sweep goes back for, 512 MB.
        const pages = places.map((place) => place * 2 ** 18);
        for (const page of pages) scheduler.put(request(0, page, 1, true), 0);
        const order: number[] = [];
        for (let next = scheduler.take(0); next !== undefined; next = scheduler.take(0)) {
          order.push(next.page);
          scheduler.done(0);
        }
        expect(order).toEqual([...pages].sort((a, b) => a - b));
        const half = request(0, order[order.length - 1] + 2 ** 18, 1, true);
        const behind = request(0, 5, 1, true);
        for (const late of [behind, half]) scheduler.put(late, 0);
        expect(scheduler.take(0)).toBe(half);
      }),
    );
  });

  it("wants every request that is done to have been at the disk", () => {
    expect(() => new AnticipatoryScheduler(1000, MHZ).done(0)).toThrow("the disk has no request that could be done");
  });
});

/** Two domains that read a file each, page after page, and compute for 2 ms after each. */
function reader(): CompiledWorkload {
  const stream = new OperationStreamBuilder();
  for (let i = 0; i < 400; i++) {
    stream.add(Op.Request, 0, 0, 0);
    stream.add(Op.ReadFile, 8 * i, 8);
    stream.add(Op.Compute, 2000 * Math.round(profile.megahertz));
  }
  const guest = { ...SMALL_GUEST, memoryPages: 8192, filePages: 4000 };
  return { name: "reader", guest, stream: stream.finish(), durationUs: 0, warmupUs: 0 };
}

describe("domains of a host whose dom0 has it", () => {
  const machine: MachineProfile = { ...profile, cores: 4 };
  const elapsed = (hz: number): number => {
    const vmm = { ...xenPv, memory: [], disk: splitDriverDisk({ anticipatoryHz: hz }) };
    const backEnd = { frontend: {}, backend: { "io.backend": 1000 } };
    const { metrics } = runHost(vmm, machine, [reader(), reader()], 3 * 8192, () => ({ "disk-read": backEnd }));
    return metrics.elapsed_ms;
  };

  it("read faster than if each request moves the head from one's file to the other's, as Iyer and Druschel 2001 had it", () => {
    const [asTheyCome, anticipating] = [elapsed(0), elapsed(1000)];
    // Without: a way of the head to each of the 800 requests.
    expect(asTheyCome).toBeGreaterThan(800 * (profile.disk.positioningUs / 1000));
    // With: 2 ms of computing and a part of one at a disk of 60 MB/s for each, and a way each time that one has waited for 125 ms.
    const each = 2 + (8 * 4096) / (1e3 * profile.disk.megabytesPerSecond);
    expect(anticipating).toBeLessThan(800 * each * (1 + (2 * profile.disk.positioningUs) / 125_000) * 1.1);
  });
});
