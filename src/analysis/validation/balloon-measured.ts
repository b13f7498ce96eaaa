/**
 * A guest that is ballooned down to some size and one that is booted with it run the same job: what Linux 6.1 counts of its
 * paging, on a real guest and on the simulated one (the experiment of Waldspurger 2002, Figure 2). The times of the job, which
 * decide how its halves push each other out, are calibrated on guest times, and on the counters at 128 and 160 MiB.
 */
import { join } from "node:path";
import { PACKAGE_ROOT } from "../../experiment/catalogue.ts";
import type { SourcedNumber } from "../../experiment/documents/machine-numbers.ts";
import { readInputFile } from "../../experiment/input-files.ts";
import { runBalloonJob } from "./balloon/balloon-job.ts";
import { readCompilerTrace } from "./balloon/compiler-trace.ts";
import { FIRST_GUEST } from "./balloon/measured-guest.ts";
import { Time } from "./balloon/paging-time.ts";
import type { PagingCounters } from "./balloon/paging-counters.ts";
import type { Bench, ValidationRow, ValidationSet } from "./validation-set.ts";

const SEED = 1;
const BOOTED_MIB = 256;
const COUNTERS: readonly (keyof PagingCounters)[] = [
  "pgmajfault",
  "pswpin",
  "pswpout",
  "pgscan",
  "pgsteal",
  "workingset_refault_anon",
  "workingset_refault_file",
  "workingset_activate_anon",
  "workingset_activate_file",
];
const CALIBRATED_MIB = [128, 160];

const NO_PRESSURE =
  "with 256 MiB reclaim only just begins, and runs of a real guest differ by more than the rows miss (docs/balloon-job): 7,089 to 42,216 " +
  "pages looked at, 1,568 to 5,990 stolen. But at least 616 files come back. Ten boosts of watermarks, measured, begin before memory " +
  "is short; they reclaim files only, up to 949 pages, most from control groups that have ended. Neither is modelled: boosts alone, " +
  "tried with the free pages measured in blocks of the kernel, bring 127 files back";

const BENCHMARK_SWAPS =
  "a second guest of that size, measured (docs/balloon-job), has 510. After the files are read the benchmark still swaps pages of its own " +
  "here, some 400 with 176 MiB, where real guests then have 27 and 54 major faults; what keeps theirs in memory was not found: the balance " +
  "of reclaim agrees with the kernel's source";

function counters(bench: Bench, bootedMib: number, balloonedToMib: number): PagingCounters {
  return bench.once(`balloon ${bootedMib} ${balloonedToMib}`, () => {
    const trace = readCompilerTrace(readInputFile(join(PACKAGE_ROOT, "validation/cc1.pages.gz")).bytes);
    return runBalloonJob({ guest: FIRST_GUEST, bootedMib, balloonedToMib }, trace, SEED).wholeJob;
  });
}

function reasonOf(mib: number): { readonly reason?: string } {
  if (mib === BOOTED_MIB) return { reason: NO_PRESSURE };
  return CALIBRATED_MIB.includes(mib) ? {} : { reason: BENCHMARK_SWAPS };
}

function rows(bootedMib: number, mib: number): readonly ValidationRow[] {
  const run = bootedMib === mib ? `booted-${mib}` : `ballooned-${mib}`;
  return COUNTERS.map((name) => ({
    id: `balloon.${run}.${name.replaceAll("_", "-")}`,
    role: CALIBRATED_MIB.includes(mib) ? "calibration" : "prediction",
    ...(name === "pgmajfault" ? { group: `balloon ${mib}` } : {}),
    ...reasonOf(mib),
    simulate: (bench) => counters(bench, bootedMib, mib)[name],
  }));
}

/** All but one are calibrated: see balloon/paging-time.ts. */
const TIMES = Object.entries(Time).map(([name, value]): SourcedNumber => {
  const kind = name === "minorFault" ? "published" : "calibrated";
  return {
    name: `times.balloon job.${name}`,
    value,
    unit: "ns",
    kind,
    source: "guest times and counters at 128 and 160 MiB",
  };
});

const ROWS = [
  ...rows(BOOTED_MIB, BOOTED_MIB),
  ...[192, 160, 128].flatMap((mib) => [...rows(mib, mib), ...rows(BOOTED_MIB, mib)]),
];

export const balloonMeasured: ValidationSet = {
  name: "balloon",
  source: "Measured: a balloon in Linux 6.1, a guest ballooned down to a size and one booted with it",
  rows: ROWS,
  times: TIMES,
};
