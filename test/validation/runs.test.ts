import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bootingServers, toucher } from "../../src/analysis/validation/esx02-guests.ts";
import type { PublishedFigure } from "../../src/analysis/validation/published-figures.ts";
import { eachRun } from "../../src/analysis/validation/runs.ts";
import { SimulatedBench } from "../../src/analysis/validation/simulated-bench.ts";
import { type ValidatedRow, validateSet } from "../../src/analysis/validation/validated-row.ts";
import { rowTable } from "../../src/report/validation-tables.ts";
import { validationText } from "../../src/cli/validation-text.ts";
import { summaryOf } from "../../src/analysis/validation/validation.ts";
import { freeParameters } from "../../src/analysis/validation/free-parameters.ts";
import type { OperationStream } from "../../src/workload/operation-stream.ts";

const FIGURE: PublishedFigure = {
  id: "s.a",
  source: "s",
  figure: "Table 1",
  system: "x",
  workload: "w",
  metric: "latency",
  unit: "us",
  value: 4,
  lowerIsBetter: true,
  confidence: "high",
  provenance: "verified:full-text:tabulated",
};

function rowOf(values: readonly number[]): ValidatedRow {
  const row = { id: "s.a", role: "prediction", ...eachRun((_, run) => values[run - 1]) } as const;
  const set = { name: "s", source: "Source 2000", rows: [row] };
  return validateSet(set, new Map([["s.a", FIGURE]]), new SimulatedBench())[0];
}

describe("a row of several runs", () => {
  it("states the median of five, whatever one or two of them give", () => {
    expect(rowOf([3, 100, 5, 1, 4])).toMatchObject({ simulated: 4, relativeError: 0, runs: [3, 100, 5, 1, 4] });
    const value = fc.integer({ min: -1000, max: 1000 });
    fc.assert(
      fc.property(fc.array(value, { minLength: 5, maxLength: 5 }), (values) => {
        const { simulated } = rowOf(values);
        expect(values.filter((one) => one <= (simulated ?? Number.NaN)).length).toBeGreaterThanOrEqual(3);
        expect(values.filter((one) => one >= (simulated ?? Number.NaN)).length).toBeGreaterThanOrEqual(3);
      }),
    );
  });

  it("says how far they lie apart, in both tables", () => {
    const rows = [rowOf([3, 100, 5, 1, 4])];
    expect(rowTable("c", rows, new Map()).rows[0][1]).toBe("Table 1: w, latency, median of 5 runs: 1 to 100");
    const roles = { calibration: summaryOf(rows, "calibration"), prediction: summaryOf(rows, "prediction") };
    const summary = { roles, orderings: [], freeParameters: freeParameters([], [], 1) };
    expect(validationText({ rows, summary }, false)).toContain("w, latency, median of 5 runs: 1 to 100");
  });
});

/** How often each operation with its operands is in a stream, arrivals aside. */
function tally({ length, op, a, b, c }: OperationStream): Map<string, number> {
  const found = new Map<string, number>();
  for (let i = 0; i < length; i++) {
    const key = `${op[i]} ${a[i]} ${b[i]} ${c[i]}`;
    found.set(key, (found.get(key) ?? 0) + 1);
  }
  return found;
}

describe("runs with other random numbers", () => {
  it("touch the same pages as often: the services of Figure 6 begin their round elsewhere", () => {
    const [first, second] = [1, 2].map((run) => toucher("toucher", 2, [[0, 10]], run).stream);
    expect(second.digest).not.toBe(first.digest);
    expect(tally(second)).toEqual(tally(first));
  });

  it("draw other pages for the servers of Figure 8, and as many", () => {
    const [first, second] = [1, 2].map((run) => bootingServers(300, 64, run).map(({ stream }) => stream));
    for (const [i, stream] of first.entries()) {
      expect(second[i].digest).not.toBe(stream.digest);
      expect(second[i].length).toBe(stream.length);
    }
    expect(bootingServers(300, 64, 2).map(({ stream }) => stream.digest)).toEqual(second.map(({ digest }) => digest));
  });

  it("are runs of their own on a bench of hosts", () => {
    const bench = new SimulatedBench();
    const guests = [{ workload: "idle-debian", count: 1 }];
    const run = (seed: number) => bench.host({ machine: "xeon-2.4-sosp03", vmm: "esx", guests, seconds: 2, seed });
    expect(run(1)).toBe(run(1));
    expect(run(2)).not.toBe(run(1));
  });
});
