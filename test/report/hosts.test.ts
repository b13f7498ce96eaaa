import { expect, it } from "vitest";
import { hostRows } from "../../src/analysis/hosts.ts";
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
