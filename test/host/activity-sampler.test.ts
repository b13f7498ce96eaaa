/**
 * The estimate of active memory held against exactly known activity: all pages that five real guests touched. The sampler
 * draws 100 pages without replacement, so how many of them are touched is hypergeometric, and everything tested here follows
 * from that: mean, variance, frequency of every count, coverage of intervals, and what the moving averages make of it.
 */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { PendingCharges } from "../../src/core/pending-charges.ts";
import { RandomStream } from "../../src/core/random.ts";
import { readInputFile } from "../../src/experiment/input-files.ts";
import { ActivitySampler } from "../../src/vmm/allocation/activity-sampler.ts";
import { proportionalShares } from "../../src/vmm/allocation/proportional-shares.ts";
import { HostMemory } from "../../src/vmm/host-memory/host-memory.ts";
import type { VmMemory } from "../../src/vmm/host-memory/vm-memory.ts";
import { PAGES_PER_WINDOW, parseTouchedPages, TouchKind } from "../../src/workload/readers/touched-pages.ts";
import { hasTouchedPages, readJson, touchedPages, type TouchesTruth } from "../inputs/data-files.ts";
import { HostSimulation } from "../../src/sim/host-simulation.ts";
import { esx } from "../../src/vmm/esx.ts";
import { hostSwap } from "../../src/vmm/memory/host-swap.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { buildHost, profile, SHAPE } from "./fixtures.ts";
import { hypergeometric, type Moments, moments } from "./hypergeometric.ts";

const SAMPLE = 100;
const SEEDS = 500;
const PERIOD_US = 30e6;
const WINDOWS_PER_PERIOD = 6;
/** The gains of src/vmm/allocation/activity-sampler.ts. */
const SLOW_GAIN = 0.23;
const FAST_GAIN = 0.5;
/**
 * Each of about 100 two-sided tests (5 guests, 4 periods and the whole, up to 5 statistics) may be this many standard errors
 * off: if the theory holds, all pass with a probability of 99.9 % (Bonferroni: 0.001 / 100 for each).
 */
const Z_BOUND = 4.4;
const Z_95 = 1.96;

describe("the distribution that the tests rest on", () => {
  test("is that of counting all samples of a small population", () => {
    const [total, marked, draws] = [11, 4, 5];
    const counts = new Float64Array(draws + 1);
    for (let set = 0; set < 2 ** total; set++) {
      if (bitsOf(set) === draws) counts[bitsOf(set & (2 ** marked - 1))]++;
    }
    const samples = counts.reduce((a, b) => a + b);
    hypergeometric(total, marked, draws).forEach((p, k) => expect(p).toBeCloseTo(counts[k] / samples, 12));
  });

  test("has the variance of sampling theory, p (1 - p) / n with finite-population correction", () => {
    const [total, marked, p] = [PAGES_PER_WINDOW, 16_837, 16_837 / PAGES_PER_WINDOW];
    const { mean, variance } = countMoments(hypergeometric(total, marked, SAMPLE));
    expect(mean / SAMPLE).toBeCloseTo(p, 12);
    const correction = (total - SAMPLE) / (total - 1);
    expect(variance / SAMPLE ** 2).toBeCloseTo(((p * (1 - p)) / SAMPLE) * correction, 12);
  });
});

/** Time at which the first period is over, looked at ten times a second. */
function endOfPeriod(change: (vm: VmMemory, nowUs: number) => void): number {
  const memory = new HostMemory(profile, 1000, new PendingCharges());
  const vm = memory.addVm(1000);
  for (let ppn = 0; ppn < vm.pages; ppn++) memory.write(vm, ppn, 1);
  const sampler = new ActivitySampler(vm, new RandomStream(1, "activity/vm0"), PERIOD_US);
  for (let nowUs = 0; ; nowUs += 1e5) {
    sampler.advance(nowUs);
    // Nothing has been touched.
    if (sampler.fraction === 0) return nowUs;
    change(vm, nowUs);
  }
}

/** Until 24 s it waits half of the time. */
function waits(vm: VmMemory, nowUs: number): void {
  vm.heldBack = { us: Math.min(nowUs / 2, 12e6) };
}

/** It is blocked from 3 to 8 s. */
function blocked(vm: VmMemory, nowUs: number): void {
  vm.blocked = nowUs >= 3e6 && nowUs < 8e6;
}

describe("the moving averages", () => {
  test.each([
    [0.23, 0.5],
    [0.46, 1],
    [0.5, 0.25],
    [1, 1],
  ])("fall by their gains, %d and %d, in every period in which nothing is touched", (slowGain, fastGain) => {
    const allocation = proportionalShares({ slowGain, fastGain, samplePeriodSeconds: 1 });
    const host = buildHost({ ...esx, allocation }, 4000);
    const vm = host.memory.addVm(1000);
    for (let ppn = 0; ppn < vm.pages; ppn++) host.memory.write(vm, ppn, 1);
    host.allocation.rebalance(0);
    for (let ppn = 0; ppn < vm.pages; ppn++) host.memory.read(vm, ppn);
    for (let idle = 0; idle < 6; idle++) {
      host.allocation.rebalance((1 + idle) * 1e6);
      expect(vm.active / vm.mapped).toBeCloseTo(Math.max((1 - slowGain) ** idle, (1 - fastGain) ** idle), 12);
    }
  });
});

describe("a period is one of the VM's execution time", () => {
  test("which goes on while the guest has nothing to do", () => {
    expect(endOfPeriod(() => {})).toBe(PERIOD_US);
  });

  test("which stands still while the VMM keeps it from running", () => {
    expect(endOfPeriod(waits)).toBe(PERIOD_US + 12e6);
    expect(endOfPeriod(blocked)).toBe(PERIOD_US + 5e6);
    // What it waits for while it is blocked does not count again.
    const both = (vm: VmMemory, nowUs: number): void => (blocked(vm, nowUs), waits(vm, nowUs));
    expect(endOfPeriod(both)).toBe(PERIOD_US + 1.5e6 + 5e6 + 8e6);
  });

  test("and a VM stands still for as long as the host reads its memory back", () => {
    const stream = new OperationStreamBuilder();
    for (let i = 0; i < 3000; i++) {
      stream.add(Op.Request);
      stream.add(Op.Touch, i % 700, (1000 << 1) | 1);
    }
    const guest = { ...SHAPE, memoryPages: 1024, anonymousPages: 700, residentAnonymousPages: 700 };
    const limited = { ...guest, swapPages: 0, memory: { limitPages: 500 } };
    const work = { name: "limited", guest: limited, stream: stream.finish(), durationUs: 0, warmupUs: 0 };
    const vmm = { ...esx, memory: [hostSwap()] };
    const simulation = new HostSimulation({ vmm, profile, workloads: [work], hostPages: 1024, measure: () => ({}) });
    const { metrics } = simulation.run();
    const [{ vm }] = simulation.guests;
    expect(metrics.host_swap_ins).toBeGreaterThan(1000);
    expect(vm.heldBack?.us).toBeGreaterThan(1e6);
    expect(vm.heldBack?.us).toBe(vm.pressure?.stallUs);
  });
});

describe.skipIf(!hasTouchedPages)("activity of real guests (needs the full collection)", () => {
  const { guests } = hasTouchedPages ? readJson<TouchesTruth>(join(touchedPages, "ground-truth.json")) : { guests: {} };

  describe.each(Object.entries(guests))("%s", (_, guest) => {
    const path = join(touchedPages, guest.file);
    const windows = parseTouchedPages(readInputFile(path).bytes, path).map(touchesOf);
    const { counts, estimates } = sample(windows);
    const distributions = guest.windows_30s.map(({ touched }) => hypergeometric(PAGES_PER_WINDOW, touched, SAMPLE));

    test.each(guest.windows_30s.map(({ intervals }, period) => [intervals, period] as const))(
      "windows %s: errors are those of sampling theory",
      (_, period) => {
        const expected = distributions[period];
        const observed = counts[period];
        expectMoments(observed, countMoments(expected));
        expectCoverage(observed, expected, guest.windows_30s[period].touched / PAGES_PER_WINDOW);
        expectFrequencies(observed, expected);
        // The same tests do notice when the truth is two points away from what the sampler saw.
        const shifted = hypergeometric(PAGES_PER_WINDOW, guest.windows_30s[period].touched + 1311, SAMPLE);
        expect(() => expectMoments(observed, countMoments(shifted))).toThrow();
      },
    );

    test("the estimate after two minutes is the larger of two moving averages of four such samples", () => {
      expectMoments(estimates, estimateMoments(distributions));
    });
  });
});

describe("activity of real processes, in VMs that have not used most of their memory", () => {
  const { windows } = readJson<{ windows: Record<string, [number, number][]> }>("validation/touched-processes.json");

  test.each(Object.entries(windows))("%s: errors are those of sampling theory, over the pages in use", (_, periods) => {
    for (const [resident, touched] of periods) {
      const { counts } = sampleSparse(resident, touched);
      expectMoments(counts, countMoments(hypergeometric(resident, touched, SAMPLE)));
    }
  });
});

/** The pages in use are scattered over a VM of 256 MiB, and those that are touched over them. */
function sampleSparse(resident: number, touched: number): { readonly counts: readonly number[] } {
  const memory = new HostMemory(profile, PAGES_PER_WINDOW, new PendingCharges());
  const vm = memory.addVm(PAGES_PER_WINDOW);
  // An odd factor goes by all pages.
  const pages = Array.from({ length: resident }, (_, i) => (i * 40_503) % PAGES_PER_WINDOW);
  for (const ppn of pages) memory.write(vm, ppn, 1);
  const counts: number[] = [];
  for (let seed = 0; seed < SEEDS; seed++) {
    const sampler = new ActivitySampler(vm, new RandomStream(seed, "activity/vm0"), PERIOD_US);
    sampler.advance(0);
    for (const ppn of pages.slice(0, touched)) memory.read(vm, ppn);
    counts.push(vm.sampleTouched);
    for (const ppn of pages) vm.marks.clear(ppn);
  }
  return { counts };
}

function bitsOf(set: number): number {
  return set.toString(2).replaceAll("0", "").length;
}

interface Touches {
  readonly pages: Int32Array;
  readonly kinds: Uint8Array;
}

function touchesOf(window: Uint8Array): Touches {
  const pages = Int32Array.from(window.keys()).filter((page) => window[page] !== 0);
  return { pages, kinds: Uint8Array.from(pages, (page) => window[page]) };
}

/** Touched pages in each sample, by period and seed, and the estimate after the last period, by seed. */
interface Sampled {
  readonly counts: readonly number[][];
  readonly estimates: readonly number[];
}

/** Replay a guest's touches in front of one sampler after the other. */
function sample(windows: readonly Touches[]): Sampled {
  const memory = new HostMemory(profile, PAGES_PER_WINDOW, new PendingCharges());
  const vm = memory.addVm(PAGES_PER_WINDOW);
  for (let ppn = 0; ppn < vm.pages; ppn++) memory.write(vm, ppn, 1);
  const counts = Array.from({ length: windows.length / WINDOWS_PER_PERIOD }, (): number[] => []);
  const estimates: number[] = [];
  for (let seed = 0; seed < SEEDS; seed++) {
    const sampler = new ActivitySampler(vm, new RandomStream(seed, "activity/vm0"), PERIOD_US);
    for (const [i, touches] of windows.entries()) {
      sampler.advance((i * PERIOD_US) / WINDOWS_PER_PERIOD);
      touch(memory, vm, touches);
      if (i % WINDOWS_PER_PERIOD === WINDOWS_PER_PERIOD - 1) {
        counts[Math.floor(i / WINDOWS_PER_PERIOD)].push(vm.sampleTouched);
      }
    }
    sampler.advance((windows.length / WINDOWS_PER_PERIOD) * PERIOD_US);
    estimates.push(sampler.fraction);
    // The sample that has just begun is not the next sampler's.
    for (let ppn = 0; ppn < vm.pages; ppn++) vm.marks.clear(ppn);
  }
  return { counts, estimates };
}

function touch(memory: HostMemory, vm: VmMemory, { pages, kinds }: Touches): void {
  for (let i = 0; i < pages.length; i++) {
    if ((kinds[i] & TouchKind.Write) === 0) memory.read(vm, pages[i]);
    else memory.write(vm, pages[i], 2);
  }
}

function countMoments(probabilities: Float64Array): Moments {
  return moments([...probabilities.keys()], probabilities);
}

function expectWithin(difference: number, standardError: number): void {
  expect(Math.abs(difference / standardError)).toBeLessThan(Z_BOUND);
}

/** Mean and variance; the standard error of a variance follows from the fourth moment (Kenney and Keeping 1951, 7.2). */
function expectMoments(observed: readonly number[], { mean, variance, fourth }: Moments): void {
  const n = observed.length;
  const average = observed.reduce((sum, x) => sum + x, 0) / n;
  expectWithin(average - mean, Math.sqrt(variance / n));
  const sampleVariance = observed.reduce((sum, x) => sum + (x - average) ** 2, 0) / (n - 1);
  expectWithin(sampleVariance - variance, Math.sqrt((fourth - (variance ** 2 * (n - 3)) / (n - 1)) / n));
}

/**
 * How often the interval of 95 % around an estimate holds the truth (Wilson 1927: unlike estimate +- 1.96 standard errors, it
 * does at small fractions, too). The exact coverage follows from the distribution; that it is near 95 % is Wilson's promise.
 */
function expectCoverage(observed: readonly number[], expected: Float64Array, truth: number): void {
  const exact = expected.reduce((sum, p, count) => sum + (wilsonCovers(count, truth) ? p : 0), 0);
  expect(Math.abs(exact - 0.95)).toBeLessThan(0.03);
  const covered = observed.filter((count) => wilsonCovers(count, truth)).length;
  const n = observed.length;
  expectWithin(covered - n * exact, Math.sqrt(n * exact * (1 - exact)));
}

/** Wilson's interval is the set of all p that are within 1.96 standard errors, of p, of the estimate. */
function wilsonCovers(count: number, p: number): boolean {
  return Math.abs(count / SAMPLE - p) <= Z_95 * Math.sqrt((p * (1 - p)) / SAMPLE);
}

/** Pearson's chi-square test over all counts, rare ones put together so that at least five are expected in each class. */
function expectFrequencies(observed: readonly number[], expected: Float64Array): void {
  let statistic = 0;
  let classes = 0;
  let [seen, due, left] = [0, 0, observed.length];
  for (const [count, p] of expected.entries()) {
    seen += observed.filter((value) => value === count).length;
    due += p * observed.length;
    if (due < 5 || left - due < 5) continue;
    statistic += (seen - due) ** 2 / due;
    classes++;
    left -= due;
    [seen, due] = [0, 0];
  }
  statistic += (seen - due) ** 2 / due;
  const degrees = classes;
  expect(degrees).toBeGreaterThan(3);
  // Wilson and Hilferty 1931: the cube root of chi-square over its degrees of freedom is nearly normal.
  const spread = 2 / (9 * degrees);
  expectWithin(Math.cbrt(statistic / degrees) - (1 - spread), Math.sqrt(spread));
}

/** Moments of max(slow, fast) after independent samples, by enumeration of all that are not absurdly unlikely. */
function estimateMoments(distributions: readonly Float64Array[]): Moments {
  const powers = [0, 0, 0, 0, 0];
  const visit = (period: number, slow: number, fast: number, probability: number): void => {
    if (period === distributions.length) {
      const estimate = Math.max(slow, fast);
      for (let power = 0, value = probability; power < powers.length; power++, value *= estimate)
        powers[power] += value;
      return;
    }
    const [slowGain, fastGain] = period === 0 ? [1, 1] : [SLOW_GAIN, FAST_GAIN];
    const distribution = distributions[period];
    for (let count = 0; count < distribution.length; count++) {
      if (distribution[count] < 1e-6) continue;
      const active = count / SAMPLE;
      const next = probability * distribution[count];
      visit(period + 1, slow + slowGain * (active - slow), fast + fastGain * (active - fast), next);
    }
  };
  visit(0, 0, 0, 1);
  const [, mean, square, cube, fourth] = powers.map((power) => power / powers[0]);
  return {
    mean,
    variance: square - mean ** 2,
    fourth: fourth - 4 * mean * cube + 6 * mean ** 2 * square - 3 * mean ** 4,
  };
}
