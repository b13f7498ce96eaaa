import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type OvercommitCurve, overcommitCurves } from "../../src/analysis/overcommit.ts";
import { nextRatio } from "../../src/analysis/overcommit-search.ts";
import type { ServiceLevel } from "../../src/experiment/matrix.ts";
import type { CellResult } from "../../src/sim/cell.ts";
import { cell, VMMS } from "../report/fixture.ts";

const SEEDS = [1, 2, 3];
const LEVEL: ServiceLevel = { metric: "p99", bound: 2 };

/** A host whose p99 latency is `p99` ms, and a little more on each further seed. */
function host(overcommit: number, p99: number, admitted = 4): CellResult[] {
  return SEEDS.map((seed) => {
    const metrics = {
      throughput_rps: 100,
      ...(Number.isFinite(p99) && { latency_p99_ms: p99 * (1 + seed / 1000) }),
      vms_configured: 4,
      vms_admitted: admitted,
    };
    return cell({ block: "o", vmm: VMMS[1], workload: "w", machine: "m", seed, vms: 4, overcommit }, { metrics });
  });
}

function curveOf(cells: readonly CellResult[], serviceLevel = LEVEL): OvercommitCurve {
  return overcommitCurves({ name: "r", cells, serviceLevel })[0];
}

/** Search a host whose latency trebles beyond `limit`. Gives the verdict and how many ratios were measured for it. */
function search(limit: number, precision: number) {
  const measure = (ratio: number): CellResult[] => host(ratio, ratio > limit ? 30 : 10);
  const cells = [0.9, 1.25, 2].flatMap(measure);
  for (let steps = 0; ; steps++) {
    const { verdict, ...curve } = curveOf(cells);
    const next = nextRatio({ ...curve, verdict }, precision);
    if (next === undefined) return { verdict, steps };
    cells.push(...measure(next));
  }
}

describe("the search for a strategy's limit", () => {
  it("finds any limit to within the precision, in logarithmically many steps", () => {
    const limits = fc.double({ min: 1.3, max: 15.9, noNaN: true });
    fc.assert(
      fc.property(limits, fc.constantFrom(0.05, 0.1, 0.25), (limit, precision) => {
        const { verdict, steps } = search(limit, precision);
        const { highestRatio = 0, failingRatio = 0 } = verdict;
        expect(highestRatio).toBeLessThanOrEqual(limit);
        expect(failingRatio).toBeGreaterThan(limit);
        expect(failingRatio - highestRatio).toBeLessThanOrEqual(1.001 * precision);
        // Up by halves from 2 to 16, then halving the last gap of at most 5.4.
        expect(steps).toBeLessThanOrEqual(6 + Math.ceil(Math.log2(5.4 / precision)) + 1);
      }),
    );
  });

  it("gives up at a ratio of 16 when nothing fails", () => {
    const { verdict } = search(100, 0.05);
    expect(verdict.highestRatio).toBe(16);
    expect(verdict.failingRatio).toBeUndefined();
    expect(verdict.sentence).toContain("the highest ratio measured");
  });

  it("looks between a ratio at which the host cannot be simulated and the last that keeps the level", () => {
    const failed = (ratio: number): CellResult[] => host(ratio, 10).map((one) => ({ ...one, status: "failed" }));
    const cells = [...host(1, 10), ...host(1.5, 10), ...failed(2.25)];
    const { verdict } = curveOf(cells);
    expect(verdict.sentence).toContain("up to 1.5 (95 % confidence)");
    expect(verdict.sentence).toContain("; at 2.25, the host cannot be simulated.");
    expect([verdict.open, verdict.failingRatio]).toEqual([false, undefined]);
    // The middle of 1.5 and 2.25 is 1.875; then of 1.5 and 1.9, of 1.7 and 1.9, of 1.7 and 1.8.
    const asked: number[] = [];
    for (let next = nextRatio(curveOf(cells), 0.05); next !== undefined; next = nextRatio(curveOf(cells), 0.05)) {
      asked.push(next);
      cells.push(...(next > 1.72 ? failed(next) : host(next, 10)));
    }
    expect(asked).toEqual([1.9, 1.7, 1.8, 1.75]);
    // A level that is lost at a lower ratio is found there.
    expect(nextRatio(curveOf([...host(1, 10), ...host(1.5, 30), ...failed(2.25)]), 0.05)).toBe(1.25);
  });

  it("does not search where there is nothing to compare with, or where not even the roomiest host starts all VMs", () => {
    expect(nextRatio(curveOf([...host(1.25, 10), ...host(2, 30)]), 0.05)).toBeUndefined();
    expect(nextRatio(curveOf([...host(1, 10, 3), ...host(2, 30)]), 0.05)).toBeUndefined();
  });
});

describe("a service level", () => {
  const cells = [...host(1, 10), ...host(1.5, 19), ...host(2, 21), ...host(3, Infinity)];

  it("on p99 latency is kept as long as the worse end of the interval is", () => {
    const { verdict, points } = curveOf(cells);
    expect(verdict.highestRatio).toBe(1.5);
    expect(verdict.failingRatio).toBe(2);
    const factors = points.map(({ p99Factor }) =>
      typeof p99Factor === "object" ? p99Factor.estimate.toFixed(3) : p99Factor,
    );
    expect(factors).toEqual(["1.000", "1.900", "2.100", "no request is finished"]);
    // What a command prints as JSON reads back as it was.
    expect(JSON.parse(JSON.stringify(points))).toEqual(points);
    expect(verdict.sentence).toBe(
      "esx: p99 latency stays within 2 times the uncommitted one up to 1.5 (95 % confidence); at 2, p99 latency is 2.1 " +
        "times the uncommitted one.",
    );
  });

  it("is not kept by a host that finishes no request", () => {
    const { verdict } = curveOf([...host(1, 10), ...host(1.5, 19), ...host(3, Infinity)]);
    expect(verdict.sentence).toContain("at 3, no request is finished");
  });

  it("on throughput ignores latency", () => {
    expect(curveOf(cells, { metric: "throughput", bound: 0.9 }).verdict.highestRatio).toBe(3);
  });
});
