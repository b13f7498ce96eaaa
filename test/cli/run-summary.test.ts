import { expect, it } from "vitest";
import { hostRows } from "../../src/analysis/hosts.ts";
import { runSummaryText } from "../../src/cli/run-summary.ts";
import { cell, isolationFixture, VMMS } from "../report/fixture.ts";

it("the summary of a run judges overcommit by the service level of its matrix", () => {
  const cells = [1, 2].map((overcommit) => {
    const spec = { block: "o", vmm: VMMS[1], workload: "w", machine: "m", seed: 1, vms: 4, overcommit };
    const metrics = { throughput_rps: 100, latency_p99_ms: 30 * overcommit, vms_configured: 4, vms_admitted: 4 };
    return cell(spec, { metrics });
  });
  expect(runSummaryText({ name: "r", cells })).toContain("throughput stays within 5 % up to 2");
  const strict = runSummaryText({ name: "r", cells, serviceLevel: { metric: "p99", bound: 1.5 } });
  expect(strict).toContain("no overcommit keeps p99 latency within 1.5 times the uncommitted one");
});

const host = (label: string, seed: number, metrics: Record<string, number>) =>
  cell(
    { block: "b", vmm: { base: "esx", set: {}, label }, workload: "w", machine: "m", seed, vms: 4, overcommit: 2 },
    { metrics },
  );

it("says that no request is finished where none of a host's VMs start, and gives no latency of nothing", () => {
  const started = { throughput_rps: 100, vms_configured: 4, vms_admitted: 4 };
  const none = { throughput_rps: 0, vms_configured: 4, vms_admitted: 0 };
  const cells = [1, 2].flatMap((seed) => [
    host("refused", seed, none),
    host("half", seed, seed === 1 ? none : { ...started, latency_p99_ms: 30 }),
  ]);
  const rows = runSummaryText({ name: "r", cells })
    .split("\n")
    .map((line) => line.split(/ {2,}/));
  expect(rows.find(([vmm]) => vmm === "refused")).toEqual(["refused", "0", "0.0", "no request is finished"]);
  // A seed under which nothing is finished has no latency of 0 that would halve that of the other.
  expect(rows.find(([vmm]) => vmm === "half")).toEqual(["half", "2", "50.0", "30.0"]);
  expect(hostRows({ name: "r", cells }).map(({ figures }) => figures.latency_p99_ms?.estimate)).toEqual([
    undefined,
    30,
  ]);
});

it("tells what the others of a host keep next to a VM that misbehaves, and not where all are alike", () => {
  const tables = runSummaryText({ name: "r", cells: isolationFixture([1, 2]) }).split("\n\n");
  const rows = (block: string): string[][] =>
    (tables.find((table) => table.startsWith(block)) ?? "").split("\n").map((line) => line.split(/ {2,}/));
  expect(rows("bomb: ")[0].slice(-3)).toEqual(["the others: requests/s", "p99, ms", "times the p99 with all alike"]);
  // The p99 latency of the fixture is 11 and 12 ms with all alike.
  expect(rows("bomb: ")[1].slice(-3)).toEqual(["30.0", "34.5", "3.00"]);
  expect(rows("bomb: ")[3].slice(-3)).toEqual(["0.0", "-", "-"]);
  expect(rows("calm: ")[0].at(-1)).toBe("p99, ms");
});

it("writes large figures with separators, and none with an exponent", () => {
  const cells = isolationFixture([1, 2]).map((one) => {
    if (one.spec.block !== "bomb" || one.groups === undefined) return one;
    const rows = one.groups.rows.map((row) => row.map((of, i) => (i === row.length - 1 ? of * 10_000 : of)));
    return { ...one, groups: { ...one.groups, rows } };
  });
  const summary = runSummaryText({ name: "r", cells });
  expect(summary).toMatch(/ 345,000\.0 +30,000$/m);
  expect(summary).not.toMatch(/\de[+-]\d/);
});
