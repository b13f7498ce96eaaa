import { describe, expect, it } from "vitest";
import { InputError } from "../../src/core/input-error.ts";
import { PendingCharges } from "../../src/core/pending-charges.ts";
import { compileGuests, loadWorkload } from "../../src/experiment/documents/load.ts";
import { METRICS } from "../../src/sim/cell.ts";
import { runHost } from "../../src/sim/host.ts";
import { runMonitor } from "../../src/sim/monitor.ts";
import type { MeasuredOperation } from "../../src/sim/operations.ts";
import { staticPartition } from "../../src/vmm/allocation/static-partition.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { esx } from "../../src/vmm/esx.ts";
import { HostMemory } from "../../src/vmm/host-memory/host-memory.ts";
import { hostSwap } from "../../src/vmm/memory/host-swap.ts";
import { pageSharing } from "../../src/vmm/memory/page-sharing.ts";
import { native } from "../../src/vmm/native.ts";
import { linux } from "../../src/vmm/linux.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import type { CompiledWorkload, GuestShape } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { profile } from "./fixtures.ts";

const MS = profile.megahertz * 1000;
const SHAPE: GuestShape = {
  memoryPages: 2048,
  kernelPages: 100,
  processes: 1,
  anonymousPages: 800,
  residentAnonymousPages: 400,
  filePages: 1000,
  residentFilePages: 200,
  swapPages: 2048,
  threads: 1,
};

function workload(
  fill: (stream: OperationStreamBuilder) => void,
  shape: Partial<GuestShape> = {},
  durationUs = 0,
): CompiledWorkload {
  const stream = new OperationStreamBuilder();
  fill(stream);
  return { name: "test", guest: { ...SHAPE, ...shape }, stream: stream.finish(), durationUs, warmupUs: 0 };
}

/** Every place on its disk is as far away as any other. */
const { stroke, ...sameEverywhere } = profile.disk;
const distant = { ...profile, disk: sameEverywhere };

/** Milliseconds that ten reads from the disk and ten computations of 8 ms take a guest. */
function mixedWork(threads: number): number {
  const work = workload(
    (stream) => {
      for (let i = 0; i < 20; i++) {
        stream.add(Op.Request, 0, 0, 0);
        if (i % 2 === 0) stream.add(Op.ReadFile, 999 - 2 * i, 1);
        else stream.add(Op.Compute, 8 * MS);
      }
    },
    { threads },
  );
  return runHost(single, distant, [work], 2048, free).metrics.elapsed_ms;
}

/** What is said of good responses: of a guest to which they are those within `goodUs`, and of one that says nothing. */
function goods(goodUs?: number, us = 3000): unknown {
  const work = workload((stream) => {
    for (let i = 0; i < 10; i++) {
      stream.add(Op.Request, 0, 1000 * i, 1);
      stream.add(Op.Compute, (us * MS) / 1000);
    }
  });
  const beside = { ...work, name: "beside", ...(goodUs !== undefined && { goodUs }) };
  const { vms } = runHost(single, profile, [beside, work], 4096, free);
  return vms && [vms.columns.at(-1), vms.rows.map((row) => row.at(-1))];
}

/** 64 guests on a host for a tenth of them, built ballooned. */
function crowded(shape: Partial<GuestShape>, ratio: number): () => unknown {
  const work = workload((stream) => stream.add(Op.Compute, MS), shape);
  const guests = Array.from({ length: 64 }, () => work);
  const vmm = { ...xenPv, allocation: staticPartition({ balloon: true }) };
  return () => runHost(vmm, profile, guests, Math.round((64 * work.guest.memoryPages) / ratio), free);
}

const free = (): Record<string, MeasuredOperation> => ({});
const single: Vmm = { ...native, maxGuests: 64 };

describe("guests that cannot be ballooned to their share", () => {
  // Kernel and resident anonymous memory have nowhere to go: 1600 of 2048 pages, and the balloon leaves some free.
  const stuck = { kernelPages: 800, residentAnonymousPages: 800, swapPages: 0 };

  it("are named, with how far they shrink and the ratio that this allows", () => {
    expect(crowded(stuck, 10)).toThrow(InputError);
    expect(crowded(stuck, 10)).toThrow(
      /^workload "test": xen-pv starts 25 VMs ballooned to [0-9]+KiB each, .* with 0KiB of swap can be ballooned to [0-9]+KiB/,
    );
    const [, ratio] = /at most ([0-9.]+)/.exec(problemOf(crowded(stuck, 10))) ?? [];
    expect(Number(ratio)).toBeGreaterThan(1);
    expect(Number(ratio)).toBeLessThanOrEqual(2048 / 1600);
    expect(crowded(stuck, Number(ratio))).not.toThrow();
    expect(crowded(stuck, Number(ratio) + 0.02)).toThrow(InputError);
  });

  it("are none when swap takes what the balloon asks for", () => {
    expect(crowded({ kernelPages: 100, residentAnonymousPages: 800 }, 10)).not.toThrow();
  });
});

describe("a host without a free page", () => {
  it("says which VM wants one, and of which VMM", () => {
    const memory = new HostMemory(profile, 1, new PendingCharges(), "xen-pv");
    memory.addVm(2);
    const vm = memory.addVm(2);
    memory.write(vm, 0, 1);
    const want =
      "VM 1 needs a page, and xen-pv has none left; it has no mechanism that can take memory from a VM by force";
    expect(() => memory.write(vm, 1, 2)).toThrow(`the host is out of memory: ${want}`);
    expect(() => memory.write(vm, 1, 2)).toThrow(InputError);
    memory.roomMaker = { makeRoom: () => 0 };
    expect(() => memory.write(vm, 1, 2)).toThrow("none of its mechanisms finds a page to take from a VM");
  });
});

function problemOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return String(error);
  }
  return "";
}

describe("time", () => {
  it("of a closed loop is its computing and thinking, to the cycle", () => {
    const work = workload((stream) => {
      for (let i = 0; i < 50; i++) {
        stream.add(Op.Request, 0, 3000, 0);
        stream.add(Op.Compute, 2 * MS);
      }
    });
    const { metrics, cycles } = runHost(single, profile, [work], 2048, free);
    expect(metrics.elapsed_ms).toBe(50 * 5);
    expect(cycles).toEqual({ "guest.user": 100 * MS, idle: (2 * 250 - 100) * MS });
    expect(metrics.latency_mean_ms).toBe(2);
    expect(metrics.requests_done).toBe(50);
  });

  it("that a response may take to be good, in microseconds, has some of those count that come late, and not all", () => {
    // The i-th of either guest takes 3 (i + 1) - i ms; each has a processor. The other says nothing: all of its responses are good.
    expect(goods(2999)).toEqual(["requests_good", [0, 10]]);
    expect(goods(3000)).toEqual(["requests_good", [1, 10]]);
    expect(goods(11_500)).toEqual(["requests_good", [5, 10]]);
    expect(goods(21_000)).toEqual(["requests_good", [10, 10]]);
    // 2.007 ms are a little more than 2007 us to a computer that divides.
    expect(goods(2007, 2007)).toEqual(["requests_good", [1, 10]]);
    expect(goods()).not.toContain("requests_good");
  });

  it("of requests that come too fast is spent in the queue", () => {
    const work = workload((stream) => {
      for (let i = 0; i < 10; i++) {
        stream.add(Op.Request, 0, 1000 * i, 1);
        stream.add(Op.Compute, 3 * MS);
      }
    });
    // The i-th request arrives at i ms and ends at 3 (i + 1) ms.
    const { metrics } = runHost(single, profile, [work], 2048, free);
    expect(metrics.latency_mean_ms).toBeCloseTo((3 * 55 - 45) / 10, 9);
    expect(metrics.elapsed_ms).toBe(30);
  });

  it("on the disk is positioning and transfer, one request after the other, while the CPU idles", () => {
    const work = workload((stream) => {
      for (let i = 0; i < 20; i++) {
        stream.add(Op.Request, 0, 0, 0);
        stream.add(Op.ReadFile, 999 - 2 * i, 1);
      }
    });
    const { metrics } = runHost(single, distant, [work], 2048, free);
    const { positioningUs, megabytesPerSecond } = profile.disk;
    const transfer = 4096 / megabytesPerSecond / 1000;
    expect(metrics.elapsed_ms).toBeCloseTo(20 * (positioningUs / 1000 + transfer), 2);
    // The first is anywhere, the others a few pages away: half of what the far end takes more than the mean, they take less.
    const near = (3 * positioningUs - (stroke?.positioningUs ?? Number.NaN)) / 2;
    const close = runHost(single, profile, [work], 2048, free).metrics;
    expect(close.elapsed_ms).toBeCloseTo((positioningUs + 19 * near) / 1000 + 20 * transfer, 2);
    expect(metrics.disk_busy_percent).toBeCloseTo(100, 6);
    expect(metrics.cpu_busy_percent).toBe(0);
  });

  it("that threads wait for the disk is used by others of the guest", () => {
    expect(mixedWork(1)).toBeGreaterThan(150);
    expect(mixedWork(2)).toBeLessThan(100);
  });

  it("in the VM with the back ends is waited for and charged there", () => {
    const priced = (): Record<string, MeasuredOperation> => ({
      "send-packet": { frontend: { "guest.kernel": MS }, backend: { "io.backend.driver": 2 * MS } },
    });
    const work = workload((stream) => {
      for (let i = 0; i < 5; i++) {
        stream.add(Op.Request, 0, 0, 0);
        stream.add(Op.Send, 2000);
      }
    });
    const { metrics, cycles } = runHost({ ...xenPv, memory: [] }, profile, [work], 4096, priced);
    // 2000 bytes are two packets, which then take 8 ns a byte on the link, headers and framing included.
    expect(metrics.elapsed_ms).toBeCloseTo(5 * (2 * 3 + (2000 + 2 * 90) * 8e-6), 6);
    expect(cycles["io.backend.driver"]).toBe(5 * 2 * 2 * MS);
  });
});

describe("the VM with the back ends", () => {
  // Three fifths of a CPU, far more than a fair share of two among twelve guests.
  const BACKEND_MS = 12;
  const hog = workload(
    (stream) => {
      for (let i = 0; i < 2000; i++) stream.add(Op.Compute, MS);
    },
    {},
    2e6,
  );
  const sender = workload(
    (stream) => {
      for (let i = 0; i < 100; i++) {
        stream.add(Op.Request, 0, 20_000 * i, 1);
        stream.add(Op.Send, 1000);
      }
    },
    {},
    2e6,
  );
  const priced = (): Record<string, MeasuredOperation> => ({
    "send-packet": { frontend: { "guest.kernel": MS / 10 }, backend: { "io.backend.driver": BACKEND_MS * MS } },
  });
  const beside = (hogs: number) =>
    runHost({ ...xenPv, memory: [] }, profile, [sender, ...Array<typeof hog>(hogs).fill(hog)], 40_960, priced);

  it("answers at once on an idle host", () => {
    const { metrics, cycles } = beside(0);
    const wireMs = (1000 + 90) * 8e-6;
    expect(metrics.latency_mean_ms).toBeCloseTo(0.1 + BACKEND_MS + wireMs, 6);
    expect(cycles["io.backend.driver"]).toBe(100 * BACKEND_MS * MS);
  });

  it("has to compete for the CPUs: requests wait for it beside guests that compute", () => {
    const { metrics, cycles } = beside(12);
    expect(metrics.latency_mean_ms).toBeGreaterThan(10 * BACKEND_MS);
    // What it does is taken from the CPUs that the guests would have had, as are their switches.
    const switches = cycles["vmm.vcpu-switch"] + cycles["hardware.cache-line-fill"];
    expect(cycles["guest.user"]).toBe(
      profile.cores * 2000 * MS - cycles["guest.kernel"] - cycles["io.backend.driver"] - switches,
    );
  });
});

const timerPriced = (): Record<string, MeasuredOperation> => ({
  "timer-interrupt": { frontend: { "guest.kernel": 1000 }, backend: {} },
});

it("an idle guest gets timer interrupts, but not from Xen, which sends them to domains that run", () => {
  const idle = workload((stream) => stream.add(Op.Request, 1, 0, 1), {}, 2e6);
  const kernel = (vmm: Vmm): number =>
    runHost({ ...vmm, memory: [] }, profile, [idle], 2048, timerPriced).cycles["guest.kernel"] ?? 0;
  // 100 a second.
  expect(kernel(esx)).toBe(200 * 1000);
  expect(kernel(xenPv)).toBe(0);
});

it("processes of one kernel get the timer interrupts of its processors, however many they are", () => {
  const busy = workload(
    (stream) => {
      for (let i = 0; i < 1300; i++) {
        stream.add(Op.Request, 0, 0, 0);
        stream.add(Op.Compute, 10 * MS);
      }
    },
    {},
    12e6,
  );
  for (const count of [1, 2, 6, 20]) {
    const guests = Array.from({ length: count }, () => busy);
    const { cycles } = runHost(linux, profile, guests, count * 2048, timerPriced);
    const interrupts = cycles["guest.kernel"] / 1000;
    // 100 a second and processor, ten at a time.
    expect(Math.abs(interrupts / (1200 * Math.min(count, profile.cores)) - 1), `${count}`).toBeLessThan(0.1);
  }
});

const OVERCOMMITTED: readonly Vmm[] = [
  esx,
  { ...esx, name: "esx host swap only", memory: [hostSwap()] },
  { ...esx, name: "esx static", allocation: staticPartition() },
  xenPv,
  { ...xenPv, name: "xen ballooned", allocation: staticPartition({ balloon: true }) },
  { ...xenPv, name: "xen sharing", memory: [pageSharing()] },
].map((vmm) => ({ ...vmm, overheadPerGuest: { mib: 1, source: "small, like the guests here" } }));

describe.each(OVERCOMMITTED)("a host with $name", (vmm) => {
  const guests = Array.from({ length: 6 }, (_, g) =>
    workload(
      (stream) => {
        for (let i = 0; i < 400; i++) {
          stream.add(Op.Request, Math.floor(i / 100), (i % 100) * 10_000 + g, 1);
          stream.add(Op.Compute, 100_000);
          for (let t = 0; t < 12; t++) {
            stream.add(Op.Touch, (i * 37 + t * t * 11) % 800, (2000 << 1) | (t & 1), t % 3 === 0 ? 2 + (i % 5) : 0);
          }
          stream.add(Op.ReadFile, (i * 7) % 998, 2);
          if (i % 9 === 0) stream.add(Op.WriteFile, (i * 5) % 999, 1, i % 2);
          if (i % 50 === 0) for (const op of [Op.Fork, Op.Exec, Op.Exit]) stream.add(op, op === Op.Exec ? 20 : 0);
        }
      },
      { threads: 3 },
      5e6,
    ),
  );
  const run = () => runHost(vmm, profile, guests, Math.round((6 * 2048) / 1.8));
  const outcome = run();

  it("accounts for every cycle of every CPU", () => {
    const sum = Object.values(outcome.cycles).reduce((total, cycles) => total + cycles, 0);
    expect(sum).toBe(profile.cores * 5e6 * profile.megahertz);
  });

  it("accounts for every page of the host at every second", () => {
    const { columns = [], rows = [] } = outcome.series ?? {};
    expect(rows.length).toBe(5);
    // What the VMM keeps for itself comes on top of the memory for VMs.
    const parts = ["memory_free_mib", "memory_private_mib", "memory_shared_mib"];
    for (const row of rows) {
      const sum = parts.reduce((total, name) => total + row[columns.indexOf(name)], 0);
      expect(sum * 256).toBe(Math.round((6 * 2048) / 1.8));
    }
  });

  it("gives the same result again", () => {
    expect(JSON.stringify(run())).toBe(JSON.stringify(outcome));
  });

  it("reports figures that are declared, and finite", () => {
    for (const [name, value] of Object.entries(outcome.metrics)) {
      expect(Object.keys(METRICS)).toContain(name);
      expect(Number.isFinite(value), name).toBe(true);
    }
  });

  it("does work", () => {
    expect(outcome.metrics.requests_done).toBeGreaterThan(100);
    // 6827 pages hold three whole guests of 2048; all six run where memory is not set aside when they are built.
    const all = vmm.name === "xen ballooned" || vmm.allocation === esx.allocation;
    expect(outcome.metrics.vms_admitted).toBe(all ? 6 : 3);
  });
});

/** Handing machine memory out, looking for pages to share, and the service console are work of the host: the monitor's guest has its memory. */
const notByTrap = /^(idle|wait|vmm\.memory|vmm\.page-sharing|vmm\.console)/;

describe.each([native, esx, xenPv])("one guest on a host with $name", (vmm) => {
  it.each(["compute", "database", "memory-spike", "process-churn"])(
    "takes the CPU time that the monitor counts trap by trap: %s",
    (name) => {
      const guests = compileGuests(loadWorkload(`workloads/${name}.yaml`), 1, 1);
      const [onHost, byTrap] = [
        runHost(vmm, profile, guests, 2 * guests[0].guest.memoryPages),
        runMonitor(vmm, profile, guests[0]),
      ].map(({ cycles }) =>
        Object.entries(cycles).reduce((sum, [cause, some]) => sum + (notByTrap.test(cause) ? 0 : some), 0),
      );
      // Operations are charged their mean price, in another order: 2 %.
      expect(Math.abs(onHost / byTrap - 1)).toBeLessThan(0.02);
    },
  );
});

it("a host of typical servers behaves as its description says: the same on every VMM while memory is plenty", () => {
  const guests = compileGuests(loadWorkload("workloads/typical-server.yaml"), 1, 4);
  const pages = 2 * guests.reduce((sum, { guest }) => sum + guest.memoryPages, 0);
  const [onEsx, onXen] = [esx, xenPv].map((vmm) => runHost(vmm, profile, guests, pages).metrics);
  for (const metrics of [onEsx, onXen]) {
    expect(metrics.vms_admitted).toBe(4);
    expect(metrics.host_swap_ins + metrics.guest_swap_ins).toBe(0);
  }
  expect(Math.abs(onEsx.requests_done - onXen.requests_done)).toBeLessThan(0.01 * onXen.requests_done);
});

/** Guests on two pCPUs that do nothing but send. */
const senders = (count: number, vmm: Vmm) => {
  const guests = Array.from({ length: count }, () =>
    workload(
      (stream) => {
        for (let i = 0; i < 400; i++) {
          stream.add(Op.Request, 0, 0, 0);
          stream.add(Op.Send, 60 * 1024);
        }
      },
      { threads: 4 },
    ),
  );
  return runHost(vmm, profile, guests, count * 2048 * 2);
};

describe("dom0, which has one vCPU", () => {
  it("always has something to do where all wait for it, though neither the pCPUs nor the link are full", () => {
    const { metrics, cycles } = senders(8, xenPv);
    const { dom0_cpu_busy_percent: busy, cpu_busy_percent: pcpus, elapsed_ms } = metrics;
    const backEnds = Object.entries(cycles).filter(([cause]) => cause.startsWith("io.backend."));
    const least = backEnds.reduce((sum, [, cost]) => sum + cost, 0) / (elapsed_ms * MS);
    // What only back ends cost takes half of the time; the rest, it waits for guests that run in its place.
    expect(least).toBeLessThan(0.9);
    expect(busy).toBeGreaterThan(100 * least);
    expect(busy).toBeGreaterThan(99);
    expect(busy).toBeLessThanOrEqual(100);
    expect(pcpus).toBeLessThan(95);
    expect(metrics.network_busy_percent).toBeLessThan(95);
  });

  it("has no figure where the pCPUs are busier, and where there is none", () => {
    expect(senders(1, native).metrics.dom0_cpu_busy_percent).toBeUndefined();
    expect(senders(8, esx).metrics.dom0_cpu_busy_percent).toBeUndefined();
  });
});
