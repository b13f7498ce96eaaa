import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { byGroup, CAUSE_GROUPS, causeGroup, cycleBreakdown } from "../../src/analysis/cycle-breakdown.ts";
import { memorySources } from "../../src/analysis/memory-sources.ts";
import { operationBreakdown } from "../../src/analysis/operation-breakdown.ts";
import { overcommitCurves } from "../../src/analysis/overcommit.ts";
import { requireIdenticalWork } from "../../src/analysis/results.ts";
import { slowdowns } from "../../src/analysis/slowdown.ts";
import { utilizations } from "../../src/analysis/utilization.ts";
import type { CellResult, CellSpec } from "../../src/sim/cell.ts";
import { cell, fixture, monitorFixture, overcommitFixture, VMMS } from "./fixture.ts";

const [NATIVE, ESX] = VMMS;

function guest(vmm: CellSpec["vmm"], seed: number, rest: Partial<CellResult>): CellResult {
  return cell({ block: "b", vmm, workload: "w", machine: "m", seed }, rest);
}

function work(vmm: CellSpec["vmm"], seed: number, milliseconds: number): CellResult {
  return guest(vmm, seed, { metrics: { work_ms: milliseconds } });
}

function host(overcommit: number, seed: number, metrics: Record<string, number>, vms = 4): CellResult {
  return cell({ block: "o", vmm: ESX, workload: "w", machine: "m", seed, vms, overcommit }, { metrics });
}

const vmm = (label: string): CellSpec["vmm"] => ({ base: label, set: {}, label });

const key = (row: { vmm: string; workload: string }): string => row.workload + row.vmm;

const total = (amounts: Iterable<number>): number => [...amounts].reduce((sum, amount) => sum + amount, 0);

const operations = (count: number, cycles: number) => ({ fork: { count, cycles: { "guest.kernel": cycles } } });

const spec = (seed: number): CellSpec => ({
  block: "b",
  vmm: NATIVE,
  workload: "typical-server",
  machine: "m",
  seed,
});

const busy = (cpu: number, disk: number): Record<string, number> => ({
  cpu_busy_percent: cpu,
  memory_used_percent: 40.4,
  network_busy_percent: 1,
  disk_busy_percent: disk,
});

const sorted = (list: readonly CellResult[]): unknown =>
  [...slowdowns({ name: "r", cells: list })].sort((a, b) => (key(a) < key(b) ? -1 : 1));

const checksOf = (cpu: number, disk: number): boolean[] =>
  utilizations({ name: "r", cells: [cell(spec(1), { metrics: busy(cpu, disk) })] })[0].checks.map((c) => c.holds);

describe("slowdown", () => {
  it("is the geometric mean of the paired ratios, worked by hand", () => {
    // Ratios 2, 2 and 16: geometric mean 4; unpaired means (20 / 3 over 110 / 3) would say something else.
    const cells = [work(NATIVE, 1, 1), work(NATIVE, 2, 10), work(NATIVE, 3, 100)];
    const rows = slowdowns({
      name: "r",
      cells: [...cells, work(ESX, 1, 2), work(ESX, 2, 20), work(ESX, 3, 1600)],
    });
    expect(rows).toHaveLength(1);
    expect(rows[0].estimate).toBeCloseTo(4, 12);
    expect(rows[0]).toMatchObject({ vmm: "esx", workload: "w", n: 3, seeds: [1, 2, 3], verdict: "no difference" });
    // Logarithms ln 2, ln 2, ln 16: standard deviation ln 8 / sqrt 3, so the interval is 4 / 8^(4.3027 / 3) on.
    expect(rows[0].low).toBeCloseTo(4 / 8 ** (4.302653 / 3), 5);
    expect(rows[0].high).toBeCloseTo(4 * 8 ** (4.302653 / 3), 3);
  });

  it("calls equal work no difference and clear differences by their name", () => {
    const cells = [1, 2, 3].flatMap((seed) => [
      work(NATIVE, seed, 100 + seed),
      work(vmm("same"), seed, 100 + seed + (seed - 2) * 0.5),
      work(vmm("slow"), seed, 2 * (100 + seed) + seed / 10),
      work(vmm("fast"), seed, 0.5 * (100 + seed) + seed / 10),
    ]);
    const verdicts = slowdowns({ name: "r", cells }).map((row) => [row.vmm, row.verdict]);
    expect(verdicts).toEqual([
      ["same", "no difference"],
      ["slow", "slower"],
      ["fast", "faster"],
    ]);
  });

  it("does not take the same stream under three seeds for three measurements", () => {
    const cells = [1, 2, 3].flatMap((seed) =>
      [work(NATIVE, seed, 10), work(ESX, seed, 15)].map((one) => ({ ...one, streamDigest: "trace" })),
    );
    const [row] = slowdowns({ name: "r", cells });
    expect(row).toMatchObject({ n: 1, verdict: "one stream" });
    expect(row.estimate).toBeCloseTo(1.5, 12);
    expect(row.low).toBeUndefined();
  });

  it("uses only seeds that both sides finished", () => {
    const failed = { ...work(ESX, 2, 1), status: "failed" as const };
    const cells = [work(NATIVE, 1, 10), work(NATIVE, 2, 10), work(ESX, 1, 30), failed];
    expect(slowdowns({ name: "r", cells })).toMatchObject([{ seeds: [1], n: 1 }]);
  });

  it("does not depend on the order of the cells", () => {
    const cells = fixture().cells;
    expect(sorted(cells.toReversed())).toEqual(sorted(cells));
  });

  it("adds a bootstrap interval only when there are enough seeds", () => {
    const many = Array.from({ length: 10 }, (_, seed) => seed);
    const [row] = slowdowns({ name: "r", cells: monitorFixture(many) });
    expect(row.bootstrap?.low).toBeCloseTo(row.low ?? 0, 1);
    expect(slowdowns({ name: "r", cells: monitorFixture() })[0].bootstrap).toBeUndefined();
  });
});

describe("identical work", () => {
  const other = { ...work(ESX, 1, 20), streamDigest: "f".repeat(64) };

  it("refuses cells that replayed different streams, and names them", () => {
    const cells = [work(NATIVE, 1, 10), other];
    expect(() => slowdowns({ name: "r", cells })).toThrow(/workload "w", seed 1: "native" .* and "esx" .*ffffffffffff/);
    expect(() => cycleBreakdown({ name: "r", cells })).toThrow("different operation streams");
    expect(() => operationBreakdown({ name: "r", cells })).toThrow("different operation streams");
  });

  it("refuses hosts too, and ignores cells without a result", () => {
    const [a, b] = [host(1, 1, {}), { ...host(2, 1, {}), streamDigest: "0".repeat(64) }];
    expect(() => overcommitCurves({ name: "r", cells: [a, b] })).toThrow("different operation streams");
    expect(() => requireIdenticalWork([work(NATIVE, 1, 1), { ...other, status: "failed" }])).not.toThrow();
  });
});

describe("cycle breakdown", () => {
  const names = ["guest", "guest.user", "hardware.trap", "vmm.trap", "vmm.shadow.x", "io.backend.y", "idle", "odd.one"];

  it("keeps the total of the ledger exactly", () => {
    const ledger = fc.dictionary(fc.constantFrom(...names), fc.integer({ min: 0, max: 2 ** 40 }));
    fc.assert(
      fc.property(ledger, (cycles) => {
        expect(total(byGroup(cycles).values())).toBe(total(Object.values(cycles)));
      }),
    );
  });

  it("puts a cause into the group of its longest prefix", () => {
    expect(causeGroup("vmm.shadow.hidden-fault")).toBe("VMM: page tables");
    expect(causeGroup("vmm.trap")).toBe("VMM: traps, translation");
    expect(causeGroup("io.backend.network")).toBe("I/O: back end (dom0)");
    expect(causeGroup("io.backendish")).toBe("I/O: device path");
    expect(causeGroup("martian")).toBe("other");
  });

  it("relates busy cycles to those of native", () => {
    const cells = [
      guest(NATIVE, 1, { cycles: { "guest.user": 60, "guest.kernel": 40, idle: 900 } }),
      guest(ESX, 1, { cycles: { "guest.user": 60, "guest.kernel": 40, "vmm.trap": 25, idle: 875 } }),
    ];
    const rows = cycleBreakdown({ name: "r", cells }).filter((row) => row.vmm === "esx");
    expect(rows.map((row) => [row.group, row.ofNative])).toEqual([
      ["guest user code", 0.6],
      ["guest kernel", 0.4],
      ["VMM: traps, translation", 0.25],
      ["idle", 8.75],
    ]);
  });

  it("names every group once", () => {
    expect(new Set(CAUSE_GROUPS.map(({ name }) => name)).size).toBe(CAUSE_GROUPS.length);
  });
});

describe("operation breakdown", () => {
  it("pools only what every VMM did", () => {
    const cells = [
      guest(NATIVE, 1, { operations: operations(2, 100) }),
      guest(ESX, 1, { operations: operations(2, 300) }),
      guest(NATIVE, 2, { operations: operations(8, 9_999) }),
    ];
    expect(operationBreakdown({ name: "r", cells }).map((row) => [row.vmm, row.cycles, row.count])).toEqual([
      ["native", 50, 2],
      ["esx", 150, 2],
    ]);
  });
});

const sentence = (of: readonly CellResult[]): string => overcommitCurves({ name: "r", cells: of })[0].verdict.sentence;

/** Hosts of which 300 MiB are in balloons, and so much is free. */
const ballooned = (free: number): CellResult[] =>
  [1, 2].flatMap((ratio) =>
    [1, 2, 3].map((seed) =>
      host(ratio, seed, {
        throughput_rps: 100 + seed,
        vms_configured: 4,
        vms_admitted: 4,
        host_memory_mib: 1000,
        memory_ballooned_mib: 300,
        memory_free_mib: free,
      }),
    ),
  );

function busyHosts(ratio: number, done: number, disk: number): CellResult[] {
  return [1, 2].map((seed) =>
    host(ratio, seed, {
      throughput_rps: done,
      cpu_busy_percent: 40,
      disk_busy_percent: disk + seed - 1.5,
      network_busy_percent: 1,
      vms_configured: 4,
      vms_admitted: 4,
    }),
  );
}

describe("overcommit", () => {
  const full = { vms_configured: 4, vms_admitted: 4 };
  /** At ratio 2, of 100 requests a second with all VMs. */
  const evicting = (kept: number, evicted: number) =>
    [1, 2].map((ratio) =>
      host(ratio, 1, {
        ...full,
        throughput_rps: ratio === 1 ? 100 : kept,
        vms_configured: 8,
        vms_admitted: 8,
        ...(ratio === 2 && evicted > 0 && { vms_evicted: evicted }),
      }),
    );

  it("names the highest ratio that keeps throughput within 5 %", () => {
    const cells = [1, 2, 3].flatMap((seed) => [
      host(1, seed, { throughput_rps: 100 * seed, ...full }),
      host(1.5, seed, { throughput_rps: 98 * seed, ...full }),
      host(2, seed, { throughput_rps: 70 * seed, ...full }),
      host(3, seed, { throughput_rps: 99 * seed, ...full }),
    ]);
    const [curve] = overcommitCurves({ name: "r", cells });
    expect(curve.points.map((point) => point.throughput?.estimate.toFixed(6))).toEqual([
      "1.000000",
      "0.980000",
      "0.700000",
      "0.990000",
    ]);
    // Not 3: what lies beyond a ratio that fails does not count.
    expect(curve.verdict).toMatchObject({ highestRatio: 1.5, open: false });
    expect(curve.verdict.sentence).toContain("up to 1.5");
    expect(curve.verdict.sentence).toContain("at 2, 70 %");
  });

  it("demands the lower end of the interval, not the mean", () => {
    const cells = [1, 2, 3].flatMap((seed) => [
      host(1, seed, { throughput_rps: 100, ...full }),
      host(2, seed, { throughput_rps: [90, 98, 104][seed - 1], ...full }),
    ]);
    const [{ verdict, points }] = overcommitCurves({ name: "r", cells });
    expect(points[1].throughput?.estimate).toBeGreaterThan(0.95);
    expect(verdict.highestRatio).toBeUndefined();
    expect(verdict.sentence).toContain("no overcommit is sure to keep throughput within 5 %");
  });

  it("says that the limit lies beyond when every ratio holds, and what there is with one seed", () => {
    const cells = [host(1, 1, { throughput_rps: 100, ...full }), host(2, 1, { throughput_rps: 99, ...full })];
    const [{ verdict }] = overcommitCurves({ name: "r", cells });
    expect(verdict).toMatchObject({ highestRatio: 2, open: true });
    expect(verdict.sentence).toContain("the highest ratio measured (one seed, no confidence interval)");
  });

  it("counts VMs that do not start as configured, on the uncommitted host too", () => {
    const cells = [
      host(1, 1, { throughput_rps: 75, vms_configured: 4, vms_admitted: 3 }),
      host(2, 1, { throughput_rps: 50, vms_configured: 4, vms_admitted: 2 }),
    ];
    const [{ points }] = overcommitCurves({ name: "r", cells });
    // All four would do 100.
    expect(points.map((point) => point.throughput?.estimate.toFixed(3))).toEqual(["0.750", "0.500"]);
  });

  it("does not count a ratio as kept at which some VMs do not start, however much the others do", () => {
    const cells = [1, 2, 3].flatMap((seed) => [
      host(1, seed, { throughput_rps: 100, vms_configured: 4, vms_admitted: 4 }),
      host(1.5, seed, { throughput_rps: 118, vms_configured: 4, vms_admitted: 2 }),
    ]);
    const [{ verdict }] = overcommitCurves({ name: "r", cells });
    expect(verdict.highestRatio).toBeUndefined();
    expect(verdict.sentence).toContain("at 1.5, only 2 of 4 VMs start, though these do 118 % of the work");
  });

  it("says so where the level is kept, but memory goes to and fro, and only from once a minute on", () => {
    const cells = [1, 1.5, 2, 3].map((ratio, i) =>
      host(ratio, 1, {
        throughput_rps: ratio < 3 ? 100 : 50,
        memory_reversals_per_vm_hour: [500, 59.9, 1234.5, 9000][i],
        ...full,
      }),
    );
    // Neither the uncommitted host nor the one that fails anyhow.
    expect(sentence(cells)).toBe(
      "esx: throughput stays within 5 % up to 2 (one seed, no confidence interval), but not steadily: at 2 a VM's memory " +
        "changes direction 1,235 times an hour; at 3, 50 % of it remains.",
    );
    expect(sentence(cells.slice(0, 2))).not.toContain("steadily");
  });

  it("says so where the uncommitted host has no room for more work, as the mean over seeds of what is busiest", () => {
    const note = "; disk is 95 % busy already at ratio 1, so that this is about memory alone.";
    expect(sentence([...busyHosts(1, 100, 95), ...busyHosts(2, 100, 50)])).toContain(
      `up to 2, the highest ratio measured (95 % confidence)${note}`,
    );
    expect(sentence([...busyHosts(1, 100, 95), ...busyHosts(2, 50, 50)])).toContain(
      `; at 2, 50 % of it remains${note}`,
    );
    // Of a host that is short of memory a busy disk is a consequence.
    expect(sentence([...busyHosts(1, 100, 94.9), ...busyHosts(2, 100, 99)])).not.toContain("busy");
  });

  it("says so where dom0's only vCPU has no room for more work, though pCPUs have nothing to do", () => {
    const served = [1, 2].flatMap((ratio) =>
      busyHosts(ratio, 100, 10).map((one) => ({ ...one, metrics: { ...one.metrics, dom0_cpu_busy_percent: 99.6 } })),
    );
    expect(sentence(served)).toContain(
      "; dom0's vCPU is 100 % busy already at ratio 1, so that this is about memory alone.",
    );
  });

  it("gives the management of memory as means over seeds, and its CPU as a part of all cycles", () => {
    const figures = {
      memory_reversals_per_vm_hour: 0,
      double_paged_outs: 3,
      double_paged_ins: 4,
      jain_memory: 0.5,
      ...full,
    };
    const cells = [1, 2].flatMap((seed) =>
      [1, 2].map((ratio) => ({
        ...host(ratio, seed, { ...figures, throughput_rps: 1, ...(seed === 2 && { time_to_target_s: 8 }) }),
        cycles: { "guest.user": 60, idle: 30, "vmm.balloon": 4, "vmm.page-sharing.scan": 4, "vmm.host-swap.in": 2 },
      })),
    );
    const [{ points }] = overcommitCurves({ name: "r", cells });
    expect(points[1].control).toEqual({
      reversals: 0,
      timeToTargetS: 8,
      timeAtMinimumPercent: 0,
      doublePaged: 7,
      entitlementErrorPercent: undefined,
      jainMemory: 0.5,
      jainRequests: undefined,
      controllerCpuPercent: 8,
    });
    // Results of a version that did not count say nothing, and not that there was nothing.
    const older = cells.map((cell) => ({ ...cell, metrics: { throughput_rps: 1, ...full } }));
    const [{ points: unknown }] = overcommitCurves({ name: "r", cells: older });
    expect(unknown[1].control).toMatchObject({
      reversals: undefined,
      timeAtMinimumPercent: undefined,
      doublePaged: undefined,
    });
  });

  it("gives no verdict without an uncommitted host", () => {
    const cells = [host(1.5, 1, { throughput_rps: 75 }), host(2, 1, { throughput_rps: 50 })];
    expect(overcommitCurves({ name: "r", cells })[0].verdict.sentence).toContain("no uncommitted host");
    const idle = [host(0.9, 1, { throughput_rps: 0 }), host(1.5, 1, { throughput_rps: 75 })];
    expect(overcommitCurves({ name: "r", cells: idle })[0].verdict.sentence).toContain(
      "the host at ratio 0.9 gives nothing to compare with",
    );
    const refused = [0.9, 1.5].map((ratio) =>
      host(ratio, 1, { throughput_rps: 0, vms_configured: 4, vms_admitted: 0 }),
    );
    expect(sentence(refused)).toContain("gives nothing to compare with (no VM starts; --why tells by which rule)");
  });

  it("says of VMs that a policy moves away or stops that it does, whether the level is kept without them or not", () => {
    expect(sentence(evicting(75, 2))).toContain(
      "at 2, 75 % of it remains (the policy moves away or stops 2 of 8 VMs).",
    );
    expect(sentence(evicting(99, 1))).toContain(", but at 2 the policy moves away or stops 1 of 8 VMs.");
    expect(sentence(evicting(99, 0))).not.toContain("moves away");
  });

  it("gives no verdict against a host that compresses pages before it is overcommitted", () => {
    const compresses = { ...full, memory_compressed_mib: 3, host_memory_mib: 1000 };
    const cells = [1, 2].map((ratio) => host(ratio, 1, { throughput_rps: 30, ...compresses }));
    expect(overcommitCurves({ name: "r", cells })[0].verdict.sentence).toContain("short of memory already");
  });

  it("compares with a host whose policy balloons what nobody lacks, not with one that needs its balloons", () => {
    // Without any balloon 60 MiB would be free, or 40: more or less than a twentieth of the host.
    expect(sentence(ballooned(360))).toContain("up to 2, the highest ratio measured");
    expect(sentence(ballooned(340))).toContain("short of memory already");
  });

  it("gives no verdict against a host that swaps before it is overcommitted", () => {
    const swaps = { ...full, host_swap_ins: 9, host_memory_mib: 1000 };
    const cells = [host(1, 1, { throughput_rps: 30, ...swaps }), host(2, 1, { throughput_rps: 30, ...swaps })];
    const [{ verdict }] = overcommitCurves({ name: "r", cells });
    expect(verdict.highestRatio).toBeUndefined();
    expect(verdict.sentence).toContain("short of memory already");
    // A roomier host mends it.
    const roomy = [host(0.5, 1, { throughput_rps: 60, ...full }), ...cells];
    const [{ points, verdict: better }] = overcommitCurves({ name: "r", cells: roomy });
    expect(points.map((point) => point.throughput?.estimate.toFixed(3))).toEqual(["1.000", "0.500", "0.500"]);
    expect(better.sentence).toContain("at 1, 50 % of it remains");
  });

  it("says where the memory came from, worked by hand", () => {
    const before = host(1, 1, { ...full, host_memory_mib: 1000, memory_free_mib: 300, memory_guest_cache_mib: 200 });
    const after = host(2, 1, {
      ...full,
      host_memory_mib: 500,
      memory_free_mib: 50,
      memory_shared_saved_mib: 100,
      memory_ballooned_mib: 250,
      memory_guest_swapped_mib: 40,
      memory_guest_cache_mib: 80,
      memory_host_swapped_mib: 60,
    });
    const { mib, missingMib } = memorySources([after], [before]);
    expect(missingMib).toBe(500);
    // Configured 1000 = held 450 + shared 100 + balloon 250 (swap 40, cache 120, free 90) + host swap 60 + 140 untouched.
    expect(mib).toEqual({
      shared: 100,
      guestSwap: 40,
      balloonCache: 120,
      balloonFree: 90,
      hostSwap: 60,
      notStarted: 0,
      neverTouched: 140,
    });
  });

  it("accounts for all configured memory on every host of the fixture", () => {
    for (const { points } of overcommitCurves({ name: "r", cells: overcommitFixture() })) {
      for (const { sources, ratio } of points) {
        const total = Object.values(sources.mib).reduce((sum, amount) => sum + amount, 0);
        const [held, configured] = [2048 / ratio - 40, 2048];
        expect(total).toBeGreaterThanOrEqual(configured - held - 1e-6);
      }
    }
  });
});

describe("utilization", () => {
  it("holds the typical server to its stated figures", () => {
    expect(checksOf(6.4, 4.9)).toEqual([true, true, true, true]);
    expect(checksOf(6.6, 5.1)).toEqual([false, true, true, false]);
  });

  it("looks at native only", () => {
    expect(utilizations(fixture())).toHaveLength(10);
    expect(utilizations({ name: "r", cells: fixture().cells.filter((c) => c.spec.vmm.base !== "native") })).toEqual([]);
  });
});
