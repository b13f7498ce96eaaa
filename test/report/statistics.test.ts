import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bootstrapEstimate,
  covers,
  meanEstimate,
  ratioEstimate,
  studentQuantile,
} from "../../src/analysis/statistics.ts";
import { RandomStream } from "../../src/core/random.ts";

const values = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 2, maxLength: 20 });
const ratios = fc.array(fc.double({ min: 1e-3, max: 1e3, noNaN: true }), { minLength: 2, maxLength: 20 });

const median = (sorted: number[]): number => sorted[Math.floor(sorted.length / 2)];
const mean = (sorted: number[]): number => sorted.reduce((sum, value) => sum + value, 0) / sorted.length;

describe("Student's t", () => {
  it.each([
    // Fisher and Yates (1963), table III; the last column from NIST/SEMATECH e-Handbook 1.3.6.7.2.
    [0.975, 1, 12.706],
    [0.975, 2, 4.303],
    [0.975, 3, 3.182],
    [0.975, 4, 2.776],
    [0.975, 9, 2.262],
    [0.975, 29, 2.045],
    [0.975, 120, 1.98],
    [0.95, 2, 2.92],
    [0.95, 10, 1.812],
    [0.995, 5, 4.032],
    [0.9, 7, 1.415],
  ])("quantile %d with %i degrees of freedom is the tabulated %d", (probability, degrees, tabulated) => {
    expect(studentQuantile(probability, degrees)).toBeCloseTo(tabulated, 3);
    expect(studentQuantile(1 - probability, degrees)).toBeCloseTo(-tabulated, 3);
  });

  it("is the Cauchy distribution with one degree of freedom", () => {
    for (const p of [0.6, 0.75, 0.9, 0.99]) {
      expect(studentQuantile(p, 1)).toBeCloseTo(Math.tan(Math.PI * (p - 0.5)), 8);
    }
  });
});

describe("mean with interval", () => {
  it("is that of the textbook example", () => {
    // 1, 2, 3: mean 2, standard deviation 1, so 2 +- 4.3027 / sqrt(3).
    const { estimate, low, high, n } = meanEstimate([3, 1, 2]);
    expect([estimate, n]).toEqual([2, 3]);
    expect(low).toBeCloseTo(2 - 4.30265 / Math.sqrt(3), 4);
    expect(high).toBeCloseTo(2 + 4.30265 / Math.sqrt(3), 4);
  });

  it("has no interval for one value, and refuses none", () => {
    expect(meanEstimate([7])).toEqual({ estimate: 7, n: 1 });
    expect(() => meanEstimate([])).toThrow(RangeError);
  });

  it("contains the estimate and does not depend on the order of the values", () => {
    fc.assert(
      fc.property(values, fc.integer(), (list, seed) => {
        const one = meanEstimate(list);
        expect(covers(one, one.estimate)).toBe(true);
        const random = new RandomStream(seed, "shuffle");
        const shuffled = list.map((value) => [random.unit(), value]).sort((a, b) => a[0] - b[0]);
        expect(meanEstimate(shuffled.map(([, value]) => value))).toEqual(one);
      }),
    );
  });

  it("covers the true mean of normal values about 95 times in 100", () => {
    const random = new RandomStream(1, "coverage");
    const normal = (): number => Math.sqrt(2 * random.exponential(1)) * Math.cos(2 * Math.PI * random.unit());
    let covered = 0;
    for (let trial = 0; trial < 2000; trial++) {
      if (covers(meanEstimate([normal(), normal(), normal(), normal()]), 0)) covered++;
    }
    // Standard error of the share: sqrt(0.95 * 0.05 / 2000) = 0.005; four of them on either side.
    expect(covered / 2000).toBeGreaterThan(0.93);
    expect(covered / 2000).toBeLessThan(0.97);
  });
});

describe("ratio with interval", () => {
  it("is the geometric mean, and the same seen from either side", () => {
    fc.assert(
      fc.property(ratios, (list) => {
        const one = ratioEstimate(list);
        const product = list.reduce((sum, ratio) => sum + Math.log(ratio) / list.length, 0);
        expect(Math.log(one.estimate)).toBeCloseTo(product, 9);
        expect(covers(one, one.estimate)).toBe(true);
        const inverse = ratioEstimate(list.map((ratio) => 1 / ratio));
        expect(inverse.estimate * one.estimate).toBeCloseTo(1, 9);
        expect(Math.log(inverse.low ?? 0)).toBeCloseTo(-Math.log(one.high ?? 0), 6);
      }),
    );
  });

  it("refuses a ratio that is not positive", () => {
    expect(() => ratioEstimate([1, 0])).toThrow("positive");
    expect(() => ratioEstimate([Number.NaN])).toThrow("positive");
  });
});

describe("bootstrap", () => {
  it("agrees with all resamples there are", () => {
    // Of three values, 27 equally likely resamples: their medians are known exactly.
    const list = [1, 2, 4];
    const all: number[] = [];
    for (const a of list) for (const b of list) for (const c of list) all.push(median([a, b, c].sort((x, y) => x - y)));
    all.sort((a, b) => a - b);
    const { low, high } = bootstrapEstimate(list, median, new RandomStream(1, "t"), {
      resamples: 4000,
      confidence: 0.4,
    });
    expect([low, high]).toEqual([all[Math.floor(0.3 * 27)], all[Math.floor(0.7 * 27)]]);
  });

  it("repeats exactly with the same stream and ignores the order of the values", () => {
    const one = bootstrapEstimate([5, 1, 9, 3], median, new RandomStream(7, "t"));
    expect(bootstrapEstimate([9, 3, 5, 1], median, new RandomStream(7, "t"))).toEqual(one);
  });

  it("is near the t interval for many well-behaved values", () => {
    const random = new RandomStream(3, "values");
    const list = Array.from({ length: 200 }, () => random.unit());
    const t = meanEstimate(list);
    const b = bootstrapEstimate(list, mean, new RandomStream(1, "t"));
    expect(b.low).toBeCloseTo(t.low ?? 0, 2);
    expect(b.high).toBeCloseTo(t.high ?? 0, 2);
  });
});
