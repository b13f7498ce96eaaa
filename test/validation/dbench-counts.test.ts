/** The simulated dbench against what dbench itself has Linux 2.4.3 ask of the same disk: docs/dbench. */
import { readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { dbench, DBENCH_REQUESTS } from "../../src/analysis/validation/esx02-dbench.ts";
import { MACHINE } from "../../src/analysis/validation/esx02-machine.ts";
import { SimulatedBench } from "../../src/analysis/validation/simulated-bench.ts";
import { WriteBackDisk } from "../../src/machine/write-back-disk.ts";

interface Counts {
  readonly seconds: number;
  readonly reads: number;
  readonly pagesRead: number;
  readonly pagesWritten: number;
}
interface RealRun extends Counts {
  readonly kernel: string;
  readonly memoryMib: number;
}

const { runs } = JSON.parse(readFileSync("validation/dbench-linux-2.4.json", "utf8")) as { runs: readonly RealRun[] };
/** With this much the simulated processor works for 70 s, as the emulated one did with 256 MB. */
const USER_MS = 0.196;
/** Clients begin in another order with each: requests vary by a tenth from one to the next. */
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];

/**
 * What the simulated dbench has of the real one's counts. These shares are the model's own and say nothing for it: they show that a
 * change has changed it, since with later or earlier evictions each of the three sizes would have others.
 */
const SHARES = [
  { mib: 128, reads: 0.805, pagesRead: 0.665, pagesWritten: 0.75 },
  { mib: 192, reads: 0.895, pagesRead: 0.645, pagesWritten: 0.885 },
  { mib: 256, reads: 0.965, pagesRead: 0.7, pagesWritten: 0.74 },
] as const;
/** Two standard errors of the mean of so many runs are 0.04 at most. */
const MARGIN = 0.05;

const means = new Map<number, Counts>();

/** The mean of runs with all {@link SEEDS}. */
function simulated(mib: number): Counts {
  const known = means.get(mib);
  if (known !== undefined) return known;
  const runs = SEEDS.map((seed) => simulatedOnce(mib, seed));
  const mean = (count: keyof Counts) => runs.reduce((sum, run) => sum + run[count], 0) / runs.length;
  const counts = {
    seconds: mean("seconds"),
    reads: mean("reads"),
    pagesRead: mean("pagesRead"),
    pagesWritten: mean("pagesWritten"),
  };
  means.set(mib, counts);
  return counts;
}

function simulatedOnce(mib: number, seed: number): Counts {
  const counts = { reads: 0, pagesRead: 0, pagesWritten: 0 };
  const { submit } = WriteBackDisk.prototype;
  const spy = vi.spyOn(WriteBackDisk.prototype, "submit").mockImplementation(function (
    this: WriteBackDisk,
    now,
    page,
    pages,
    write,
    tag,
  ) {
    if (write) counts.pagesWritten += pages;
    else counts.reads++;
    if (!write) counts.pagesRead += pages;
    return submit.call(this, now, page, pages, write, tag);
  });
  const bench = new SimulatedBench();
  const { megahertz } = bench.profile(MACHINE);
  const guests = () => [dbench({ megahertz, mib, userMs: USER_MS, seed })];
  const { metrics } = bench.memory(`dbench ${mib} ${seed}`, { machine: MACHINE, vmm: "native", mib, guests });
  spy.mockRestore();
  return { ...counts, seconds: DBENCH_REQUESTS / metrics.throughput_rps };
}

function real(mib: number): RealRun {
  const run = runs.find(({ kernel, memoryMib }) => kernel === "2.4.3" && memoryMib === mib);
  if (run === undefined) throw new Error(`no run with ${mib} MB`);
  return run;
}

function writesAsMany(mib: number): void {
  expect(Math.abs(simulated(mib).pagesWritten / real(mib).pagesWritten - 1)).toBeLessThan(0.25);
}

describe("dbench with Linux 2.4.3", () => {
  const sizes = SHARES.map(({ mib }) => mib);

  it.each([128, 192])("writes as many pages as the real one within a quarter: %i MB", writesAsMany, 60_000);
  // Known to fail: 26 % are missing (docs/dbench).
  it.fails("writes as many pages as the real one within a quarter: 256 MB", () => writesAsMany(256), 60_000);

  it.each(sizes)(
    "makes as many reads as the real one within a quarter: %i MB",
    (mib) => {
      expect(Math.abs(simulated(mib).reads / real(mib).reads - 1)).toBeLessThan(0.25);
    },
    60_000,
  );

  it.each(SHARES)(
    "has the share of the real reads, and of the pages read and written, that it had when it was made: $mib MB",
    ({ mib, ...shares }) => {
      const [here, there] = [simulated(mib), real(mib)];
      for (const count of ["reads", "pagesRead", "pagesWritten"] as const) {
        const share = here[count] / there[count];
        expect([count, share, Math.abs(share - shares[count]) < MARGIN]).toEqual([count, share, true]);
      }
    },
    60_000,
  );

  it("takes twice as long with 128 MB as with 256", () => {
    const times = [128, 256].map((mib) => [simulated(mib).seconds, real(mib).seconds]);
    const [here, there] = [0, 1].map((which) => times[0][which] / times[1][which]);
    expect(Math.abs(here / there - 1)).toBeLessThan(0.1);
  }, 60_000);
});
