/** What overcommit does to VMs that run different workloads. */
import { describe, expect, it } from "vitest";
import { overcommitCurves } from "../../src/analysis/overcommit.ts";
import { overcommitText } from "../../src/cli/overcommit-table.ts";
import type { CellResult } from "../../src/sim/cell.ts";
import { cell, VMMS } from "../report/fixture.ts";

const COLUMNS = [
  "group",
  "vms",
  "requests_done",
  "throughput_rps",
  "latency_mean_ms",
  "latency_p50_ms",
  "latency_p99_ms",
];
const settings = [{ first: 6, last: 7, workload: "hog" }];

/** A host whose six servers do `servers` requests a second, and its two hogs `hogs`. */
function host(overcommit: number, servers: number, hogs: number, metrics: Record<string, number> = {}): CellResult[] {
  return [1, 2].map((seed) =>
    cell(
      { block: "o", vmm: VMMS[1], workload: "w", machine: "m", seed, vms: 8, overcommit, settings },
      {
        metrics: { throughput_rps: servers + hogs, latency_p99_ms: 9, vms_configured: 8, vms_admitted: 8, ...metrics },
        groups: {
          columns: COLUMNS,
          rows: [
            [-1, 6, 10 * servers, servers, 2, 1, 5 + seed],
            [0, 2, 10 * hogs, hogs, 20, 10, hogs && 50],
          ],
        },
      },
    ),
  );
}

const curvesOf = (cells: readonly CellResult[]) => overcommitCurves({ name: "r", cells });

describe("overcommit of a mix of workloads", () => {
  it("has what each group keeps of its own throughput, and its own latency", () => {
    const [{ points, work }] = curvesOf([...host(0.9, 100, 50), ...host(2, 25, 60), ...host(3, 0, 60)]);
    expect(work).toBe("w, with hog in VMs 6 to 7");
    const kept = points.map(({ groups = [] }) => groups.map(({ of, throughput }) => [of, throughput?.estimate]));
    expect(kept[1]).toEqual([
      ["the others", expect.closeTo(0.25, 12)],
      ["hog in VMs 6 to 7", expect.closeTo(1.2, 12)],
    ]);
    expect(kept[2][0]).toEqual(["the others", 0]);
    expect(points[1].groups?.map(({ latencyP99Ms }) => latencyP99Ms?.estimate)).toEqual([6.5, 50]);
    expect(points[2].groups?.[0].latencyP99Ms).toBeUndefined();
  });

  it("is told as text, group by group", () => {
    const text = overcommitText(curvesOf([...host(0.9, 100, 50), ...host(2, 25, 60)]));
    expect(text).toContain("8 VMs of w, with hog in VMs 6 to 7 on m");
    expect(text).toMatch(
      /the others: throughput against the uncommitted host +0\.9 +2\nesx +1\.000 ± 0\.000 +0\.250 ± 0\.000\n/,
    );
    expect(text).toMatch(/hog in VMs 6 to 7: p99 latency, ms +0\.9 +2\nesx +50\.0 +50\.0\n/);
  });

  it("has long latencies with thousands separated", () => {
    const text = overcommitText(curvesOf([...host(0.9, 100, 50), ...host(2, 25, 60, { latency_p99_ms: 2841836.7 })]));
    expect(text).toMatch(/\np99 latency, ms +0\.9 +2\nesx +9\.0 +2,841,836\.7\n/);
  });

  it("is compared with a host on which a guest swaps without a balloon: it is short of its own memory, not of the host's", () => {
    const swapping = { guest_swap_ins: 9 };
    const [{ verdict }] = curvesOf([...host(0.9, 100, 50, swapping), ...host(2, 100, 50)]);
    expect(verdict.highestRatio).toBe(2);
    const ballooned = { guest_swap_ins: 9, memory_ballooned_mib: 1, host_memory_mib: 1000 };
    expect(curvesOf([...host(0.9, 100, 50, ballooned), ...host(2, 100, 50)])[0].verdict.sentence).toContain(
      "no verdict",
    );
  });
});
