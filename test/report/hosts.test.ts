import { expect, it } from "vitest";
import { hostRows } from "../../src/analysis/hosts.ts";
import { vmRows } from "../../src/analysis/vm-rows.ts";
import { cell, VMMS } from "./fixture.ts";

const spec = (vmm: number, seed: number, overcommit: number) => ({
  block: "b",
  vmm: VMMS[vmm],
  workload: "w",
  machine: "m",
  seed,
  vms: 4,
  overcommit,
});

it("puts hosts side by side, each the mean over its seeds", () => {
  const cells = [
    cell(spec(1, 1, 2), { metrics: { throughput_rps: 10, vms_admitted: 4, memory_ballooned_mib: 100 } }),
    cell(spec(1, 2, 2), { metrics: { throughput_rps: 14, vms_admitted: 4, memory_ballooned_mib: 50 } }),
    cell(spec(2, 1, 2), { metrics: { throughput_rps: 6, vms_admitted: 2 } }),
    cell(spec(1, 1, 1), { status: "failed", reason: "not this one" }),
    cell({ ...spec(1, 1, 1), block: "one guest alone" }, { metrics: { throughput_rps: 1, vms_admitted: 1 } }),
  ];
  const rows = hostRows({ name: "r", cells });
  expect(rows.map(({ block, vmm, ratio, seeds, admitted }) => [block, vmm, ratio, seeds, admitted])).toEqual([
    ["b", "esx", 2, 2, 4],
    ["b", "xen-pv", 2, 1, 2],
    ["one guest alone", "esx", 1, 1, 1],
  ]);
  expect(rows[0].figures.throughput_rps.estimate).toBe(12);
  expect(rows[0].figures.memory_ballooned_mib.estimate).toBe(75);
});

it("has a row for each VM where VMs are not alike, nothing done where one did not start, and no latency there", () => {
  const columns = ["vm", "cpu_ms", "requests_done", "throughput_rps", "latency_mean_ms", "latency_sd_ms"];
  const vms = (...rows: number[][]) => ({ columns, rows });
  const cells = [
    cell(spec(1, 1, 2), { vms: vms([0, 100, 9, 4, 20, 1], [1, 300, 9, 8, 10, 1]) }),
    cell(spec(1, 2, 2), { vms: vms([0, 200, 9, 6, 40, 1], [2, 7, 0, 0, 0, 0]) }),
    cell(spec(2, 1, 2), {}),
  ];
  const rows = vmRows({ name: "r", cells });
  expect(rows.map(({ vmm, ratio, vm, seeds, figures }) => [vmm, ratio, vm, seeds, ...figures])).toEqual([
    ["esx", 2, 0, 2, 150, 5, 30],
    ["esx", 2, 1, 2, 150, 4, 10],
    ["esx", 2, 2, 2, 3.5, 0, undefined],
  ]);
});
