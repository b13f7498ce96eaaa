/** The rows about I/O can all be simulated, and figures that costs were taken from come out again. */
import { describe, expect, it } from "vitest";
import { MENON05, MENON06 } from "../../src/analysis/validation/menon06.ts";
import { SOSP03_NETWORK } from "../../src/analysis/validation/sosp03-network.ts";
import { SUGERMAN01 } from "../../src/analysis/validation/sugerman01.ts";
import type { Bench, VmmReference } from "../../src/analysis/validation/validation-set.ts";
import { WALTERS08 } from "../../src/analysis/validation/walters08.ts";
import { compileGuests, loadWorkload } from "../../src/experiment/documents/load.ts";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import { chosenBenchmarks } from "../../src/experiment/operation-table.ts";
import { measureMicrobenchmark } from "../../src/sim/microbenchmarks/microbenchmark.ts";
import { runMonitor } from "../../src/sim/monitor.ts";
import { composeVmm } from "../../src/vmm/compose.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { PARTS } from "../../src/vmm/parts.ts";
import { VMMS } from "../../src/vmm/registry.ts";

function resolveVmm(reference: VmmReference): Vmm {
  const [[name, changes]] = typeof reference === "string" ? [[reference, {}] as const] : Object.entries(reference);
  const base = VMMS.find((vmm) => vmm.name === name);
  if (base === undefined) throw new Error(`no VMM ${name}`);
  const { vmm, problems } = composeVmm(base, changes, PARTS);
  expect(problems).toEqual([]);
  return vmm;
}

const profileOf = (machine: string) => loadMachine(`machines/${machine}.yaml`).profile;

const bench: Bench = {
  profile: profileOf,
  operation(machine, vmm, operation) {
    const [benchmark] = chosenBenchmarks(profileOf(machine), [operation]);
    return measureMicrobenchmark(benchmark, resolveVmm(vmm), profileOf(machine));
  },
  workload(machine, vmm, workload) {
    const [compiled] = compileGuests(loadWorkload(`workloads/${workload}.yaml`), 1, 1);
    return runMonitor(resolveVmm(vmm), profileOf(machine), compiled);
  },
  host: () => {
    throw new Error("no row of these sets asks for many guests");
  },
  memory: () => {
    throw new Error("no row of these sets has guests of its own");
  },
  once: (_, compute) => compute(),
};

const SETS = [SOSP03_NETWORK, SUGERMAN01, MENON06, MENON05, WALTERS08];
const rows = SETS.flatMap((set) => set.rows);

function simulated(id: string): number {
  const row = rows.find((each) => each.id === id);
  if (row === undefined) throw new Error(`no row ${id}`);
  return row.simulate(bench);
}

function rates(direction: string, names: readonly string[]): number[] {
  return names.map((name) => simulated(`menon06.${direction}.${name}`));
}

describe("the rows about I/O", () => {
  it("are each there once, under the name of their source", () => {
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
    for (const set of SETS) for (const { id } of set.rows) expect(id.startsWith(`${set.name}.`), id).toBe(true);
  });

  it("all give a number", () => {
    for (const row of rows) expect(Number.isFinite(row.simulate(bench)), row.id).toBe(true);
  });

  /** Published: Barham 2003, Table 6; Sugerman 2001, section 3.4; Menon 2006; Walters 2008. */
  it.each([
    ["xen03.t6.linux.tx-mtu-500", 602],
    ["xen03.t6.linux.rx-mtu-500", 544],
    ["sugerman01.us.total-transmitting-via-vmnet", 22.7],
    ["sugerman01.us.total-emulating-the-lance-transmit-path", 3],
    ["sugerman01.us.vmm-in-out-to-the-pic", 0.78],
    ["sugerman01.us.vmm-in-out-to-the-lance-status-register", 0.91],
    ["menon06.rx.native", 2508],
    ["menon06.tx.guest", 750],
    ["walters08.netperf.lat.native", 80],
  ])("that were calibrated on, come out again: %s", (id, published) => {
    expect(Math.abs(simulated(id) / published - 1)).toBeLessThan(0.01);
  });

  it("predict that Workstation takes less than 6 times the native CPU time to fill 100 Mb/s (Sugerman 2001)", () => {
    expect(simulated("sugerman01.cpu.hi")).toBeLessThan(6);
  });

  // Known to fail: that is the optimised version, which takes 4 times as much here; 2.0, which was taken for it, does not fill the link.
  it.fails("predict that Workstation takes more than 5 times the native CPU time to fill 100 Mb/s", () => {
    expect(simulated("sugerman01.cpu.lo")).toBeGreaterThan(5);
  });

  /** Sugerman 2001, section 3.5 and Table 3: version 2.0 is bound by the processor at 64 Mb/s, where the link carries 100. */
  it("predict that Workstation 2.0 does not fill 100 Mb/s, and how much is idle once each optimisation lets it", () => {
    expect(Math.abs(simulated("sugerman01.rate.version-2") / 64 - 1)).toBeLessThan(0.2);
    const optimised = (simulated("sugerman01.pct.vmm-guest-idle") * simulated("sugerman01.pct.total-vmm-time")) / 100;
    const idle = [
      [simulated("sugerman01.idle.native"), 86],
      [optimised, 21.7],
      [simulated("sugerman01.idle.without-irq-notification"), 17.9],
      [simulated("sugerman01.idle.without-send-combining-and-irq-notification"), 2],
    ];
    for (const [share, published] of idle) expect(Math.abs(share - published)).toBeLessThan(6);
    expect(idle).toEqual([...idle].sort(([one], [other]) => other - one));
  });

  it("predict the order of Menon 2006", () => {
    for (const order of [
      rates("tx", ["native", "driver", "guest-opt", "guest"]),
      rates("rx", ["native", "driver-opt", "driver", "guest-opt", "guest"]),
    ]) {
      expect(order).toEqual([...order].sort((a, b) => b - a));
    }
  });

  it("predict the order of Walters 2008", () => {
    const latencies = ["native", "xen", "vmware"].map((system) => simulated(`walters08.netperf.lat.${system}`));
    expect(latencies).toEqual([...latencies].sort((a, b) => a - b));
    expect(simulated("walters08.netperf.bw.vmware")).toBeLessThan(simulated("walters08.netperf.bw.xen"));
  });
});
