import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FREE } from "../../src/core/pending-charges.ts";
import { JobKind } from "../../src/sim/io-job.ts";
import { runHost } from "../../src/sim/host.ts";
import type { Taken } from "../../src/sim/request-rings.ts";
import { METADATA_PAGE } from "../../src/sim/disk-areas.ts";
import { VmfsVolume, type VolumeRequest } from "../../src/sim/vmfs-volume.ts";
import { ownRequestCost } from "../../src/sim/vmm-work.ts";
import { composeVmm } from "../../src/vmm/compose.ts";
import { PARTS } from "../../src/vmm/parts.ts";
import { esx } from "../../src/vmm/esx.ts";
import { vmkernelDisk } from "../../src/vmm/io/vmkernel.ts";
import type { VolumeSettings } from "../../src/vmm/host-contract.ts";
import type { CompiledWorkload } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { profile, SMALL_GUEST } from "./fixtures.ts";

const BLOCK = 256;
const SERVICE = 10;
const THIN: VolumeSettings = { thin: true, blockPages: BLOCK, atomicTestAndSet: false, otherHostsPerSecond: 0 };

function command(guest: number, page: number, pages: number, write: boolean): Taken {
  const common = { kind: JobKind.Disk, guest, waiter: undefined, backend: FREE, units: 1, bytes: 0, hostSwap: false };
  return { job: { ...common, page, pages, write }, ring: undefined, requests: 1, page, pages, bytes: 0 };
}

/** A volume on a disk that takes 10 for every request and serves any number at once. */
class Bench {
  readonly requests: (VolumeRequest & { readonly at: number })[] = [];
  readonly gone: { readonly taken: Taken; readonly at: number }[] = [];
  waited = 0;
  grown = 0;
  readonly volume: VmfsVolume;
  readonly #pending: { readonly at: number; readonly done: (now: number) => void }[] = [];

  constructor(settings: VolumeSettings) {
    this.volume = new VmfsVolume(settings, {
      request: (request, at, done) => {
        this.requests.push({ ...request, at });
        this.#pending.push({ at: at + SERVICE, done });
      },
      goOn: (taken, at) => this.gone.push({ taken, at }),
      grows: () => this.grown++,
      waited: (cycles) => {
        this.waited += cycles;
      },
    });
  }

  /** Everything up to a time. */
  until(now: number): void {
    for (;;) {
      this.#pending.sort((a, b) => a.at - b.at);
      const next = this.#pending[0];
      if (next === undefined || next.at > now) return;
      this.#pending.shift();
      next.done(next.at);
    }
  }
}

describe("a VMFS volume", () => {
  it("makes the first write to a block wait for its transaction, step by step, and no other", () => {
    const bench = new Bench(THIN);
    bench.volume.submit(command(3, 5 * BLOCK + 7, 2, true), 0);
    bench.volume.submit(command(3, 5 * BLOCK, 1, true), 5);
    bench.until(Infinity);
    const steps = bench.requests.map(({ page, pages, write, at }) => [at, page, pages, write]);
    const lock = METADATA_PAGE;
    expect(steps).toEqual([
      [0, lock, 1, false],
      [10, lock, 1, true],
      [20, lock + 257, 1, true],
      [30, lock + 1024, 1, true],
      [40, lock + 2048 + 3, 1, true],
      [50, 5 * BLOCK, BLOCK, true],
      [60, lock, 1, false],
      [70, lock, 1, true],
    ]);
    expect(bench.gone.map(({ at }) => at)).toEqual([80, 80]);
    bench.volume.submit(command(3, 5 * BLOCK + 100, 3, true), 100);
    bench.volume.submit(command(3, 9 * BLOCK, 3, false), 100);
    bench.volume.submit(command(3, 9 * BLOCK, 3, true), 100);
    expect(bench.gone.slice(2).map(({ at }) => at)).toEqual([100, 100, 100]);
    expect([bench.grown, bench.waited]).toEqual([1, 0]);
  });

  it("lets one file wait for the other with reservations, and neither with atomic test and set", () => {
    const ends = [false, true].map((atomicTestAndSet) => {
      const bench = new Bench({ ...THIN, atomicTestAndSet });
      for (const guest of [0, 1]) bench.volume.submit(command(guest, (guest + 10) * BLOCK, 1, true), 0);
      bench.until(Infinity);
      return [...bench.gone.map(({ at }) => at), bench.waited];
    });
    expect(ends).toEqual([
      [80, 160, 80],
      [60, 60, 0],
    ]);
  });

  it("keeps this host's commands from the disk while another host has reserved it", () => {
    const settings = { ...THIN, thin: false, otherHostsPerSecond: 1 };
    const bench = new Bench(settings);
    bench.volume.otherHost(0);
    bench.volume.submit(command(0, 10 * BLOCK, 1, true), 4);
    bench.until(Infinity);
    expect(bench.gone.map(({ at }) => at)).toEqual([20]);
    expect([bench.waited, bench.grown]).toEqual([16, 0]);
    expect(bench.requests.map(({ own }) => own)).toEqual([false, false]);
    const atomic = new Bench({ ...settings, atomicTestAndSet: true });
    atomic.volume.otherHost(0);
    atomic.volume.submit(command(0, 10 * BLOCK, 1, true), 4);
    expect(atomic.gone.map(({ at }) => at)).toEqual([4]);
  });

  it.each([false, true])("lets this host on however often others ask (atomic test and set: %s)", (atomicTestAndSet) => {
    const bench = new Bench({ ...THIN, atomicTestAndSet, otherHostsPerSecond: 1 });
    for (let now = 0; now < 300; now++) {
      bench.until(now);
      bench.volume.otherHost(now);
      if (now === 4) bench.volume.submit(command(0, 10 * BLOCK, 1, true), now);
    }
    // It grows by its block in six steps; or in eight, between a lock of others that was there before and one that has waited.
    expect(bench.gone.map(({ at }) => at)).toEqual([atomicTestAndSet ? 64 : 20 + 80 + 20]);
    bench.until(Infinity);
    expect(bench.requests.filter(({ own }) => !own).length).toBeLessThanOrEqual(300 / SERVICE);
  });

  it("grows by each block once, lets every command through once and never before its blocks are there", () => {
    const write = fc.record({
      pause: fc.integer({ min: 0, max: 60 }),
      guest: fc.integer({ min: 0, max: 2 }),
      page: fc.integer({ min: 0, max: 5 * BLOCK }),
      pages: fc.integer({ min: 1, max: 2 * BLOCK }),
      write: fc.boolean(),
      other: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(write, { maxLength: 40 }), fc.boolean(), (commands, atomicTestAndSet) => {
        const bench = new Bench({ ...THIN, atomicTestAndSet });
        let now = 0;
        for (const { pause, guest, page, pages, write: writes, other } of commands) {
          now += pause;
          bench.until(now);
          if (other) bench.volume.otherHost(now);
          // Each guest has a disk of its own.
          bench.volume.submit(command(guest, (guest + 10) * 10 * BLOCK + page, pages, writes), now);
        }
        bench.until(Infinity);
        expect(bench.gone.map(({ taken }) => taken).sort(byPlace)).toHaveLength(commands.length);
        const zeroed = bench.requests.filter(({ pages }) => pages === BLOCK);
        const blocks = zeroed.map(({ page }) => page / BLOCK);
        expect(new Set(blocks).size).toBe(blocks.length);
        expect(bench.grown).toBe(blocks.length);
        for (const { taken, at } of bench.gone) {
          const made = zeroed.filter(({ page }) => page < taken.page + taken.pages && taken.page < page + BLOCK);
          for (const each of made) if (taken.job.write) expect(at).toBeGreaterThanOrEqual(each.at + SERVICE);
        }
        if (atomicTestAndSet) return;
        // One transaction at a time: its requests follow one another.
        const own = bench.requests.filter((request) => request.own).map(({ at }) => at);
        own.slice(1).forEach((at, i) => expect(at - own[i]).toBeGreaterThanOrEqual(SERVICE));
      }),
    );
  });
});

function byPlace(one: Taken, other: Taken): number {
  return one.page - other.page;
}

const BLOCKS = 20;
/** Writes one page in each of so many blocks. */
function grower(): CompiledWorkload {
  const stream = new OperationStreamBuilder();
  for (let i = 0; i < BLOCKS; i++) {
    stream.add(Op.Request, 0, 0, 0);
    stream.add(Op.WriteFile, i * BLOCK, 1, 1);
  }
  const guest = { ...SMALL_GUEST, filePages: BLOCKS * BLOCK };
  return { name: "grower", guest, stream: stream.finish(), durationUs: 0, warmupUs: 0 };
}
const run = (parameters: Parameters<typeof vmkernelDisk>[0], vms = 3) => {
  const vmm = { ...esx, memory: [], disk: vmkernelDisk(parameters) };
  return runHost(vmm, profile, Array<CompiledWorkload>(vms).fill(grower()), 2048 * vms + 100, () => ({}));
};

describe("VMs with thin disks", () => {
  it("grow by as many blocks as they write, for which the vmkernel works and they wait for one another", () => {
    const { metrics, cycles, events } = run({ thin: true });
    expect(metrics.vmfs_metadata_operations).toBe(3 * BLOCKS);
    expect(events["event.io.vmfs.metadata-operation"]).toBe(3 * BLOCKS);
    expect(metrics.vmfs_lock_wait_ms).toBeGreaterThan(0);
    expect(events["event.io.vmfs.lock-wait"]).toBeGreaterThan(0);
    expect(cycles["io.vmkernel.volume"]).toBe(3 * BLOCKS * 8 * ownRequestCost(profile).total);
    expect(metrics.latency_mean_ms).toBeGreaterThan(2 * run({}).metrics.latency_mean_ms);
  });

  it("grow in larger steps on larger blocks, and do not wait for one another with atomic test and set", () => {
    expect(run({ thin: true, blockMib: 4 }).metrics.vmfs_metadata_operations).toBe((3 * BLOCKS) / 4);
    const atomic = run({ thin: true, atomicTestAndSet: true });
    expect(atomic.metrics.vmfs_metadata_operations).toBe(3 * BLOCKS);
    expect(atomic.metrics.vmfs_lock_wait_ms).toBeUndefined();
    expect(atomic.cycles["io.vmkernel.volume"]).toBe(3 * BLOCKS * 6 * ownRequestCost(profile).total);
  });

  it("have nothing of this where disks are thick, unless another host is on the volume", () => {
    const thick = run({});
    expect(Object.keys(thick.metrics).filter((name) => name.startsWith("vmfs"))).toEqual([]);
    expect(thick.cycles["io.vmkernel.volume"]).toBeUndefined();
    const shared = run({ otherHostsPerSecond: 1000 });
    expect(shared.metrics.vmfs_metadata_operations).toBeUndefined();
    expect(shared.metrics.vmfs_lock_wait_ms).toBeGreaterThan(0);
    expect(shared.metrics.elapsed_ms).toBeGreaterThan(thick.metrics.elapsed_ms);
  });
});

it.each([{ thin: true }, { otherHostsPerSecond: 1000 }])(
  "is counted by disk shares with the requests of its own, and without those of other hosts: %o",
  (parameters) => {
    // One that was not counted in would throw when it is counted out.
    expect(run({ outstanding: 1, ...parameters }).metrics.latency_mean_ms).toBeGreaterThan(0);
  },
);

function problemsOf(blockMib: number): readonly string[] {
  const changes = { "disk.thin": "on", "disk.block-mib": blockMib };
  return composeVmm(esx, changes, PARTS).problems.map(({ message }) => message);
}

it("has blocks as VMFS has, and says so of others", () => {
  expect([1, 2, 4, 8].flatMap(problemsOf)).toEqual([]);
  expect(problemsOf(3)).toEqual(["vmkernel block-mib: expected 1, 2, 4 or 8 MiB, not 3"]);
});
