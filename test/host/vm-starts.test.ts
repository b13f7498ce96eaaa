import { describe, expect, it } from "vitest";
import { runHost } from "../../src/sim/host.ts";
import { HostWatch } from "../../src/sim/host-watch.ts";
import { HostSimulation } from "../../src/sim/host-simulation.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { esx } from "../../src/vmm/esx.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { nova } from "../../src/vmm/memory/policies/admission.ts";
import { qmemman } from "../../src/vmm/memory/policies/qmemman.ts";
import { squeezed } from "../../src/vmm/memory/policies/squeezed.ts";
import { xl } from "../../src/vmm/memory/policies/xl.ts";
import type { GuestShape } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { checkFrames, profile } from "./fixtures.ts";
import { MS, PAGES, MIB, SHAPE, guest, run, xenWith, staticXen, cost, buildMs } from "./late-guests.ts";

describe("a VM that starts while the host runs", () => {
  it("comes up when the control plane is through and its memory is clean", () => {
    const { metrics } = run(staticXen, [guest(), guest(10e6)], 2 * PAGES);
    expect(metrics.vms_admitted).toBe(2);
    expect(metrics.start_delay_mean_ms).toBeCloseTo(buildMs(PAGES), 3);
    expect(metrics.requests_done).toBe(2);
  });

  it("has its requests come from when it was to start, whenever it is there to serve them", () => {
    const { series, metrics } = run(staticXen, [guest(10e6)], PAGES);
    const at = series?.rows.find((row) => row.at(series.columns.indexOf("throughput_rps")) === 1)?.[0];
    expect(at).toBe(12);
    expect(metrics.latency_mean_ms).toBeCloseTo(Math.max(1, buildMs(PAGES) - 1000 + 1), 0);
  });

  it("waits for the one before it: the toolstack builds one VM at a time", () => {
    const guests = [guest(), guest(10e6), guest(10e6), guest(10e6)];
    const { metrics } = run(staticXen, guests, 4 * PAGES);
    expect(metrics.start_delay_mean_ms).toBeCloseTo(2 * buildMs(PAGES), 2);
  });

  it("does not start on a static partition that has no room for it, and those after it may", () => {
    const small = { ...guest(12e6), guest: { ...SHAPE, memoryPages: PAGES / 2 } };
    const { metrics, vms } = run(staticXen, [guest(), guest(10e6), small], 1.5 * PAGES);
    expect([metrics.vms_configured, metrics.vms_admitted]).toEqual([3, 2]);
    expect(vms?.rows.map(([vm]) => vm)).toEqual([0, 2]);
  });

  it("shows in the series from when its memory is taken", () => {
    const { series } = run(staticXen, [guest(), guest(10e6)], 2 * PAGES);
    const column = series?.columns.indexOf("vm1_machine_mib") ?? -1;
    expect(column).toBeGreaterThan(0);
    const sizes = series?.rows.map((row) => row[column]) ?? [];
    expect(sizes.slice(0, 9)).toEqual(Array(9).fill(0));
    expect(sizes.slice(11)).toEqual(Array(sizes.length - 11).fill(PAGES / MIB));
    expect(new Set(series?.rows.map(({ length }) => length))).toEqual(new Set([series?.columns.length]));
  });
});

/** Milliseconds from when a VM of ESX is asked for to the end of its one request, of 1 ms. */
const firstAnswer = (shape: Partial<GuestShape>, startUs?: number): number => {
  const stream = new OperationStreamBuilder();
  stream.add(Op.Request, 0, 0, 1);
  stream.add(Op.Compute, MS);
  const late = { ...guest(startUs), guest: { ...SHAPE, ...shape }, stream: stream.finish() };
  return run(esx, [late], 4 * PAGES).metrics.latency_mean_ms;
};

describe("a guest that starts late", () => {
  it("reads what will be in its page cache before it serves anybody: one file after the other", () => {
    const { positioningUs, megabytesPerSecond } = profile.disk;
    const readMs = (pages: number): number => (positioningUs + (4096 * pages) / megabytesPerSecond) / 1000;
    for (const pages of [1, 32, 1000]) {
      const [with_, without] = [pages, 0].map((residentFilePages) => firstAnswer({ residentFilePages }, 10e6));
      // The VMM cleans and maps a frame for each page besides.
      const buildingMs = (pages * (cost("page.zero") + cost("page.map"))) / MS;
      expect(with_ - without).toBeCloseTo(readMs(pages) + buildingMs, 1);
    }
  });

  it("does not where it has been up since before the simulation", () => {
    expect(firstAnswer({ residentFilePages: 1000 })).toBeCloseTo(1, 3);
  });
});

describe("a policy that is asked for memory", () => {
  it("squeezed: has the balloons of the others give it, then lets the VM start with its part", () => {
    const reserve = 72 * MIB;
    const hostPages = 2 * PAGES + reserve;
    const { metrics, series, events } = run(xenWith(squeezed()), [guest(), guest(), guest(10e6)], hostPages);
    expect(metrics.vms_admitted).toBe(3);
    // One round of targets, a pause of 1 s, and the answer in the next one.
    expect(metrics.start_delay_mean_ms).toBeGreaterThan(1000 + buildMs(0));
    expect(metrics.start_delay_mean_ms).toBeLessThan(5000 + buildMs(PAGES));
    expect(events["event.policy.grant"]).toBe(1);
    // Each has its minimum and the same part of the rest: all alike, so a third of what is not kept free.
    const sizes = [0, 1, 2].map((vm) => series?.rows.at(-1)?.[series.columns.indexOf(`vm${vm}_machine_mib`)] ?? 0);
    for (const size of sizes) expect(size).toBeCloseTo((2 * PAGES) / 3 / MIB, 0);
  });

  it("squeezed: refuses when nobody gives anything, after having waited for it", () => {
    const without = { driver: { fromUs: "never" as const } };
    const guests = [guest(undefined, without), guest(undefined, without), guest(10e6)];
    const { metrics, events } = run(xenWith(squeezed()), guests, 2 * PAGES + 72 * MIB);
    expect(metrics.vms_admitted).toBe(2);
    expect(events["event.policy.refuse"]).toBe(1);
    expect(metrics.start_delay_mean_ms).toBeUndefined();
  });

  it("qmemman: takes what the others have beyond what they use, and starts the VM small", () => {
    const policy = qmemman({ leastPreferredMib: 40 });
    const hostPages = 2 * PAGES + 50 * MIB;
    const { metrics, series } = run(xenWith(policy), [guest(), guest(), guest(10e6)], hostPages);
    expect(metrics.vms_admitted).toBe(3);
    const column = series?.columns.indexOf("vm2_machine_mib") ?? -1;
    const first = series?.rows.find((row) => row[column] > 0)?.[column] ?? 0;
    expect(first).toBeGreaterThanOrEqual((0.35 * PAGES) / MIB - 1);
    expect(first).toBeLessThan(PAGES / MIB);
  });

  it("xl: has nobody but dom0 to take from, so that the VM needs free memory", () => {
    const { metrics } = run(xenWith(xl()), [guest(), guest(), guest(10e6)], 2 * PAGES);
    expect(metrics.vms_admitted).toBe(2);
    const room = run(xenWith(xl()), [guest(), guest(), guest(10e6)], 3 * PAGES + 2 * MIB);
    expect(room.metrics.vms_admitted).toBe(3);
  });

  it("a ratio: counts the VMs that run", () => {
    const ratio: Vmm = { ...kvm, allocation: nova({ admissionReserveMib: 0 }) };
    const guests = [guest(), guest(5e6), guest(10e6), guest(15e6)];
    expect(run(ratio, guests, 2 * PAGES).metrics.vms_admitted).toBe(3);
  });
});

describe("ESX", () => {
  it("starts a VM at once and takes memory from the others as it is needed", () => {
    const busy = { ...SHAPE, anonymousPages: 30_000, residentAnonymousPages: 28_000 };
    const guests = [guest(), guest(), guest(10e6)].map((one) => ({ ...one, guest: busy }));
    const { metrics } = run(esx, guests, 2 * PAGES);
    expect(metrics.vms_admitted).toBe(3);
    expect(metrics.host_swap_outs).toBeGreaterThan(10_000);
    expect(metrics.start_delay_mean_ms).toBeLessThan(5000);
  });

  it("does not start one whose reservation does not fit beside those of the others", () => {
    const reserving = { memory: { reservationPages: 0.6 * PAGES } };
    const guests = [guest(undefined, reserving), guest(undefined, reserving), guest(10e6, reserving), guest(12e6)];
    const { metrics, vms } = run(esx, guests, 1.5 * PAGES);
    expect(metrics.vms_admitted).toBe(3);
    expect(vms?.rows.map(([vm]) => vm)).toEqual([0, 1, 3]);
  });
});

describe("VMs that are numbered as they were asked for, and not as they came up", () => {
  const guests = [guest(12e6), guest(), guest(10e6), guest(), guest()];

  it("have that number in the timeline and in every decision", () => {
    const watch = new HostWatch();
    runHost(kvm, profile, guests.slice(0, 4), 3 * PAGES, () => ({}), { watch });
    const seen = (fromS: number) =>
      new Set(watch.timeline.rows.flatMap(([time, , vm]) => (time === fromS ? [vm] : [])));
    expect([5, 11.0, 30].map(seen)).toEqual([new Set([1, 3]), new Set([1, 3, 2]), new Set([1, 3, 2, 0])]);
    const late = new HostWatch();
    runHost(esx, profile, guests.slice(0, 3), PAGES / 2, () => ({}), { watch: late });
    const before = late.log.decisions.flatMap(({ vm, time_s: time }) => (vm !== undefined && time < 9 ? [vm] : []));
    expect(new Set(before)).toEqual(new Set([1]));
  });

  it("have that number where they are refused", () => {
    const watch = new HostWatch();
    runHost(staticXen, profile, guests, 2 * PAGES, () => ({}), { watch });
    const refused = watch.log.decisions.filter(({ action }) => action === "refuse").map(({ vm }) => vm);
    expect(refused).toEqual([4, 2, 0]);
  });
});

describe("Jain's index of requests", () => {
  it("is of the VMs that started", () => {
    const { metrics } = run(staticXen, [guest(), guest(), guest()], 2 * PAGES);
    expect([metrics.vms_admitted, metrics.jain_requests]).toEqual([2, 1]);
  });
});

describe("a host on which no VM runs yet", () => {
  it("accounts for every cycle while KSM scans nothing", () => {
    const { cycles } = run(kvm, [guest(20e6), guest(25e6)], 2 * PAGES);
    const sum = Object.values(cycles).reduce((total, one) => total + one, 0);
    expect(sum).toBe(40e6 * profile.megahertz * profile.cores);
  });
});

describe("a boot storm", () => {
  const guests = Array.from({ length: 6 }, (_, i) => guest(i === 0 ? undefined : 2e6 * i));

  it.each([
    ["squeezed on Xen", xenWith(squeezed())],
    ["qmemman on Xen", xenWith(qmemman({ leastPreferredMib: 40 }))],
    ["ESX", esx],
    ["KVM", kvm],
  ] as const)("of %s keeps account of every frame, and is the same each time", (_, vmm) => {
    const hostPages = 3 * PAGES;
    const simulation = new HostSimulation({ vmm, profile, workloads: guests, hostPages, measure: () => ({}) });
    const outcome = simulation.run();
    checkFrames(simulation.host);
    expect(outcome).toEqual(run(vmm, guests, hostPages));
    const cycles = Object.values(outcome.cycles).reduce((sum, one) => sum + one, 0);
    expect(cycles).toBe(40e6 * profile.megahertz * profile.cores);
  });
});
