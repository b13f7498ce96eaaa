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
const USER_MS = 0.127;

function simulated(mib: number): Counts {
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
  const guests = () => [dbench({ megahertz, mib, userMs: USER_MS })];
  const { metrics } = bench.memory(`dbench ${mib}`, { machine: MACHINE, vmm: "native", mib, guests });
  spy.mockRestore();
  return { ...counts, seconds: DBENCH_REQUESTS / metrics.throughput_rps };
}

function real(mib: number): RealRun {
  const run = runs.find(({ kernel, memoryMib }) => kernel === "2.4.3" && memoryMib === mib);
  if (run === undefined) throw new Error(`no run with ${mib} MB`);
  return run;
}

describe("dbench with Linux 2.4.3", () => {
  it("has as many pages read and written within a quarter, with less requests", () => {
    for (const mib of [128, 192, 256]) {
      const [here, there] = [simulated(mib), real(mib)];
      expect([mib, here.pagesRead / there.pagesRead > 0.74, here.pagesRead < there.pagesRead]).toEqual([
        mib,
        true,
        true,
      ]);
      expect([mib, Math.abs(here.pagesWritten / there.pagesWritten - 1) < 0.25]).toEqual([mib, true]);
      // Half of the requests for one page are missing.
      expect([mib, here.reads / there.reads > 0.48, here.reads < there.reads]).toEqual([mib, true, true]);
    }
  }, 60_000);

  it("takes twice as long with 128 MB as with 256", () => {
    const times = [128, 256].map((mib) => [simulated(mib).seconds, real(mib).seconds]);
    const [here, there] = [0, 1].map((which) => times[0][which] / times[1][which]);
    expect(Math.abs(here / there - 1)).toBeLessThan(0.1);
  }, 60_000);
});
