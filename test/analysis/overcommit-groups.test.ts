/** What overcommit does to VMs that run different workloads. */
import { describe, expect, it } from "vitest";
import { overcommitCurves } from "../../src/analysis/overcommit.ts";
import { overcommitChart } from "../../src/report/charts/overcommit.ts";
import { compileStrictly } from "../../src/report/render-chart.ts";
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

/** Metrics of a host: MiB in balloons, and swapped out by the host. */
const memory = (ballooned: number, swapped: number) => ({
  memory_ballooned_mib: ballooned,
  memory_host_swapped_mib: swapped,
});
/** Of a verdict: 2.5 fails, 3 does not; with these metrics. */
const sentenceWith = (at: Record<string, number>, above: Record<string, number>): string =>
  curvesOf([...host(0.9, 100, 50), ...host(2.5, 50, 50, at), ...host(3, 100, 50, above)])[0].verdict.sentence;
/** All VMs alike, with these p99 latencies by seed. */
const alikeAt = (ratio: number, p99: readonly number[]) =>
  host(ratio, 100, 50).map((one, i) => ({
    ...cell(one.spec, {}),
    spec: { ...one.spec, settings: [] },
    metrics: { ...one.metrics, latency_p99_ms: p99[i] },
  }));

/** Both workloads from files. */
const withFiles = (one: CellResult): CellResult => ({
  ...one,
  spec: {
    ...one.spec,
    workload: "../../home/w.yaml",
    settings: [{ first: 6, last: 7, workload: "/srv/hog.yaml" }],
  },
});

/** VMs 6 and 7 are listed apart. */
const listedApart = (particulars: object) => (one: CellResult) => ({
  ...one,
  spec: { ...one.spec, settings: [{ first: 6, last: 7, ...particulars }] },
});

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

describe("the chart of a mix of workloads", () => {
  it("has what the verdict is about: panels of each kind, with nothing of their sum", () => {
    const cells = [...host(0.9, 10, 500), ...host(2, 5, 500)];
    const [{ spec }] = overcommitChart.draw({ name: "r", cells });
    expect(() => compileStrictly(spec)).not.toThrow();
    const text = JSON.stringify(spec);
    for (const kind of ["w in VMs 0 to 5", "hog in VMs 6 to 7"]) {
      expect(text).toContain(`"${kind}","throughput, % of uncommitted"`);
      expect(text).toContain(`"${kind}","p99 latency, ms (logarithmic)"`);
    }
    expect(text).not.toContain('["throughput, % of uncommitted"]');
    // Half of the servers' work is left, and all of the hogs'; together 505 of 510.
    const values = [...text.matchAll(/"strategy":"esx","ratio":2,"value":([0-9.]+)/g)].map(([, value]) =>
      Number(value),
    );
    expect([...new Set(values)]).toEqual([0.5, 6.5, 1, 50]);
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
    expect(verdict.sentence).toBe(
      "esx: no overcommit counts as keeping throughput within 5 % for each kind of VM (95 % confidence), because a ratio counts " +
        "only if all lower ones keep it; at 2, 50 % of it remains for w in VMs 0 to 5; at 2.5 and 4, with less memory, the level " +
        "is kept again.",
    );
    const [{ verdict: later }] = curvesOf([...cells, ...host(1.5, 100, 50)]);
    expect(later.highestRatio).toBe(1.5);
    expect(later.sentence).toMatch(
      /at 2, 50 % .* w in VMs 0 to 5; at 2\.5 and 4, with less memory, the level is kept again\.$/,
    );
  });

  it("says why it is: balloons have grown where the host swaps otherwise", () => {
    expect(sentenceWith(memory(67, 45), memory(833, 0))).toMatch(
      /; at 3, with less memory, the level is kept again: balloons hold 833 MiB then, and the host has swapped 0 MiB \(at 2\.5, 67 MiB and 45 MiB\)\.$/,
    );
    // Neither more in balloons nor less swapped is a reason by itself.
    expect(sentenceWith(memory(67, 45), memory(67, 0))).toMatch(/; at 3, with less memory, the level is kept again\.$/);
    expect(sentenceWith(memory(67, 45), memory(833, 45))).toMatch(
      /; at 3, with less memory, the level is kept again\.$/,
    );
  });

  it("leaves out a kind that does nothing with memory for all either, and says so", () => {
    const [{ verdict }] = curvesOf([...host(0.9, 100, 0), ...host(2, 100, 0)]);
    expect(verdict.highestRatio).toBe(2);
    expect(verdict.sentence).toContain(
      "(95 % confidence; without hog in VMs 6 to 7, which does nothing with memory for all either)",
    );
  });

  it("says by how many seeds a kind is judged that does nothing with memory for all under the others", () => {
    const three = [1, 2, 3].map((seed) => (cells: readonly CellResult[]) => {
      return cells.slice(0, 1).map((one) => ({ ...one, key: `${one.key}-${seed}`, spec: { ...one.spec, seed } }));
    });
    const hosts = (idle: number): CellResult[] =>
      three.flatMap((ofSeed, at) => [
        ...ofSeed(host(0.9, 100, at < idle ? 0 : 50)),
        ...ofSeed(host(2, 100, at === 0 ? 49 : 50)),
      ]);
    const sentence = (idle: number): string => curvesOf(hosts(idle))[0].verdict.sentence;
    expect(sentence(0)).toContain("(95 % confidence), p99");
    expect(sentence(1)).toContain(
      "(95 % confidence; hog in VMs 6 to 7 by 2 of 3 seeds: nothing is done with memory for all under the others)",
    );
    expect(sentence(2)).toContain("hog in VMs 6 to 7 by 1 of 3 seeds, without an interval: nothing is done");
    // The interval of those that are left: 50 of 50 twice.
    const [{ points }] = curvesOf(hosts(1));
    expect(points[1].groups?.[1].throughput).toMatchObject({ n: 2, estimate: expect.closeTo(1, 12) as number });
  });

  it("takes the mean of what latency has become seed by seed, not the quotient of two means", () => {
    // 10 -> 40 and 1,000 -> 1,000: 4 and 1 times, 2 on average; of the means, 1,040 is 1.03 times 1,010.
    expect(curvesOf([...alikeAt(0.9, [10, 1000]), ...alikeAt(2, [40, 1000])])[0].verdict.sentence).toContain(
      ", p99 latency 2.0 times that of ratio 0.9.",
    );
  });

  it("is one on all VMs where those that a matrix lists apart are like the others", () => {
    const cells = [...host(0.9, 100, 50), ...host(2, 100, 40)];
    // 140 of 150: what VMs 6 and 7 have lost is 20 % of theirs, and 7 % of all.
    for (const alike of [{}, { workload: "w" }]) {
      const [{ verdict, points }] = curvesOf(cells.map(listedApart(alike)));
      expect(points[1].groups).toBeUndefined();
      expect(verdict.sentence).toContain("at 2, 93 % of it remains.");
    }
    const [{ verdict }] = curvesOf(cells.map(listedApart({ memory: { limitPages: 100 } })));
    expect(verdict.sentence).toContain("at 2, 80 % of it remains for VMs 6 to 7 with memory settings of its own");
  });

  it("calls workloads from files by their files, not by the way to them", () => {
    const [{ work, verdict }] = curvesOf([...host(0.9, 10, 500), ...host(2, 5, 500)].map(withFiles));
    expect(work).toBe("w.yaml, with hog.yaml in VMs 6 to 7");
    expect(verdict.sentence).toContain("50 % of it remains for w.yaml in VMs 0 to 5");
    expect(verdict.sentence).not.toMatch(/home|srv/);
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
