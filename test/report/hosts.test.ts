import { expect, it } from "vitest";
import { hostRows, vmsOf } from "../../src/analysis/hosts.ts";
import { vmRows } from "../../src/analysis/vm-rows.ts";
import { hostsSection } from "../../src/report/sections/hosts-section.ts";
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
  expect(rows[0].figures.throughput_rps?.estimate).toBe(12);
  expect(rows[0].figures.memory_ballooned_mib?.estimate).toBe(75);
});

it("tells what only some hosts have: a count that a seed lacks is none, a mean that it lacks is of nothing", () => {
  const cells = [
    cell(spec(1, 1, 2), { metrics: { vms_admitted: 4, oom_kills: 3, start_delay_mean_ms: 400 } }),
    cell(spec(1, 2, 2), { metrics: { vms_admitted: 4 } }),
    cell(spec(2, 1, 2), { metrics: { vms_admitted: 4, dom0_memory_mib: 128 } }),
    cell(spec(2, 1, 1), { metrics: { vms_admitted: 4 } }),
  ];
  const results = { name: "r", cells };
  const rows = hostRows(results);
  expect(rows.map(({ vmm, ratio, occasional }) => [vmm, ratio, occasional])).toEqual([
    ["esx", 2, { oom_kills: 1.5, start_delay_mean_ms: 400 }],
    ["xen-pv", 2, { dom0_memory_mib: 128 }],
    ["xen-pv", 1, {}],
  ]);
  const tables = hostsSection({ results }).blocks.flatMap((block) => (block.kind === "table" ? [block] : []));
  const [table] = tables.filter(({ caption }) => caption.includes("what else was counted"));
  expect(table.columns).toEqual([
    "VMM",
    "overcommit ratio",
    "time from asking for a VM until it runs, mean, ms",
    "memory of dom0, at the end, MiB",
    "processes that guests' kernels killed for want of memory and swap, kills",
  ]);
  expect(table.rows).toEqual([
    ["esx", 2, 400, "", 1.5],
    ["xen-pv", 2, "", 128, ""],
  ]);
});

it("speaks of one VM as one", () => {
  expect([vmsOf(1, "compute"), vmsOf(2, "compute")]).toEqual(["1 VM of compute", "2 VMs of compute"]);
});

it("has no such table where nothing was counted", () => {
  const results = { name: "r", cells: [cell(spec(1, 1, 2), { metrics: { vms_admitted: 4 } })] };
  expect(JSON.stringify(hostsSection({ results }).blocks)).not.toContain("what else was counted");
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
