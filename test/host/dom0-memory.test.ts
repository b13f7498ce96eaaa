import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import type { CellOutcome } from "../../src/sim/cell.ts";
import { PAGE_BYTES } from "../../src/machine/page.ts";
import { HostDevices } from "../../src/sim/host-devices.ts";
import { HostSimulation } from "../../src/sim/host-simulation.ts";
import { HostWatch } from "../../src/sim/host-watch.ts";
import type { MeasureOperations } from "../../src/sim/operation-prices.ts";
import { measureOperations } from "../../src/sim/operations.ts";
import { staticPartition } from "../../src/vmm/allocation/static-partition.ts";
import { composeVmm } from "../../src/vmm/compose.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { dom0Memory, type Dom0MemoryParameters } from "../../src/vmm/memory/dom0-memory.ts";
import { qmemman } from "../../src/vmm/memory/policies/qmemman.ts";
import { squeezed } from "../../src/vmm/memory/policies/squeezed.ts";
import { xl } from "../../src/vmm/memory/policies/xl.ts";
import { satori } from "../../src/vmm/memory/satori.ts";
import { PARTS } from "../../src/vmm/parts.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import type { CompiledWorkload } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { buildHost, checkFrames, profile } from "./fixtures.ts";
import { SHAPE } from "./late-guests.ts";

const MIB = 256;
const PAGES = 128 * MIB;
const MS = profile.megahertz * 1000;

/** A guest of 128 MiB; the run takes 60 s. */
function guest(startUs?: number): CompiledWorkload {
  const stream = new OperationStreamBuilder();
  stream.add(Op.Request, 1, 0, 1);
  stream.add(Op.Compute, MS);
  return {
    name: "domain",
    guest: SHAPE,
    stream: stream.finish(),
    durationUs: 60e6,
    warmupUs: 0,
    ...(startUs !== undefined && { startUs }),
  };
}

const xenWith = (allocation: Vmm["allocation"], dom0: Partial<Dom0MemoryParameters> = {}): Vmm => ({
  ...xenPv,
  memory: [dom0Memory(dom0), ...xenPv.memory],
  allocation,
});

interface Run extends CellOutcome {
  readonly simulation: HostSimulation;
  readonly watch: HostWatch;
}

function run(
  vmm: Vmm,
  guests: readonly CompiledWorkload[],
  hostPages: number,
  measure: MeasureOperations = () => ({}),
): Run {
  const watch = new HostWatch();
  const simulation = new HostSimulation({ vmm, profile, workloads: guests, hostPages, measure, watch });
  const outcome = simulation.run();
  checkFrames(simulation.host);
  return { ...outcome, simulation, watch };
}

const refusals = ({ watch }: Run): unknown[] =>
  watch.log.decisions
    .filter(({ by, action }) => by === "xl" && action === "refuse")
    .map(({ outcome }) => outcome.reason);

describe("dom0's memory", () => {
  it("is all that no VM has, and comes on top of the memory for VMs as far as dom0 cannot do without", () => {
    const { simulation, metrics } = run(xenWith(staticPartition()), [guest(), guest()], 3 * PAGES);
    const { frames, driverDomain } = simulation.host;
    // 64 MiB of kernel, descriptors, 10 MiB of processes and free pages are less than what dom0 has at least.
    expect(frames.forVms).toBe(3 * PAGES);
    expect(driverDomain?.ownPages).toBe(128 * MIB);
    expect(metrics.dom0_memory_mib).toBe(128 + 128);
    expect(frames.free).toBe(0);
    expect(frames.total - frames.overhead).toBe(3 * PAGES + 128 * MIB);
    expect(driverDomain?.kernelPages).toBe(64 * MIB + (3 * PAGES + 128 * MIB) / 64);
  });

  it("leaves VMs what they would have without it", () => {
    const guests = [guest(), guest(), guest()];
    const without = run({ ...xenPv, allocation: staticPartition() }, guests, 2.5 * PAGES);
    const beside = run(xenWith(staticPartition()), guests, 2.5 * PAGES);
    expect(beside.metrics.vms_admitted).toBe(without.metrics.vms_admitted);
    expect(beside.metrics.memory_private_mib).toBe(without.metrics.memory_private_mib);
    expect(beside.metrics.memory_overhead_mib).toBe(without.metrics.memory_overhead_mib + 128 + 64);
  });

  it("is what the kernel of a large machine keeps for its page descriptors, at least", () => {
    // 64 bytes for each of 8 GiB + 128 MiB and more, and 74 MiB: above 128 MiB.
    const { simulation } = run(xenWith(staticPartition()), [guest()], 8192 * MIB);
    const own = (simulation.host.driverDomain?.ownPages ?? 0) / MIB;
    expect(own).toBeGreaterThan(64 + 10 + 8192 / 64);
    expect(own).toBeLessThan(64 + 10 + 8192 / 64 + 16);
  });
});

it.each(["linux-2.4", "linux-6.1"] as const)(
  "dom0 with %s fits its kernel in, however little else there is",
  (kernel) => {
    const sizes = fc.record({
      forVms: fc.integer({ min: 1, max: 400 * MIB }),
      leastMib: fc.integer({ min: 1, max: 200 }),
      kernelMib: fc.integer({ min: 1, max: 400 }),
      processesMib: fc.integer({ min: 0, max: 200 }),
    });
    fc.assert(
      fc.property(sizes, ({ forVms, ...dom0 }) => {
        const vmm = { memory: [dom0Memory(dom0)], allocation: staticPartition(), scheduler: xenPv.scheduler };
        const { driverDomain } = buildHost(vmm, forVms, { ...profile, kernel }).memory;
        const { ownPages = 0, kernelPages = 0, processPages = 0, vm } = driverDomain ?? {};
        expect(ownPages).toBeGreaterThanOrEqual(Math.max(dom0.leastMib * MIB, kernelPages + processPages));
        expect(vm?.pages).toBe(forVms + ownPages);
      }),
    );
  },
);

describe("xl and dom0", () => {
  it("shrinks dom0 by what a VM lacks: its memory and 1 MiB, in steps of 2 MiB", () => {
    const { metrics, simulation, watch } = run(xenWith(xl()), [guest(), guest(), guest(10e6)], 3 * PAGES + 2 * MIB);
    expect(metrics.vms_admitted).toBe(3);
    // Of 130 MiB that dom0 gave up, the VM took 128; nobody gives dom0 anything back.
    expect(metrics.dom0_memory_mib).toBe(128);
    expect(simulation.host.frames.free).toBe(2 * MIB);
    // The toolstack looks every 2 s.
    expect(metrics.start_delay_mean_ms).toBeGreaterThan(2000);
    expect(metrics.start_delay_mean_ms).toBeLessThan(4100);
    const steps = watch.log.decisions.filter(({ vm }) => vm === "dom0");
    expect(steps[0]).toMatchObject({ by: "xl", action: "target", outcome: { target_mib: 128 } });
    const moved = steps.filter(({ by }) => by === "xen-balloon").map(({ outcome }) => Number(outcome.moved_pages));
    expect(moved.reduce((sum, pages) => sum + pages, 0)).toBe(130 * MIB);
    expect(Math.max(...moved)).toBe(512);
  });

  it("gives its memory at the speed of its driver, whether it has anything else to do or not", () => {
    // With guests that have disks and networks, dom0 is a VM of its own, which sleeps when nobody asks for anything.
    const guests = [guest(), guest(), guest(10e6)];
    const { metrics, simulation } = run(xenWith(xl()), guests, 3 * PAGES + 2 * MIB, measureOperations);
    expect(simulation.devices.backend).toBeDefined();
    expect(metrics.vms_admitted).toBe(3);
    expect(metrics.start_delay_mean_ms).toBeLessThan(4100);
  });

  it("does not start a VM for which dom0 would have to go below 128 MiB", () => {
    const refused = run(xenWith(xl()), [guest(), guest(), guest(10e6)], 3 * PAGES);
    expect(refusals(refused)).toEqual(["dom0 would become too small"]);
    expect(refused.metrics.dom0_memory_mib).toBe(256);
  });

  it("takes nothing from a dom0 of fixed size", () => {
    const refused = run(xenWith(xl(), { memMib: 512 }), [guest(), guest(), guest(10e6)], 2 * PAGES);
    expect(refusals(refused)).toEqual(["not enough memory is free"]);
    expect(refused.metrics.dom0_memory_mib).toBe(512);
  });

  it("waits in vain for a kernel that cannot give what it uses itself", () => {
    const dom0 = { kernelMib: 300 };
    const refused = run(xenWith(xl(), dom0), [guest(), guest(), guest(10e6)], 2.5 * PAGES);
    expect(refusals(refused)).toEqual(["dom0 gives nothing"]);
    const { driverDomain, frames } = refused.simulation.host;
    const inUse = (driverDomain?.kernelPages ?? 0) + (driverDomain?.processPages ?? 0);
    expect(driverDomain?.vm.mapped).toBeGreaterThan(inUse);
    // What it did give stays free.
    expect(frames.free).toBeGreaterThan(64 * MIB);
  });

  it("gets memory out of dom0's processes if they have swap space, and building a VM then waits for them", () => {
    const processesMib = 200;
    const least = (swapMib: number) => xenWith(xl(), { processesMib, swapMib });
    const guests = [guest(), guest(), guest(10e6)];
    const tight = 2 * PAGES + 16 * MIB;
    expect(run(least(0), guests, tight).metrics.vms_admitted).toBe(2);
    const swapping = run(least(400), guests, tight);
    expect(swapping.metrics.vms_admitted).toBe(3);
    const pages = swapping.simulation.host.driverDomain?.vm.mapped ?? 0;
    expect(swapping.metrics.dom0_swap_ins * 1).toBeGreaterThan(100 * MIB);
    expect(pages).toBeLessThan((64 + processesMib) * MIB);
    const roomy = run(least(400), guests, 3 * PAGES + 2 * MIB);
    expect(roomy.metrics.dom0_swap_ins).toBeUndefined();
    expect(swapping.metrics.start_delay_mean_ms).toBeGreaterThan(2 * roomy.metrics.start_delay_mean_ms);
  });
});

it("dom0's swap device is behind no back end: Satori does not see it", () => {
  const dom0 = dom0Memory({ processesMib: 200, swapMib: 400 });
  const vmm = { ...xenPv, memory: [dom0, satori(), ...xenPv.memory], allocation: xl() };
  const { metrics, cycles, simulation } = run(vmm, [guest(), guest(), guest(10e6)], 2 * PAGES + 16 * MIB);
  expect(metrics.dom0_swap_ins).toBeGreaterThan(100 * MIB);
  expect(cycles["vmm.page-sharing.share"]).toBeUndefined();
  expect(simulation.host.frames.shared).toBe(0);
});

it("dom0's swap device is as far from all guests' areas as these are from each other", () => {
  // The largest disk that a machine may have (schemas/machine.schema.json): pages of different areas are never on it together.
  const largest = (256 * 2 ** 30) / PAGE_BYTES;
  const submit = vi.spyOn(HostDevices.prototype, "submit");
  const dom0 = dom0Memory({ processesMib: 200, swapMib: 400 });
  run(
    { ...xenPv, memory: [dom0, ...xenPv.memory], allocation: xl() },
    [guest(), guest(), guest(10e6)],
    2 * PAGES + 16 * MIB,
  );
  const places = submit.mock.calls.map(([{ page }]) => page % largest);
  submit.mockRestore();
  expect(places.length).toBeGreaterThan(100);
  expect(Math.max(...places)).toBeLessThan(400 * MIB);
});

describe("other policies and dom0", () => {
  it("squeezed leaves it alone unless it is told to manage it, and then not below 1 GiB", () => {
    const guests = [guest(), guest()];
    const host = 2 * PAGES + 72 * MIB;
    const alone = run(xenWith(squeezed(), { memMib: 2048 }), guests, host);
    expect(alone.metrics.dom0_memory_mib).toBe(2048);
    const late = [...guests, guest(10e6)];
    const managed = run(xenWith(squeezed({ manageDom0: true, minimumPercent: 100 }), { memMib: 2048 }), late, host);
    expect(managed.metrics.vms_admitted).toBe(3);
    expect(managed.metrics.dom0_memory_mib).toBeCloseTo(2048 - 128, 0);
    const small = run(xenWith(squeezed({ manageDom0: true, minimumPercent: 100 }), { memMib: 1088 }), late, host);
    expect(small.metrics.vms_admitted).toBe(2);
  });

  it("qmemman hands it 1.3 times what it uses and 350 MiB, and its part of the rest", () => {
    const { simulation, metrics } = run(xenWith(qmemman(), { memMib: 2048 }), [guest(), guest(10e6)], PAGES + 50 * MIB);
    const { driverDomain } = simulation.host;
    const used = ((driverDomain?.kernelPages ?? 0) + (driverDomain?.processPages ?? 0)) / MIB;
    expect(metrics.vms_admitted).toBe(2);
    expect(metrics.dom0_memory_mib).toBeGreaterThan(1.3 * used + 350);
    expect(metrics.dom0_memory_mib).toBeLessThan(2048);
  });
});

function problemsOf(memMib: number): readonly string[] {
  return composeVmm(xenPv, { "memory.dom0-memory.mem-mib": memMib }, PARTS).problems.map(({ message }) => message);
}

it("is refused a size in which its kernel and processes do not fit, and boots with the least that is not", () => {
  expect(problemsOf(0)).toEqual([]);
  for (const memMib of [1, 75]) {
    expect(problemsOf(memMib)).toEqual([expect.stringContaining("dom0's kernel and processes take 76 MiB")]);
    expect(() => run(xenWith(staticPartition(), { memMib }), [guest()], PAGES)).toThrow("cannot hold");
  }
  expect(problemsOf(76)).toEqual([]);
  expect(run(xenWith(staticPartition(), { memMib: 76 }), [guest()], PAGES).metrics.vms_admitted).toBe(1);
  expect(problemsOf(2 ** 40)).toEqual([expect.stringContaining("a number of MiB from 0 to 65536")]);
});
