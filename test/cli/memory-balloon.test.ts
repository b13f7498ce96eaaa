/**
 * `vmmbench memory balloon`: a guest booted with some memory against one ballooned down to it, at any size. Held against the
 * harness of `validate`, against what a real guest says of its memory, and against what holds of the kernel's counters in every run.
 */
import * as fc from "fast-check";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { balloonMeasured } from "../../src/analysis/validation/balloon-measured.ts";
import { errorPercent } from "../../src/analysis/balloon-comparison.ts";
import { COUNTERS } from "../../src/analysis/validation/balloon/paging-counters.ts";
import { leastBallooned, leastBooted, MOST_MIB } from "../../src/analysis/validation/balloon/guest-sizes.ts";
import {
  FIRST_GUEST,
  memTotalKib,
  pagesAtBoot,
  SECOND_GUEST,
} from "../../src/analysis/validation/balloon/measured-guest.ts";
import { watermarks, zoneMarks } from "../../src/guest/watermarks.ts";
import { GUEST_NAMES } from "../../src/analysis/validation/balloon/guest-names.ts";
import { measuredRuns } from "../../src/analysis/validation/balloon/measured-runs.ts";
import type { Bench } from "../../src/analysis/validation/validation-set.ts";
import { memoryCommand } from "../../src/cli/memory.ts";
import { PACKAGE_ROOT } from "../../src/experiment/catalogue.ts";
import { readJson } from "../inputs/data-files.ts";
import { outputOf } from "./command-output.ts";
import { vmmbench } from "./vmmbench.ts";

type Counters = Readonly<Record<string, number>>;
type Ranges = Readonly<Record<string, readonly [number, number]>>;

interface RunJson {
  readonly memory_booted_mib: number;
  readonly balloon_target_mib: number | null;
  readonly meminfo_kb_before: { readonly MemTotal: number; readonly MemFree: number };
  readonly delta_file_reading: Counters;
  readonly delta_rest: Counters;
  readonly delta_whole_job: Counters;
  readonly measured_runs?: number;
  readonly measured?: { readonly delta_file_reading: Ranges; readonly delta_whole_job: Ranges };
  readonly error_percent?: { readonly delta_whole_job: Readonly<Record<string, number | null>> };
}

interface ReportJson {
  readonly seed: number;
  readonly runs: Readonly<Record<string, RunJson>>;
}

function run(...words: string[]): Promise<string> {
  return outputOf((parser) => parser.command(memoryCommand), ["memory", "balloon", ...words]);
}

async function runs(...words: string[]): Promise<Readonly<Record<string, RunJson>>> {
  return (JSON.parse(await run(...words, "--json")) as ReportJson).runs;
}

/** Of one run: what was freed was looked at, what came back had been freed, and what was at once active had come back. */
function mustHold(counters: Counters): void {
  const { pgscan, pgsteal, pswpout, pgmajfault } = counters;
  const { workingset_refault_anon: anonymous, workingset_refault_file: files } = counters;
  expect(pgsteal).toBeLessThanOrEqual(pgscan);
  expect(pswpout).toBeLessThanOrEqual(pgscan);
  expect(anonymous + files).toBeLessThanOrEqual(pgsteal);
  expect(counters.workingset_activate_anon).toBeLessThanOrEqual(anonymous);
  expect(counters.workingset_activate_file).toBeLessThanOrEqual(files);
  if (counters.pswpin > 0) expect(pgmajfault).toBeGreaterThan(0);
}

function outs(counted: RunJson): number {
  return counted.delta_whole_job.pswpout;
}

afterEach(() => vi.restoreAllMocks());

describe("the figures", () => {
  it("are those of validate at a measured size, beside those of the real guest", async () => {
    const computed = new Map<string, unknown>();
    const once = (name: string, compute: () => unknown): unknown => {
      if (!computed.has(name)) computed.set(name, compute());
      return computed.get(name);
    };
    const bench = { once } as unknown as Bench;
    const published = readJson<readonly { id: string; value: number }[]>(
      join(PACKAGE_ROOT, "validation/published.json"),
    );
    const { b192, b256to192 } = await runs("192");
    for (const [system, { delta_whole_job: simulated, measured }] of [
      ["booted-192", b192],
      ["ballooned-192", b256to192],
    ] as const) {
      for (const counter of COUNTERS) {
        const id = `balloon.${system}.${counter.replaceAll("_", "-")}`;
        const row = balloonMeasured.rows.find((it) => it.id === id);
        expect([id, simulated[counter]]).toEqual([id, row?.simulate(bench)]);
        const value = published.find((figure) => figure.id === id)?.value;
        expect([id, measured?.delta_whole_job[counter]]).toEqual([id, [value, value]]);
      }
    }
  });

  it("have names and structure of the measurement, so that another one can be held against them", async () => {
    const { b200, b300to200, ...others } = await runs("200", "--booted", "300");
    expect(others).toEqual({});
    expect([b200.memory_booted_mib, b200.balloon_target_mib]).toEqual([200, null]);
    expect([b300to200.memory_booted_mib, b300to200.balloon_target_mib]).toEqual([300, 200]);
    for (const { delta_file_reading: reading, delta_rest: rest, delta_whole_job: whole } of [b200, b300to200]) {
      expect(Object.keys(whole)).toEqual(["guest_s", ...COUNTERS]);
      for (const counter of COUNTERS) expect(reading[counter] + rest[counter]).toBe(whole[counter]);
      expect(reading.guest_s + rest.guest_s).toBeCloseTo(whole.guest_s, 2);
    }
    expect(b300to200.measured).toBeUndefined();
  });

  it("give the range of repeated runs, and how far outside it a figure is", async () => {
    const { b256 } = await runs("256", "--guest", "second");
    const repeated = readJson<{ readonly runs: Readonly<Record<string, { wholeJob: Counters }[]>> }>(
      join(PACKAGE_ROOT, "validation/balloon-repeated.json"),
    ).runs.b256;
    expect(b256.measured_runs).toBe(repeated.length);
    for (const counter of COUNTERS) {
      const all = repeated.map(({ wholeJob }) => wholeJob[counter]).sort((a, b) => a - b);
      const [least, most] = [all[0], all[all.length - 1]];
      expect(b256.measured?.delta_whole_job[counter]).toEqual([least, most]);
      const isWithin = b256.delta_whole_job[counter] >= least && b256.delta_whole_job[counter] <= most;
      expect(b256.error_percent?.delta_whole_job[counter] === 0).toBe(isWithin);
    }
  });

  it("are the same bytes for the same seed, and others for another", async () => {
    const words = ["190", "--json", "--seed"];
    const [once, again, other] = [await run(...words, "7"), await run(...words, "7"), await run(...words, "8")];
    expect(again).toBe(once);
    expect(other).not.toBe(once);
    expect((JSON.parse(other) as ReportJson).seed).toBe(8);
  });

  it("are the same for people", async () => {
    const { b187, b256to187 } = await runs("187");
    const text = await run("187");
    const [booted, ballooned] = [b187, b256to187].map((it) => it.delta_whole_job.pgscan.toLocaleString("en-US"));
    expect(text).toMatch(
      new RegExp(`^187 MiB, whole job +b187 +b256to187\n(?:.+\n)*scans +${booted} +${ballooned}$`, "m"),
    );
  });
});

describe("an error", () => {
  it.each([
    [5, 5, 10, 0],
    [10, 5, 10, 0],
    [4, 5, 10, -20],
    [15, 5, 10, 50],
    [0, 0, 0, 0],
    [1, 0, 0, undefined],
  ])("of %d against %d to %d", (simulated, least, most, expected) => {
    expect(errorPercent(simulated, { least, most })).toBe(expected);
  });
});

describe("memory before the job", () => {
  /** MemTotal and MemFree of guests with the second kernel, whose image is a page larger, as they started (docs/balloon-job). */
  const BEFORE = [
    { mib: 88, total: 53_816, free: 3164 },
    { mib: 96, total: 62_008, free: 2368 },
    { mib: 104, total: 70_200, free: 5640 },
    { mib: 112, total: 78_392, free: 9688 },
    { mib: 120, total: 86_584, free: 17_272 },
    { mib: 144, total: 108_920, free: 40_004 },
    { mib: 160, total: 125_304, free: 55_492 },
    { mib: 320, total: 286_716 - 4, free: 217_660 },
  ];
  const MOST_OFF = 0.03;

  it.each(BEFORE)("is that of a real guest booted with $mib MiB", async ({ mib, total, free }) => {
    const { [`b${mib}`]: simulated } = await runs(`${mib}`, "--booted", `${mib}`, "--guest", "second");
    expect(simulated.meminfo_kb_before.MemTotal).toBe(total + 4);
    // With less the real guest has swapped and read files again before the job, which the simulated one has not.
    if (mib >= 120) expect(Math.abs(simulated.meminfo_kb_before.MemFree - free)).toBeLessThanOrEqual(MOST_OFF * free);
  });

  it("has the marks of a real guest booted with 112 MiB", () => {
    const managed = pagesAtBoot(112);
    // DMA32, without the 3,840 pages of DMA.
    const { minimum, low, high } = zoneMarks(watermarks("linux-6.1", managed), 1 - 3840 / managed);
    expect([minimum, low, high]).toEqual([192, 240, 288]);
  });

  it("is what the kernel, services and caches leave where nothing has to be reclaimed", async () => {
    const { kernelPages, cachedPages, servicePages, startingPages } = FIRST_GUEST;
    const { b187 } = await runs("187", "--booted", "187");
    // 200 more for the kernel's part of the workers of udev; shares of groups are rounded.
    const pages = memTotalKib(187) / 4 - kernelPages - 200 - cachedPages - servicePages - startingPages;
    expect(Math.abs(b187.meminfo_kb_before.MemFree / 4 - pages)).toBeLessThanOrEqual(26);
  });
});

describe("at any size", () => {
  it("holds of the real guests' counters what is asked of the simulated ones", () => {
    const all = GUEST_NAMES.flatMap((guest) => [...measuredRuns(guest).values()].flat());
    expect(all.length).toBeGreaterThan(50);
    for (const { fileReading, wholeJob } of all) {
      mustHold({ ...fileReading });
      mustHold({ ...wholeJob });
    }
  });

  const size = fc.integer({ min: 100, max: 300 });

  it("counts as a kernel must, however much memory the guest is booted with", async () => {
    await fc.assert(
      fc.asyncProperty(size, fc.integer({ min: 0, max: 400 }), fc.nat(1000), async (mib, more, seed) => {
        const booted = Math.max(mib + more, 110);
        const target = Math.max(mib, leastBallooned(FIRST_GUEST, booted));
        const all = Object.values(await runs(`${target}`, "--booted", `${booted}`, "--seed", `${seed}`));
        expect(all.length).toBe(target === booted ? 1 : 2);
        for (const { delta_whole_job: whole, delta_file_reading: reading, meminfo_kb_before: before } of all) {
          mustHold(whole);
          mustHold(reading);
          expect(before.MemFree).toBeGreaterThan(0);
          expect(before.MemFree).toBeLessThan(before.MemTotal);
        }
      }),
      { numRuns: 3 },
    );
  }, 120_000);

  it("swaps no less when there are 16 MiB less, or when the kernel has tables for 256 MiB more", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 112, max: 190 }), async (mib) => {
        const all = await runs(`${mib}`, `${mib + 16}`);
        expect(outs(all[`b${mib}`])).toBeGreaterThanOrEqual(outs(all[`b${mib + 16}`]));
        expect(outs(all[`b256to${mib}`])).toBeGreaterThanOrEqual(outs(all[`b256to${mib + 16}`]));
        const { [`b512to${mib}`]: larger } = await runs(`${mib}`, "--booted", "512");
        expect(outs(larger)).toBeGreaterThanOrEqual(outs(all[`b256to${mib}`]));
      }),
      { numRuns: 2 },
    );
  }, 120_000);

  it("pages nothing that it needs where there is plenty", async () => {
    const all = Object.values(await runs("384", "513", "--booted", "1024"));
    expect(all.map(({ delta_whole_job: { pswpout, pgscan } }) => pswpout + pgscan)).toEqual(all.map(() => 0));
  });

  it("runs at the least and at the most there can be", async () => {
    const least = leastBooted(FIRST_GUEST);
    // The real guest started with 88 MiB, and with 80 MiB it did not (docs/balloon-job).
    expect(leastBooted(SECOND_GUEST)).toBeGreaterThan(80);
    expect(leastBooted(SECOND_GUEST)).toBeLessThanOrEqual(88);
    const { [`b${least}`]: smallest } = await runs(`${least}`, "--booted", `${least}`);
    expect(smallest.delta_whole_job.pswpout).toBeGreaterThan(0);
    const to = leastBallooned(FIRST_GUEST, MOST_MIB);
    const { [`b${MOST_MIB}to${to}`]: largest } = await runs(`${to}`, "--booted", `${MOST_MIB}`);
    expect(largest.meminfo_kb_before.MemTotal).toBe(memTotalKib(MOST_MIB) - (MOST_MIB - to) * 1024);
  }, 120_000);
});

describe("what cannot be", () => {
  it.each([
    [["12.5"], 'sizes: expected whole numbers of MiB from 95 to 256, separated by spaces; found "12.5"'],
    [["160MiB"], 'sizes: expected whole numbers of MiB from 95 to 256, separated by spaces; found "160MiB"'],
    [
      ["300"],
      "sizes: a guest booted with 256 MiB cannot be ballooned to 300; expected from 95 to 256, or more with --booted",
    ],
    [
      ["64"],
      "sizes: 64 MiB is too little: booted with 256, the guest's kernel leaves nothing to run the job in; expected from 95 to 256",
    ],
    [["160", "160"], "sizes: 160 is there twice"],
    [["--booted", "4096"], '--booted: expected a whole number from 91 to 3072; found "4096"'],
    [["--booted", "64"], '--booted: expected a whole number from 91 to 3072; found "64"'],
    [["--booted", "x"], '--booted: expected a whole number from 91 to 3072; found "x"'],
    [["--seed", "0.5"], '--seed: expected a whole number from 0 to 4294967295; found "0.5"'],
  ])("%j is refused in a sentence", async (words, sentence) => {
    await expect(run(...words)).rejects.toMatchObject({ name: "InputError", message: sentence });
  });

  it.each([
    [["--guest", "third"], 'unknown "third"; expected one of: first, second'],
    [["--guest", "first", "--guest", "second"], "--guest is given 2 times; expected once"],
    [["--guest"], "--guest has no value"],
  ])("%j is no guest", async (words, sentence) => {
    const { code, stdout, stderr } = await vmmbench(["memory", "balloon", "128", ...words]);
    expect([code, stdout, stderr]).toEqual([2, "", `${sentence}; see vmmbench --help\n`]);
  });

  it("is all told at once, with exit code 2", async () => {
    const { code, stdout, stderr } = await vmmbench(["memory", "balloon", "64", "1e2"]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr.trim().split("\n").length).toBe(2);
  });
});

it("takes the sizes at which the first guest was measured when none is given", async () => {
  const measured = [...measuredRuns("first").keys()].filter((name) => name !== "b256");
  expect(new Set(Object.keys(await runs()))).toEqual(new Set(measured));
});

it("says on standard error how far it is", async () => {
  const { code, stderr } = await vmmbench(["memory", "balloon", "200", "--json"]);
  expect(code).toBe(0);
  expect(stderr).toMatch(/^1\/2 runs: b200, \d+ s\n2\/2 runs: b256to200, \d+ s\n$/);
});
