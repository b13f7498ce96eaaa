import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RandomStream } from "../../src/core/random.ts";
import { AliasTable } from "../../src/workload/alias-table.ts";
import { compileWorkload } from "../../src/workload/compile.ts";
import { Op, type OperationStream } from "../../src/workload/operation-stream.ts";
import { SlotSampler } from "../../src/workload/slot-sampler.ts";
import type { Arrivals, OpenActivity, Step, StepAction, Work, Workload } from "../../src/workload/workload.ts";

const SECOND = 1_000_000;

function step(action: StepAction, times = 1, chance = 1): Step {
  return { action, times, chance };
}

function workload(work: Work, durationUs = 0): Workload {
  const guest = {
    memoryPages: 4096,
    kernelPages: 100,
    processes: 1,
    anonymousPages: 1000,
    residentAnonymousPages: 500,
    filePages: 1000,
    residentFilePages: 100,
    swapPages: 0,
    threads: 1,
    contents: [],
    compressedSizes: [],
  };
  return { name: "w", title: "W", summary: "", guest, durationUs, warmupUs: 0, work };
}

function openWorkload(arrivals: Arrivals, durationUs: number, steps: readonly Step[]): Workload {
  return workload({ kind: "open", activities: [{ name: "a", arrivals, steps }] }, durationUs);
}

function streamOf(described: Workload, seed = 1, guestIndex = 0): OperationStream {
  return compileWorkload(described, { seed, guestIndex }).stream;
}

function requestTimes({ length, op, a, b }: OperationStream): number[] {
  return Array.from({ length }, (_, i) => i)
    .filter((i) => op[i] === Op.Request)
    .map((i) => a[i] * SECOND + b[i]);
}

function operands(stream: OperationStream, code: number, operand: "a" | "b" | "c"): number[] {
  return [...stream[operand]].filter((_, i) => stream.op[i] === code);
}

const compute = step({ kind: "compute", cycles: { mean: 1000, spread: "exponential" } });
const busy = openWorkload({ kind: "random", perSecond: 50, fromUs: 0, untilUs: 100 * SECOND }, 100 * SECOND, [
  compute,
  step({
    kind: "touch",
    count: 4,
    range: { fromPage: 10, pages: 90 },
    pattern: { kind: "zipf", exponent: 1 },
    writeShare: 0.3,
    content: "common",
    cyclesPerPage: 7,
  }),
]);

function switchOnce(name: string, process: number): OpenActivity {
  return { name, arrivals: { kind: "once", atUs: 9 }, steps: [step({ kind: "switch", process })] };
}

describe("compiling", () => {
  test("gives the same stream for the same seed and guest, and another one otherwise", () => {
    const digests = [streamOf(busy), streamOf(busy), streamOf(busy, 2), streamOf(busy, 1, 1)].map((s) => s.digest);
    expect(digests[1]).toBe(digests[0]);
    expect(new Set(digests).size).toBe(3);
  });

  test("keeps an activity's operations when another activity is added", () => {
    const arrivals: Arrivals = { kind: "once", atUs: 5 };
    const other = { name: "b", arrivals: { kind: "once", atUs: 1 } as const, steps: [compute] };
    const alone = workload({ kind: "open", activities: [{ name: "a", arrivals, steps: [compute] }] }, SECOND);
    const both = workload({ kind: "open", activities: [other, { name: "a", arrivals, steps: [compute] }] }, SECOND);
    expect(operands(streamOf(both), Op.Compute, "a")[1]).toBe(operands(streamOf(alone), Op.Compute, "a")[0]);
  });

  test("random arrivals have the mean and the variance of a Poisson process", () => {
    // 200 runs of 100 s at 50/s: the mean count is 5000 with a standard error of sqrt(5000 / 200) = 5; the variance is
    // 5000 with a standard error of 5000 * sqrt(2 / 199) = 501. Bounds at four standard errors.
    const arrivals: Arrivals = { kind: "random", perSecond: 50, fromUs: 0, untilUs: 100 * SECOND };
    const described = openWorkload(arrivals, 100 * SECOND, []);
    const counts = Array.from({ length: 200 }, (_, seed) => requestTimes(streamOf(described, seed)).length);
    const mean = counts.reduce((sum, n) => sum + n, 0) / counts.length;
    const variance = counts.reduce((sum, n) => sum + (n - mean) ** 2, 0) / (counts.length - 1);
    expect(Math.abs(mean - 5000)).toBeLessThan(20);
    expect(Math.abs(variance - 5000)).toBeLessThan(2004);
  });

  test("arrivals stay in their window and in order", () => {
    const window = { fromUs: 3 * SECOND, untilUs: 7 * SECOND };
    const activities = [
      { name: "a", arrivals: { kind: "random", perSecond: 100, ...window } as const, steps: [] },
      { name: "b", arrivals: { kind: "periodic", everyUs: 250_000, ...window } as const, steps: [] },
      { name: "c", arrivals: { kind: "once", atUs: 5 * SECOND } as const, steps: [] },
      { name: "late", arrivals: { kind: "once", atUs: 10 * SECOND } as const, steps: [] },
    ];
    const times = requestTimes(streamOf(workload({ kind: "open", activities }, 10 * SECOND)));
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(times[0]).toBeGreaterThanOrEqual(3 * SECOND);
    expect(times.at(-1)).toBeLessThan(7 * SECOND);
    const periodic = openWorkload(activities[1].arrivals, 10 * SECOND, []);
    expect(requestTimes(streamOf(periodic))).toHaveLength(16);
    expect(requestTimes(streamOf(periodic, 1, 1))[0]).not.toBe(requestTimes(streamOf(periodic))[0]);
  });

  test("requests that arrive at the same time keep the order of the file", () => {
    const activities = [switchOnce("z", 1), switchOnce("a", 2), switchOnce("m", 3)];
    const stream = streamOf(workload({ kind: "open", activities }, SECOND));
    expect(operands(stream, Op.Switch, "a")).toEqual([1, 2, 3]);
  });

  test("a closed loop has its number of requests, mixed by share, with the mean think time", () => {
    const activities = [
      { name: "read", share: 0.8, steps: [step({ kind: "syscall", call: 1 })] },
      { name: "write", share: 0.2, steps: [step({ kind: "syscall", call: 2 })] },
    ];
    const thinkUs = { mean: 5000, spread: "exponential" } as const;
    const stream = streamOf(workload({ kind: "closed", requests: 20_000, thinkUs, activities }));
    const thinks = requestTimes(stream);
    expect(thinks).toHaveLength(20_000);
    expect(operands(stream, Op.Request, "c").every((open) => open === 0)).toBe(true);
    // Standard errors: 5000 / sqrt(20000) = 35 us; sqrt(20000 * 0.8 * 0.2) = 57 requests.
    expect(Math.abs(thinks.reduce((sum, n) => sum + n, 0) / 20_000 - 5000)).toBeLessThan(142);
    const reads = operands(stream, Op.Syscall, "a").filter((call) => call === 1).length;
    expect(Math.abs(reads - 16_000)).toBeLessThan(228);
  });

  test("touches carry cycles, write flag and content as the stream defines them", () => {
    const stream = streamOf(busy);
    const pages = operands(stream, Op.Touch, "a");
    const flags = operands(stream, Op.Touch, "b");
    const contents = operands(stream, Op.Touch, "c");
    expect(Math.min(...pages)).toBe(10);
    expect(Math.max(...pages)).toBe(99);
    expect(new Set(flags)).toEqual(new Set([14, 15]));
    // 20 000 touches or so, 30 % of them writes: four standard errors are 1.3 points.
    expect(Math.abs(flags.filter((flag) => flag === 15).length / flags.length - 0.3)).toBeLessThan(0.014);
    expect(contents.every((content, i) => content === (flags[i] === 15 ? pages[i] + 2 : 0))).toBe(true);
  });

  test("a fork holds its child's steps and ends with exit; chance and times apply to the whole", () => {
    const child = [step({ kind: "exec", pages: 9 }), step({ kind: "signal", deliver: true }, 2)];
    const steps = [step({ kind: "fork", child }, 3), step({ kind: "send", bytes: { mean: 1, spread: "fixed" } }, 1, 0)];
    const { op } = streamOf(openWorkload({ kind: "once", atUs: 0 }, SECOND, steps));
    const once = [Op.Fork, Op.Exec, Op.Signal, Op.Signal, Op.Exit];
    expect([...op]).toEqual([Op.Request, ...once, ...once, ...once]);
  });

  test("file runs lie side by side and a sequential pattern goes around", () => {
    const range = { fromPage: 100, pages: 14 };
    const read = step({ kind: "read-file", run: 4, range, pattern: { kind: "sequential" } }, 5);
    const stream = streamOf(openWorkload({ kind: "once", atUs: 0 }, SECOND, [read]));
    expect(operands(stream, Op.ReadFile, "a")).toEqual([100, 104, 108, 100, 104]);
    expect(operands(stream, Op.ReadFile, "b")).toEqual([4, 4, 4, 4, 4]);
  });

  test("a computation longer than an operand is cut into several", () => {
    const long = step({ kind: "compute", cycles: { mean: 10_000_000_000, spread: "fixed" } });
    const parts = operands(streamOf(openWorkload({ kind: "once", atUs: 0 }, SECOND, [long])), Op.Compute, "a");
    expect(parts).toHaveLength(3);
    expect(parts.reduce((sum, part) => sum + part, 0)).toBe(10_000_000_000);
  });

  test("missing and oversized real inputs are refused by name", () => {
    const trace = workload({ kind: "trace", file: "t.gz", cyclesPerInstruction: 1 });
    expect(() => streamOf(trace)).toThrow('workload "w" needs the trace t.gz');
    const image = { ...busy, guest: { ...busy.guest, contents: ["x.gz"] } };
    expect(() => streamOf(image)).toThrow('workload "w" needs the contents of x.gz');
    const contents = new BigUint64Array(4097);
    expect(() => compileWorkload(image, { seed: 1, guestIndex: 0, contents })).toThrow("4097 pages");
  });
});

describe("drawing", () => {
  test("an alias table gives each index its weight", () => {
    const weights = fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(
        weights.filter((list) => list.some((weight) => weight > 1)),
        fc.nat(),
        (list, seed) => {
          const draws = 20_000;
          const sum = list.reduce((total, weight) => total + weight, 0);
          const table = new AliasTable(Float64Array.from(list));
          const random = new RandomStream(seed, "test");
          const counts = list.map(() => 0);
          for (let i = 0; i < draws; i++) counts[table.draw(random)]++;
          for (const [index, weight] of list.entries()) {
            const share = weight / sum;
            // Six standard errors, and one draw of slack where the share is next to nothing.
            expect(Math.abs(counts[index] - draws * share)).toBeLessThan(
              6 * Math.sqrt(draws * share * (1 - share)) + 2,
            );
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test("zipf: sorted frequencies follow rank^-s, and every slot can be reached", () => {
    const slots = 50;
    const exponent = 0.8;
    const sampler = new SlotSampler({ kind: "zipf", exponent }, slots);
    const random = new RandomStream(1, "zipf");
    const draws = 200_000;
    const counts = new Float64Array(slots);
    for (let i = 0; i < draws; i++) counts[sampler.draw(random)]++;
    const sorted = [...counts].sort((a, b) => b - a);
    const norm = Array.from({ length: slots }, (_, rank) => (rank + 1) ** -exponent).reduce((sum, w) => sum + w, 0);
    for (const [rank, count] of sorted.entries()) {
      const expected = (draws * (rank + 1) ** -exponent) / norm;
      expect(Math.abs(count - expected)).toBeLessThan(6 * Math.sqrt(expected));
    }
  });

  test("each pattern stays within its slots, whatever their number", () => {
    const patterns = [{ kind: "sequential" }, { kind: "uniform" }, { kind: "zipf", exponent: 1 }] as const;
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.constantFrom(...patterns), (slots, pattern) => {
        const sampler = new SlotSampler(pattern, slots);
        const random = new RandomStream(slots, "slots");
        const seen = new Set(Array.from({ length: 40 * slots }, () => sampler.draw(random)));
        expect([...seen].every((slot) => Number.isInteger(slot) && slot >= 0 && slot < slots)).toBe(true);
        if (pattern.kind === "sequential") expect(seen.size).toBe(slots);
      }),
      { numRuns: 60 },
    );
  });
});
