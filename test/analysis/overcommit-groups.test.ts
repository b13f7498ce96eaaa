/** What overcommit does to VMs that run different workloads. */
import { describe, expect, it } from "vitest";
import { overcommitCurves } from "../../src/analysis/overcommit.ts";
import { overcommitText } from "../../src/cli/overcommit-table.ts";
import { othersTitle } from "../../src/analysis/vm-group-title.ts";
import type { ServiceLevel } from "../../src/experiment/matrix.ts";
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

/** A host whose six servers do `servers` requests a second, and its two hogs `hogs`, `p99` ms long. */
function host(
  overcommit: number,
  servers: number,
  hogs: number,
  metrics: Record<string, number> = {},
  p99 = 50,
): CellResult[] {
  return [1, 2].map((seed) =>
    cell(
      { block: "o", vmm: VMMS[1], workload: "w", machine: "m", seed, vms: 8, overcommit, settings },
      {
        metrics: { throughput_rps: servers + hogs, latency_p99_ms: 9, vms_configured: 8, vms_admitted: 8, ...metrics },
        groups: {
          columns: COLUMNS,
          rows: [
            [-1, 6, 10 * servers, servers, 2, 1, 5 + seed],
            [0, 2, 10 * hogs, hogs, 20, 10, hogs && p99],
          ],
        },
      },
    ),
  );
}

const curvesOf = (cells: readonly CellResult[], serviceLevel?: ServiceLevel) =>
  overcommitCurves({ name: "r", cells, ...(serviceLevel && { serviceLevel }) });

describe("overcommit of a mix of workloads", () => {
  it("has what each group keeps of its own throughput, and its own latency", () => {
    const [{ points, work }] = curvesOf([...host(0.9, 100, 50), ...host(2, 25, 60), ...host(3, 0, 60)]);
    expect(work).toBe("w, with hog in VMs 6 to 7");
    const kept = points.map(({ groups = [] }) => groups.map(({ of, throughput }) => [of, throughput?.estimate]));
    expect(kept[1]).toEqual([
      ["w in VMs 0 to 5", expect.closeTo(0.25, 12)],
      ["hog in VMs 6 to 7", expect.closeTo(1.2, 12)],
    ]);
    expect(kept[2][0]).toEqual(["w in VMs 0 to 5", 0]);
    expect(points[1].groups?.map(({ latencyP99Ms }) => latencyP99Ms?.estimate)).toEqual([6.5, 50]);
    expect(points[2].groups?.[0].latencyP99Ms).toBeUndefined();
  });

  it("is told as text, group by group", () => {
    const text = overcommitText(curvesOf([...host(0.9, 100, 50), ...host(2, 25, 60)]));
    expect(text).toContain("8 VMs of w, with hog in VMs 6 to 7 on m");
    expect(text).toMatch(
      /w in VMs 0 to 5: throughput against the uncommitted host +0\.9 +2\nesx +1\.000 ± 0\.000 +0\.250 ± 0\.000\n/,
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

describe("the verdict on a mix of workloads", () => {
  it("is that on the kind which loses most, however little of all requests that is", () => {
    // 10 of 510 requests a second are the servers': half of those lost leave 99 % of all.
    const [{ points, verdict }] = curvesOf([...host(0.9, 10, 500), ...host(1.5, 10, 500), ...host(2, 5, 500)]);
    expect(points[2].throughput?.estimate).toBeCloseTo(505 / 510, 12);
    expect(verdict).toMatchObject({ highestRatio: 1.5, failingRatio: 2 });
    expect(verdict.sentence).toBe(
      "esx: throughput stays within 5 % for each kind of VM up to 1.5 (95 % confidence), p99 latency as before; at 2, 50 % of " +
        "it remains for w in VMs 0 to 5.",
    );
  });

  it("goes by each kind's own latency, which those with many short requests hide", () => {
    const cells = [...host(0.9, 500, 1), ...host(1.5, 500, 1, {}, 75), ...host(2, 500, 1, {}, 150)];
    const [{ points, verdict }] = curvesOf(cells, { metric: "p99", bound: 2 });
    expect(points.map(({ p99Factor }) => (typeof p99Factor === "object" ? p99Factor.estimate : p99Factor))).toEqual([
      1, 1, 1,
    ]);
    expect(verdict).toMatchObject({ highestRatio: 1.5, failingRatio: 2 });
    expect(verdict.sentence).toContain("at 2, p99 latency of hog in VMs 6 to 7 is 3.0 times the uncommitted one");
    expect(curvesOf(cells)[0].verdict.sentence).toContain(
      "up to 2, the highest ratio measured (95 % confidence), p99 latency 3.0 times that of ratio 0.9 (hog in VMs 6 to 7).",
    );
  });

  it("says who finishes nothing", () => {
    const [{ verdict }] = curvesOf([...host(0.9, 10, 500), ...host(2, 0, 500)], { metric: "p99", bound: 2 });
    expect(verdict.sentence).toContain("at 2, no request is finished by w in VMs 0 to 5.");
  });

  it("says where the level is kept again with less memory", () => {
    const cells = [
      ...host(0.9, 100, 50),
      ...host(2, 50, 50),
      ...host(2.5, 100, 50),
      ...host(3, 10, 50),
      ...host(4, 99, 50),
    ];
    const [{ verdict }] = curvesOf(cells);
    expect(verdict.failingRatio).toBe(2);
    expect(verdict.sentence).toMatch(/at 2, 50 % of it remains for w in VMs 0 to 5; at 2.5 and 4 it is kept again\.$/);
  });

  it("leaves out a kind that does nothing with memory for all either", () => {
    const [{ verdict }] = curvesOf([...host(0.9, 100, 0), ...host(2, 100, 0)]);
    expect(verdict.highestRatio).toBe(2);
  });

  it("names those of the first workload where they are", () => {
    const spec = host(1, 1, 1)[0].spec;
    const hogIn = (...ranges: readonly (readonly [number, number])[]): string =>
      othersTitle({ ...spec, settings: ranges.map(([first, last]) => ({ first, last, workload: "hog" })) });
    expect(hogIn([6, 7])).toBe("w in VMs 0 to 5");
    expect(hogIn([0, 2], [4, 4])).toBe("w in VM 3 and VMs 5 to 7");
    expect(othersTitle({ ...spec, settings: [{ first: 3, last: 3 }] })).toBe("the others");
  });
});
