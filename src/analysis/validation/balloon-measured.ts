/**
 * A guest that is ballooned down to some size and one that is booted with it run the same job: what Linux 6.1 counts of its
 * paging, on a real guest and on the simulated one (the experiment of Waldspurger 2002, Figure 2). Of the times, which decide how the
 * halves of the job push each other out, its own follow from its phases where nothing is paged, the others are calibrated on guest times and
 * on the counters at 128 and 160 MiB.
 */
import type { SourcedNumber } from "../../experiment/documents/machine-numbers.ts";
import { runBalloonJob } from "./balloon/balloon-job.ts";
import { readCompilerTrace } from "./balloon/compiler-trace.ts";
import { FIRST_GUEST } from "./balloon/measured-guest.ts";
import { Time } from "./balloon/paging-time.ts";
import { COUNTERS, type PagingCounters } from "./balloon/paging-counters.ts";
import type { Bench, ValidationRow, ValidationSet } from "./validation-set.ts";

const SEED = 1;
const BOOTED_MIB = 256;
const CALIBRATED_MIB = [128, 160];

const NO_PRESSURE =
  "with 256 MiB reclaim only just begins, and runs of a real guest differ by more than the rows miss (docs/balloon-job): 7,089 to 42,216 " +
  "pages looked at, 1,568 to 5,990 stolen. What is looked at is anonymous memory, all of it in use, if reclaim comes to that. Watermark boosts, which take files of " +
  "control groups that have ended, bring as many files back as in the real guest";

const FEW_SWAPPED =
  "a few hundred pages, and the benchmark's own share of them differs: ballooned to 192 MiB it had 171 major faults, booted with as much 71, and " +
  "in runs of a second guest with 176 to 193 MiB, measured (docs/balloon-job), 27 to 193. That guest has 136 pages swapped in when ballooned to 192 MiB";

function counters(bench: Bench, bootedMib: number, balloonedToMib: number): PagingCounters {
  return bench.once(`balloon ${bootedMib} ${balloonedToMib}`, () => {
    const trace = readCompilerTrace();
    return runBalloonJob({ guest: FIRST_GUEST, bootedMib, balloonedToMib }, trace, SEED).wholeJob;
  });
}

function reasonOf(mib: number): { readonly reason?: string } {
  if (mib === BOOTED_MIB) return { reason: NO_PRESSURE };
  return CALIBRATED_MIB.includes(mib) ? {} : { reason: FEW_SWAPPED };
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

const FROM_PHASES = new Set(["touch", "readPage", "filePageIn"]);

/** All but one are calibrated, three of these on phases of the job where nothing is paged: see balloon/paging-time.ts. */
const TIMES = Object.entries(Time).map(([name, value]): SourcedNumber => {
  const kind = name === "minorFault" ? "published" : "calibrated";
  return {
    name: `times.balloon job.${name}`,
    value,
    unit: "ns",
    kind,
    source: FROM_PHASES.has(name)
      ? "phases of the job with 384 MiB (docs/balloon-job)"
      : "guest times and counters at 128 and 160 MiB",
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
