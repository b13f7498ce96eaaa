import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nextVmCount } from "../../src/analysis/overcommit-search.ts";
import { vmCountCurves, vmCountSentence } from "../../src/analysis/vm-count.ts";
import type { ServiceLevel } from "../../src/experiment/matrix.ts";
import { settingsOfMix } from "../../src/experiment/workload-mix.ts";
import type { CellResult } from "../../src/sim/cell.ts";
import { cell, VMMS } from "../report/fixture.ts";

const SEEDS = [1, 2, 3];
const P99: ServiceLevel = { metric: "p99", bound: 2 };
const HOST_MIB = 2048;
const HOST_PAGES = HOST_MIB * 256;
const VM_MIB = 256;

/** What one host of VMs does: of 10 requests a second and VM, and 10 ms at p99. */
interface Does {
  /** Part of the requests that are served. */
  readonly served?: number;
  readonly p99?: number;
  readonly admitted?: number;
  readonly cpu?: number;
}

/** A host of 2 GiB with so many VMs of 256 MiB, or one with memory for all of them, under every seed. */
function host(
  vms: number,
  fixed: boolean,
  { served = 1, p99 = 10, admitted = vms, cpu = 20 }: Does = {},
): CellResult[] {
  const size = fixed
    ? { hostPages: HOST_PAGES, overcommit: Number(((vms * VM_MIB) / HOST_MIB).toFixed(4)) }
    : { overcommit: 0.9 };
  return SEEDS.map((seed) => {
    const metrics = {
      throughput_rps: 10 * vms * served * (1 + seed / 1e4),
      latency_p99_ms: p99 * (1 + seed / 1000),
      vms_configured: vms,
      vms_admitted: admitted,
      host_memory_mib: fixed ? HOST_MIB : (vms * VM_MIB) / 0.9,
      cpu_busy_percent: cpu,
    };
    return cell({ block: "b", vmm: VMMS[1], workload: "w", machine: "m", seed, vms, ...size }, { metrics });
  });
}

function curveOf(cells: readonly CellResult[], serviceLevel = P99) {
  return vmCountCurves({ name: "r", cells, serviceLevel })[0];
}

const both = (vms: number, does: Does = {}, roomy: Does = {}): CellResult[] => [
  ...host(vms, true, does),
  ...host(vms, false, roomy),
];

const holding = (cells: readonly CellResult[], memory_ballooned_mib: number, memory_host_swapped_mib: number) =>
  cells.map((one) => ({ ...one, metrics: { ...one.metrics, memory_ballooned_mib, memory_host_swapped_mib } }));

const inFolders = (cells: readonly CellResult[]): CellResult[] =>
  cells.map((one) => {
    const settings = one.spec.settings?.map((group) => ({ ...group, workload: "../b/web.yaml" }));
    return { ...one, spec: { ...one.spec, workload: "../a/web.yaml", ...(settings && { settings }) } };
  });

/** VM 0 has a limit and serves a fifth of what the others do, which is 10 requests a second and VM. */
const limited = (vms: number, fixed: boolean, own: number): CellResult[] =>
  host(vms, fixed).map((one) => ({
    ...one,
    spec: { ...one.spec, settings: [{ first: 0, last: 0, memory: { limitPages: 1 } }] },
    metrics: { ...one.metrics, throughput_rps: 10 * (vms - 1) + own },
    groups: {
      columns: ["group", "vms", "throughput_rps"],
      rows: [
        [-1, vms - 1, 10 * (vms - 1)],
        [0, 1, own],
      ],
    },
  }));

describe("the number of VMs that a host keeps", () => {
  it("is found to the VM, whatever it is, in logarithmically many steps", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 127 }), (limit) => {
        const measure = (vms: number): CellResult[] => both(vms, { p99: vms > limit ? 30 : 10 });
        const cells = [4, 8, 12].flatMap(measure);
        let steps = 0;
        for (let next = nextVmCount(curveOf(cells), 128); next !== undefined; next = nextVmCount(curveOf(cells), 128)) {
          expect(cells.some(({ spec }) => spec.vms === next)).toBe(false);
          cells.push(...measure(next));
          steps++;
        }
        const { verdict } = curveOf(cells);
        expect([verdict.most, verdict.failing, verdict.atMost]).toEqual([limit, limit + 1, limit]);
        expect(steps).toBeLessThanOrEqual(6 + Math.ceil(Math.log2(43)) + 1);
      }),
    );
  });

  it("is more than was looked for when nothing fails", () => {
    const { verdict } = curveOf([4, 8, 12].flatMap((vms) => both(vms)));
    expect([verdict.most, verdict.failing, verdict.atMost, verdict.open]).toEqual([12, undefined, undefined, true]);
    expect(nextVmCount(curveOf([4, 8, 12].flatMap((vms) => both(vms))), 12)).toBeUndefined();
  });

  it("is told in a sentence, with the host, the VMs, the ratio, and what happens with one more", () => {
    const curve = curveOf([...both(8), ...both(14, { p99: 15 }), ...both(15, { p99: 30 })]);
    expect(vmCountSentence(curve)).toBe(
      "esx keeps 14 VMs of 256 MiB on 2 GiB (overcommit 1.75): p99 latency stays within 2 times the uncommitted one (95 % " +
        "confidence); with 15, p99 latency is 3.0 times that with memory for all.",
    );
  });

  it("does not count VMs that do not start", () => {
    const curve = curveOf([...both(8), ...both(9, { admitted: 8 })], { metric: "throughput", bound: 0.5 });
    expect(curve.verdict).toMatchObject({ most: 8, failing: 9, atMost: 8 });
    expect(vmCountSentence(curve)).toContain("with 9, only 8 start.");
  });

  it("ends where CPU runs out, though the same VMs do as little with memory for all", () => {
    const level: ServiceLevel = { metric: "throughput", bound: 0.95 };
    const slow = { served: 0.8, cpu: 99 };
    const curve = curveOf([...both(8), ...both(12), ...both(18, slow, slow)], level);
    expect(curve.points[2].throughput?.estimate).toBeCloseTo(1, 6);
    expect(curve.points[2].roomy?.throughput?.estimate).toBeCloseTo(0.8, 3);
    expect(curve.verdict).toMatchObject({ most: 12, failing: 18 });
    expect(vmCountSentence(curve)).toContain(
      "with 18, throughput is 80 % of that per VM with 8, with memory for all, too (CPU 99 % busy)",
    );
  });

  it("says so when CPU is busy with the fewest VMs already", () => {
    const busy = { cpu: 99 };
    expect(vmCountSentence(curveOf([...both(8, busy, busy), ...both(12, { p99: 30 })]))).toContain(
      "; CPU is 99 % busy already with 8, so that this is about memory alone.",
    );
  });

  it("compares with one VM in the singular", () => {
    const level: ServiceLevel = { metric: "throughput", bound: 0.95 };
    const curve = curveOf([...both(1), ...both(8, { p99: 20 }, { p99: 20 })], level);
    expect(vmCountSentence(curve)).toContain("which itself is 2.0 times that with 1 VM");
    expect(vmCountSentence(curve)).not.toContain("1 VMs");
  });

  it("says what the seeds are not sure of: that latency is lost with memory for all, too", () => {
    // 8, 32 and 128 ms where four VMs have 10: 3.2 times on average, from next to nothing to anything.
    const unsure = both(8).map((one) => ({
      ...one,
      metrics: { ...one.metrics, latency_p99_ms: 2 * 4 ** one.spec.seed },
    }));
    const curve = curveOf([...both(4), ...unsure, ...both(12, { p99: 200 }, { p99: 120 })]);
    expect(curve.verdict).toMatchObject({ most: 8, failing: 12 });
    expect(vmCountSentence(curve)).toContain(
      ", though with memory for all, too, it is 3.2 times that with 4 VMs on average, of which the seeds are not sure; with 12, " +
        "p99 latency is 12 times that with 4, with memory for all, too (CPU 20 % busy).",
    );
  });

  it("comes with what the seeds do not rule out", () => {
    const unsure = both(10).map((one) =>
      one.spec.hostPages === undefined
        ? one
        : { ...one, metrics: { ...one.metrics, latency_p99_ms: 8 * 2 ** one.spec.seed } },
    );
    const curve = curveOf([...both(8), ...unsure, ...both(14, { p99: 500 })]);
    expect(curve.verdict).toMatchObject({ most: 8, failing: 10, atMost: 13 });
    expect(vmCountSentence(curve)).toContain("(95 % confidence; up to 13 are not ruled out); with 10, p99 latency is");
    expect(vmCountSentence(curve)).toContain(
      "on average, and the seeds differ too much to be sure; more of them would tell",
    );
  });

  it("is none where one VM is too many, and unknown without a host that has memory for all", () => {
    expect(vmCountSentence(curveOf(both(1, { p99: 30 })))).toBe(
      "esx keeps no VM of 256 MiB on 2 GiB: with 1, p99 latency is 3.0 times that with memory for all.",
    );
    const swapping = host(8, false).map((one) => ({ ...one, metrics: { ...one.metrics, host_swap_ins: 1 } }));
    const curve = curveOf([...host(8, true), ...swapping]);
    expect(curve.verdict.most).toBeUndefined();
    expect(vmCountSentence(curve)).toContain("esx on 2 GiB: no verdict");
    expect(nextVmCount(curve, 100)).toBeUndefined();
  });

  it("does not count a higher number with which the level is kept again, and says so", () => {
    const slow = { p99: 30 };
    const curve = curveOf([...both(8), ...both(12, slow), ...both(14), ...both(16), ...both(18, slow)]);
    expect(curve.verdict).toMatchObject({ most: 8, failing: 12, atMost: 11 });
    expect(vmCountSentence(curve)).toMatch(
      /; with 12, p99 latency is 3\.0 times that with memory for all; with 14 and 16, the level is kept again\.$/,
    );
    expect(vmCountSentence(curveOf([...both(4, slow), ...both(8)]))).toBe(
      "esx keeps no VM of 256 MiB on 2 GiB: with 4, p99 latency is 3.0 times that with memory for all; with 8, the level is " +
        "kept again, but a number counts only if all lower ones keep it.",
    );
  });

  it("says why it is kept again: balloons have grown where the host swaps otherwise", () => {
    const fixed = [...holding(host(12, true, { p99: 30 }), 64, 32), ...holding(host(14, true), 512, 0)];
    const curve = curveOf([...both(8), ...fixed, ...host(12, false), ...host(14, false)]);
    expect(vmCountSentence(curve)).toMatch(
      /; with 14, the level is kept again: balloons hold 512 MiB then, and the host has swapped 0 MiB \(with 12, 64 MiB and 32 MiB\)\.$/,
    );
  });

  it("stops below a number with which the host cannot be simulated", () => {
    const failed = host(12, true).map((one) => ({ ...one, status: "failed" as const }));
    const curve = curveOf([...both(8), ...failed, ...host(12, false)]);
    expect(vmCountSentence(curve)).toContain("; with 12, the host cannot be simulated.");
    expect(nextVmCount(curve, 100)).toBe(10);
  });
});

describe("VMs of different work", () => {
  const MIX = [
    { workload: "w", vms: 3 },
    { workload: "v", vms: 1 },
  ];

  /** Each VM of w serves 10 requests a second, each of v 100 (`v`: another): throughput per VM depends on the proportion. */
  const mixed = (vms: number, fixed: boolean, v = 100): CellResult[] =>
    host(vms, fixed).map((one) => {
      const settings = settingsOfMix(MIX, vms);
      const others = settings.reduce((sum, { first, last }) => sum + last - first + 1, 0);
      const rows = [[-1, vms - others, 10 * (vms - others)], ...settings.map((_, at) => [at, others, v * others])];
      return {
        ...one,
        spec: { ...one.spec, settings },
        metrics: { ...one.metrics, throughput_rps: rows.reduce((sum, row) => sum + row[2], 0) },
        groups: { columns: ["group", "vms", "throughput_rps"], rows: rows.filter((row) => row[1] > 0) },
      };
    });

  it("are held against as many VMs of the same work, whatever whole VMs make of the proportions", () => {
    // 3 and 1; 5 and 1, as 1.5 of 6 are rounded down to what is left.
    const curve = curveOf([4, 6].flatMap((vms) => [...mixed(vms, true), ...mixed(vms, false)]));
    expect(curve.workloads).toEqual(["w", "v"]);
    expect(curve.points.map(({ work }) => work.map(({ vms }) => vms))).toEqual([
      [3, 1],
      [5, 1],
    ]);
    expect(curve.points[1].roomy?.throughput?.estimate).toBeCloseTo(1, 9);
    expect(vmCountSentence(curve)).toContain(
      "esx keeps 6 VMs on 2 GiB (5 of w, 1 of v; overcommit 0.75, the most measured)",
    );
  });

  it("are called by their files, with as much of the folders as tells them apart", () => {
    const curve = curveOf([4, 8].flatMap((vms) => inFolders([...mixed(vms, true), ...mixed(vms, false)])));
    expect(curve.points[1].groups?.map(({ of }) => of)).toEqual(["a/web.yaml", "b/web.yaml"]);
    expect(curve.points[1].roomy?.groups?.map(({ of }) => of)).toEqual(["a/web.yaml", "b/web.yaml"]);
    expect(vmCountSentence(curve)).toContain(
      "esx keeps 8 VMs on 2 GiB (6 of a/web.yaml, 2 of b/web.yaml; overcommit 1,",
    );
  });

  it("are of one kind only with the same settings, whatever they run", () => {
    const level: ServiceLevel = { metric: "throughput", bound: 0.95 };
    const cells = [...limited(4, true, 2), ...limited(4, false, 2), ...limited(8, true, 1), ...limited(8, false, 2)];
    const curve = curveOf(cells, level);
    expect(curve.points[1].kinds.map(({ of, vms }) => [of, vms])).toEqual([
      ["the others", 7],
      ["VM 0 with memory settings of its own", 1],
    ]);
    expect(curve.points[1].roomy?.groups?.map(({ throughput }) => throughput?.estimate)).toEqual([1, 1]);
    // Of 72 requests a second, one less: all VMs together keep 98.6 %.
    expect(vmCountSentence(curve)).toMatch(
      /^esx keeps 4 VMs .*; with 8, throughput of VM 0 with memory settings of its own is 50 % of that with memory for all\.$/,
    );
  });

  it("are told by what they are where more VMs change what they are called", () => {
    const settings = [
      { first: 1, last: 1, workload: "hog" },
      { first: 7, last: 7, workload: "hog", driver: { fromUs: "never" as const } },
    ];
    /** So many requests a second of each VM of w, and of each hog. */
    const withHogs = (vms: number, ofW: number, ofHogs: number): CellResult[] =>
      host(vms, false).map((one) => {
        const hogs = vms > 7 ? 2 : 1;
        const rows = [[-1, vms - hogs, ofW * (vms - hogs)], [0, 1, ofHogs], ...(hogs > 1 ? [[1, 1, ofHogs]] : [])];
        const throughput_rps = rows.reduce((sum, row) => sum + row[2], 0);
        const groups = { columns: ["group", "vms", "throughput_rps"], rows };
        return { ...one, spec: { ...one.spec, settings }, metrics: { ...one.metrics, throughput_rps }, groups };
      });
    const cells = [...host(4, true), ...host(8, true)].map((one) => ({ ...one, spec: { ...one.spec, settings } }));
    const curve = curveOf([...cells, ...withHogs(4, 10, 4), ...withHogs(8, 5, 3)]);
    expect(curve.points.map(({ kinds }) => kinds.map(({ of }) => of))).toEqual([
      ["w", "hog"],
      ["the others", "hog in VM 1", "hog in VM 7 with no balloon driver"],
    ]);
    // W does half of what it did among four VMs, the hog three quarters; the other hog was not there.
    expect(curve.points[1].roomy?.groups).toMatchObject([
      { of: "the others", throughput: { estimate: expect.closeTo(0.5, 9) as number } },
      { of: "hog in VM 1", throughput: { estimate: expect.closeTo(0.75, 9) as number } },
      { of: "hog in VM 7 with no balloon driver" },
    ]);
    expect(curve.points[1].roomy?.groups?.[2].throughput).toBeUndefined();
  });

  it("are each to keep the level: with a lack of memory, and with one of anything else", () => {
    const level: ServiceLevel = { metric: "throughput", bound: 0.95 };
    // Beside 30 requests of three VMs of w, those of v are 1.1 at most: all of them together keep 99 %.
    const start = [...mixed(4, true, 1.1), ...mixed(4, false, 1.1)];
    const lossWith = (roomy: number): string =>
      vmCountSentence(curveOf([...start, ...mixed(8, true, 1), ...mixed(8, false, roomy)], level));
    expect(lossWith(1.1)).toMatch(
      /^esx keeps 4 VMs on 2 GiB .*; with 8, throughput of v is 91 % of that with memory for all\.$/,
    );
    expect(lossWith(1)).toMatch(
      /^esx keeps 4 VMs on 2 GiB .*; with 8, throughput of v is 91 % of that per VM with 4, with memory for all, too \(CPU 20 % busy\)\.$/,
    );
  });
});
