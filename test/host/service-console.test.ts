import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runHost } from "../../src/sim/host.ts";
import { consolePages } from "../../src/sim/console-world.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { esx } from "../../src/vmm/esx.ts";
import { esx3 } from "../../src/vmm/esx-3.ts";
import { esx4 } from "../../src/vmm/esx-4.ts";
import { esx5 } from "../../src/vmm/esx-5.ts";
import { esx6 } from "../../src/vmm/esx-6.ts";
import { proportionalShareCpu } from "../../src/vmm/scheduler/proportional-share.ts";
import type { CompiledWorkload } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { MS, runCpus } from "./cpu-host.ts";
import { profile, SMALL_GUEST } from "./fixtures.ts";

/** Computes all the time, in requests of a millisecond. */
function hog(name = "hog"): CompiledWorkload {
  const stream = new OperationStreamBuilder();
  for (let i = 0; i < 3000; i++) {
    stream.add(Op.Request, 0, 0, 0);
    stream.add(Op.Compute, MS);
  }
  const guest = SMALL_GUEST;
  return { name, guest, stream: stream.finish(), durationUs: 2e6, warmupUs: 0 };
}
const withConsole = (consoleLoadPercent: number): Vmm => ({
  ...esx,
  scheduler: proportionalShareCpu({ serviceConsole: true, consoleLoadPercent }),
});
const run = (vmm: Vmm, count: number, cores = 2) => {
  const guests = Array.from({ length: count }, (_, i) => hog(`hog ${i}`));
  return runHost({ ...vmm, memory: [] }, { ...profile, cores }, guests, 2048 * count + 500, () => ({}));
};
const CYCLES = 2000 * MS;

function hasConsole({ scheduler }: Vmm): boolean {
  return scheduler.definition.consoleOf?.(scheduler.parameters) !== undefined;
}

function guests(count: number, vcpus: number): CompiledWorkload[] {
  const one = hog();
  return Array.from({ length: count }, () => ({ ...one, guest: { ...one.guest, vcpus } }));
}

describe("the service console", () => {
  it("is there up to ESX 4, and not on ESXi", () => {
    expect([esx, esx3, esx4, esx5, esx6].map(hasConsole)).toEqual([true, true, true, false, false]);
  });

  it("has the memory of the administration guide for so many virtual processors, on top of what VMs have", () => {
    expect([1, 8, 9, 16, 17, 33].map((count) => consolePages(guests(count, 1)) / 256)).toEqual([
      192, 192, 272, 272, 384, 512,
    ]);
    expect(consolePages(guests(8, 2)) / 256).toBe(272);
    const [beside, without] = [withConsole(2), esx5].map((vmm) =>
      run({ ...vmm, overheadPerGuest: esx.overheadPerGuest }, 2),
    );
    expect(beside.metrics.memory_overhead_mib - without.metrics.memory_overhead_mib).toBe(192);
    expect(beside.metrics.host_memory_mib).toBe(without.metrics.host_memory_mib);
  });

  it("gets what it wants on the first processor, and the VMs the remainder of both", () => {
    const { cycles } = run(withConsole(5), 2);
    // A tenth of a second after another, of which the last has not begun.
    expect(cycles["vmm.console-agents"] / CYCLES).toBeCloseTo(0.05 * 0.95, 3);
    const sum = Object.values(cycles).reduce((total, each) => total + each, 0);
    expect(sum).toBe(2 * CYCLES);
    expect(cycles.idle ?? 0).toBe(0);
  });

  it("takes no more than its part when VMs want the processor, and at least what it reserves", () => {
    // Shares of two against one, on one processor: of a load of 100 % it gets two thirds.
    const greedy = run(withConsole(100), 1, 1).cycles["vmm.console-agents"] / CYCLES;
    expect(greedy).toBeGreaterThan(0.6);
    expect(greedy).toBeLessThan(0.7);
    // Against forty VMs its shares would be a twenty-first; 8 % are reserved.
    const crowded = run(withConsole(100), 40, 1).cycles["vmm.console-agents"] / CYCLES;
    // It has nothing to do in the first tenth of a second, and then may have to wait for the end of a slice of 50 ms.
    expect(crowded).toBeGreaterThan((0.08 * (2 - 0.1 - 0.05)) / 2);
    expect(crowded).toBeLessThan(0.1);
  });
});

describe("a vCPU that is bound to a pCPU", () => {
  it("runs nowhere else, and no pCPU is idle for whom it might run", () => {
    const vcpu = fc.record({
      pinnedTo: fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined }),
      shares: fc.integer({ min: 1, max: 8 }),
      sleeps: fc.boolean(),
      runs: fc.integer({ min: MS, max: 20 * MS }),
      every: fc.integer({ min: 5 * MS, max: 60 * MS }),
    });
    fc.assert(
      fc.property(fc.array(vcpu, { minLength: 1, maxLength: 7 }), (all) => {
        const cycles = 300 * MS;
        const vcpus = all.map(({ pinnedTo, shares, sleeps, runs, every }) => {
          return { shares, ...(pinnedTo !== undefined && { pinnedTo }), ...(sleeps && { runs, every }) };
        });
        const onIdle = (cpu: number, waiting: ReadonlySet<number>): void => {
          const could = [...waiting].filter((one) => (vcpus[one].pinnedTo ?? cpu) === cpu);
          expect(could).toEqual([]);
        };
        const { used } = runCpus({ part: proportionalShareCpu(), cpus: 3, vcpus, cycles, onIdle });
        for (const cpu of [0, 1, 2]) {
          const there = used.at(-1)?.filter((_, i) => vcpus[i].pinnedTo === cpu) ?? [];
          expect(there.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(cycles);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("gets its pCPU from one that may go elsewhere", () => {
    // One that computes is put on the first pCPU; the other one wakes there up, and the first goes to the idle one.
    const vcpus = [{ shares: 1 }, { shares: 100, pinnedTo: 0, runs: 50 * MS, every: 100 * MS }];
    const { used, delays } = runCpus({ part: proportionalShareCpu(), cpus: 2, vcpus, cycles: 1000 * MS });
    expect(used.at(-1)).toEqual([1000 * MS, 450 * MS]);
    expect(Math.max(...delays[1])).toBe(50 * MS);
  });
});
