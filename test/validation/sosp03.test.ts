/** Barham et al. 2003 in the published orders: what a switch with a working set costs, and how applications rank. */
import { describe, expect, it } from "vitest";
import { sosp03Applications } from "../../src/analysis/validation/sosp03-applications.ts";
import { sosp03Memory } from "../../src/analysis/validation/sosp03-memory.ts";
import { sosp03Processes } from "../../src/analysis/validation/sosp03-processes.ts";
import { sosp03Switches } from "../../src/analysis/validation/sosp03-switches.ts";
import type { Bench, VmmReference } from "../../src/analysis/validation/validation-set.ts";
import { SMP_MACHINE } from "../../src/analysis/validation/sosp03-systems.ts";
import { loadPublishedFigures } from "../../src/analysis/validation/published-figures.ts";
import { compileGuests, loadWorkload } from "../../src/experiment/documents/load.ts";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import { microbenchmarks } from "../../src/sim/microbenchmarks/catalogue.ts";
import { measureMicrobenchmark } from "../../src/sim/microbenchmarks/microbenchmark.ts";
import { runHost } from "../../src/sim/host.ts";
import { runMonitor } from "../../src/sim/monitor.ts";
import { VMMS } from "../../src/vmm/registry.ts";
import { XEON } from "../monitor/machines.ts";

function vmmOf(reference: VmmReference) {
  const vmm = VMMS.find(({ name }) => name === reference);
  if (vmm === undefined) throw new Error(`no VMM ${JSON.stringify(reference)}`);
  return vmm;
}

const SMP = loadMachine(`machines/${SMP_MACHINE}.yaml`).profile;

function machineOf(name: string) {
  return name === SMP_MACHINE ? SMP : XEON;
}

const BENCH: Bench = {
  profile: machineOf,
  operation: (machine, vmm, name) => {
    const profile = machineOf(machine);
    const benchmark = microbenchmarks(profile).find((each) => each.name === name);
    if (benchmark === undefined) throw new Error(`no microbenchmark ${name}`);
    return measureMicrobenchmark(benchmark, vmmOf(vmm), profile);
  },
  workload: (_, vmm, name) =>
    runMonitor(vmmOf(vmm), XEON, compileGuests(loadWorkload(`workloads/${name}.yaml`), 1, 1)[0]),
  host: ({ vmm, guests: [{ workload, count }] }) => {
    const guests = compileGuests(loadWorkload(`workloads/${workload}.yaml`), 1, count);
    return runHost(vmmOf(vmm), XEON, guests, count * guests[0].guest.memoryPages);
  },
  memory: () => {
    throw new Error("no row of these sets has guests of its own");
  },
  once: (_, compute) => compute(),
};

const ROWS = [sosp03Processes, sosp03Switches, sosp03Memory, sosp03Applications].flatMap(({ rows }) => rows);

function simulated(id: string): number {
  const row = ROWS.find((each) => each.id === `xen03.${id}`);
  if (row === undefined) throw new Error(`no row ${id}`);
  return row.simulate(BENCH);
}

/** What a switch costs more on Xen than on bare metal, as a part of the latter. */
function xenPenalty(name: string): number {
  return simulated(`t4.xen.${name}`) / simulated(`t4.l-up.${name}`) - 1;
}

/** Performance of an application relative to bare metal. */
function relative(name: string, system: string): number {
  const ratio = simulated(`f3.${name}.${system}`) / simulated(`f3.${name}.linux`);
  return name === "linux-2-4-21-build" ? 1 / ratio : ratio;
}

it("has a row for each of 24 operations on five systems, and of 6 applications on four", () => {
  expect(new Set(ROWS.map(({ id }) => id)).size).toBe(5 * 24 + 4 * 6);
});

it("predicts what an SMP kernel takes for each of 24 operations from the locks in its source, to a third", () => {
  const published = loadPublishedFigures();
  const rows = ROWS.filter(({ id }) => id.includes(".l-smp."));
  expect(rows.map(({ role }) => role)).toEqual(Array<string>(24).fill("prediction"));
  const errors = rows.map((row) => row.simulate(BENCH) / (published.get(row.id)?.value ?? 0) - 1);
  for (const [i, error] of errors.entries()) expect(Math.abs(error), rows[i].id).toBeLessThan(1 / 3);
  // Eleven of them to 10 %.
  expect(errors.filter((error) => Math.abs(error) < 0.1).length).toBeGreaterThanOrEqual(11);
});

describe("the refill of working sets on bare metal", () => {
  /** Barham 2003, Table 4, L-UP, in us. Only 16p/64K was calibrated. */
  it.each([
    ["2p-64k", 1.06],
    ["8p-16k", 1.03],
    ["8p-64k", 24.3],
    ["16p-16k", 3.61],
    ["16p-64k", 37.6],
  ])("of %s takes about %d us", (name, published) => {
    expect(Math.abs(simulated(`t4.l-up.${name}`) / published - 1)).toBeLessThan(0.1);
  });

  it("hides what Xen adds: 156 % of a bare switch, 18 % of one with 64 KB in 8 processes", () => {
    expect(xenPenalty("2p-0k")).toBeGreaterThan(1.4);
    expect(xenPenalty("8p-64k")).toBeLessThan(0.25);
    expect(xenPenalty("16p-64k")).toBeLessThan(0.1);
  });
});

describe.each(["0k-create", "10k-create", "10k-delete", "mmap-lat", "page-fault"])("%s", (name) => {
  it("is dearest by full virtualization", () => {
    const [native, xen, vmware] = ["l-up", "xen", "vmw"].map((system) => simulated(`t5.${system}.${name}`));
    expect(vmware).toBeGreaterThan(native);
    expect(vmware).toBeGreaterThan(xen);
  });
});

describe("applications", () => {
  /** Barham 2003, Figure 3, derived. */
  it.each([
    ["spec-int2000", 1, 0.977],
    ["linux-2-4-21-build", 0.97, 0.787],
  ])("%s runs at %d of native on Xen, at %d on VMware", (name, xen, vmware) => {
    expect(Math.abs(relative(name, "xen") / xen - 1)).toBeLessThan(0.05);
    expect(Math.abs(relative(name, "vmw") / vmware - 1)).toBeLessThan(0.05);
  });

  it.each(["linux-2-4-21-build", "osdb-ir", "osdb-oltp", "dbench", "spec-web99"])(
    "%s suffers most on VMware",
    (name) => {
      expect(relative(name, "vmw")).toBeLessThan(relative(name, "xen"));
      expect(relative(name, "xen")).toBeGreaterThan(0.9);
    },
  );
});
