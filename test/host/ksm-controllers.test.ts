/** Vectors computed by hand from the rules of the controllers. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { adviseKsm, INITIAL_ADVICE, type KsmAdvice } from "../../src/vmm/memory/ksm-advisor.ts";
import { type HostUse, type KsmTuner, tuneKsm } from "../../src/vmm/memory/policies/ksm-rules.ts";
import { KSMTUNED } from "../../src/vmm/memory/policies/ksmtuned.ts";
import { MOM_KSM } from "../../src/vmm/memory/policies/mom-ksm.ts";
import { PROXMOX_KSMTUNED } from "../../src/vmm/memory/policies/proxmox-ksmtuned.ts";

const GIB = 1024 * 1024;
const LIMITS = { targetSeconds: 200, maxCpuPercent: 70, maxPages: 30_000 };

/** 40 million pages, 20 ms asleep after each batch, 1 us a page: 40 s of CPU time a pass, 20 % of 200 s. */
function passSeconds(pages: number): number {
  return (4e7 / pages) * (0.02 + pages * 1e-6);
}

/** Of 16 GiB, where the threshold is 3.2 GiB. */
function host(freeGib: number, committedGib: number): HostUse {
  return { totalKib: 16 * GIB, freeKib: freeGib * GIB, committedKib: committedGib * GIB };
}

describe("KSM's advisor", () => {
  it.each([
    // 500 * 100 / 12 = 4166, times 30 % = 1249, but 10 % CPU buy 2500.
    { pages: 500, seconds: 1600, before: 1600, change: 0, cpu: 2, next: 2500 },
    { pages: 2500, seconds: 400, before: 1600, change: 30, cpu: 20, next: 1400 },
    { pages: 5000, seconds: 200, before: 200, change: 100, cpu: 35, next: 5000 },
    // 70 % CPU buy 70 * 25 = 1750, however far the pass is off.
    { pages: 2500, seconds: 4000, before: 4000, change: 100, cpu: 100, next: 1750 },
    // 25,000 * 100 / 10 = 250,000, and 10 % buy 125,000: both above the most.
    { pages: 25_000, seconds: 2000, before: 2000, change: 100, cpu: 2, next: 30_000 },
  ])(
    "goes from $pages to $next pages after $seconds s at $cpu % CPU",
    ({ pages, seconds, before, change, cpu, next }) => {
      const memory = { pagesToScan: pages, previousSeconds: before, changePercent: change };
      expect(adviseKsm(LIMITS, { passSeconds: seconds, cpuPercent: cpu }, memory).pagesToScan).toBe(next);
    },
  );

  it("reckons in whole seconds and percents, and takes the first pass for its own predecessor", () => {
    const first = adviseKsm(LIMITS, { passSeconds: 1600.9, cpuPercent: 2.9 }, INITIAL_ADVICE);
    expect(first).toEqual({ pagesToScan: 2500, previousSeconds: 1600, changePercent: 30 });
    const instant = adviseKsm(LIMITS, { passSeconds: 0.01, cpuPercent: 0 }, INITIAL_ADVICE);
    expect(instant).toEqual({ pagesToScan: 5000, previousSeconds: 1, changePercent: 30 });
  });

  it("brings the time of a pass close to the target when the CPU allows it", () => {
    let advice: KsmAdvice = INITIAL_ADVICE;
    for (let pass = 0; pass < 60; pass++) {
      const seconds = passSeconds(advice.pagesToScan);
      advice = adviseKsm(LIMITS, { passSeconds: seconds, cpuPercent: (100 * 40) / seconds }, advice);
    }
    expect(passSeconds(advice.pagesToScan)).toBeGreaterThan(180);
    expect(passSeconds(advice.pagesToScan)).toBeLessThan(220);
  });
});

describe("ksmtuned and its variants", () => {
  const idle = { freeKib: 0, committedKib: 0 };
  it.each([
    { tuner: KSMTUNED, sleeps: [40, 20, 10, 10, 10] },
    { tuner: MOM_KSM, sleeps: [40, 20, 10, 5, 2.5] },
    { tuner: PROXMOX_KSMTUNED, sleeps: [400, 200, 100, 50, 25] },
  ])("$tuner.name sleeps $sleeps ms on hosts of 4 to 64 GiB", ({ tuner, sleeps }) => {
    const asleep = [4, 8, 16, 32, 64].map((gib) => tuneKsm(tuner, { totalKib: gib * GIB, ...idle }, 0).sleepMs);
    expect(asleep).toEqual(sleeps);
  });

  it("sleeps whole milliseconds where a shell reckons", () => {
    const sleeps = [KSMTUNED, MOM_KSM].map((tuner) => tuneKsm(tuner, { totalKib: 12 * GIB, ...idle }, 0).sleepMs);
    expect(sleeps[0]).toBe(13);
    expect(sleeps[1]).toBeCloseTo(13.333, 3);
  });

  it.each([
    { why: "plenty", free: 8, committed: 6, rule: "stop", run: false, pages: 500 },
    {
      why: "enough free, but more promised than there would be",
      free: 8,
      committed: 13,
      rule: "decay",
      run: true,
      pages: 450,
    },
    { why: "little free", free: 3, committed: 13, rule: "boost", run: true, pages: 800 },
    { why: "little free, though little promised", free: 3, committed: 6, rule: "boost", run: true, pages: 800 },
    { why: "free exactly the threshold", free: 3.2, committed: 6, rule: "decay", run: true, pages: 450 },
  ])("with $why: runs $run, $pages pages after 500", ({ free, committed, rule, run, pages }) => {
    const tuning = tuneKsm(KSMTUNED, host(free, committed), 500);
    expect(tuning).toEqual({ rule, run, pagesToScan: pages, sleepMs: 10 });
  });

  it("keeps to the range of pages, and to a threshold of 2 MiB on a tiny host", () => {
    expect(tuneKsm(KSMTUNED, host(1, 15), 1200).pagesToScan).toBe(1250);
    expect(tuneKsm(KSMTUNED, host(8, 15), 80).pagesToScan).toBe(64);
    expect(tuneKsm(KSMTUNED, host(1, 15), 0).pagesToScan).toBe(300);
    expect(tuneKsm(MOM_KSM, host(1, 15), 100).pagesToScan).toBe(400);
    const tiny = { totalKib: 8192, committedKib: 0 };
    expect(tuneKsm(KSMTUNED, { ...tiny, freeKib: 2047 }, 0).run).toBe(true);
    expect(tuneKsm(KSMTUNED, { ...tiny, freeKib: 2049 }, 0).run).toBe(false);
  });

  it("never stops while memory is short, and never scans fewer pages for less free memory", () => {
    const size = fc.integer({ min: 8192, max: 256 * GIB });
    const tuner = fc.constantFrom<KsmTuner>(KSMTUNED, MOM_KSM, PROXMOX_KSMTUNED);
    fc.assert(
      fc.property(
        tuner,
        size,
        fc.nat(100),
        fc.nat(100),
        fc.nat(150),
        fc.nat(1250),
        (one, total, a, b, share, pages) => {
          const [less, more] = [Math.min(a, b), Math.max(a, b)].map((percent) => (total * percent) / 100);
          const at = (freeKib: number) =>
            tuneKsm(one, { totalKib: total, freeKib, committedKib: (total * share) / 100 }, 64 + (pages % 1187));
          const [tight, ample] = [at(less), at(more)];
          if (less < 0.2 * total) expect(tight.run).toBe(true);
          if (ample.run) expect(tight.pagesToScan).toBeGreaterThanOrEqual(ample.pagesToScan);
        },
      ),
      { seed: 7 },
    );
  });
});
