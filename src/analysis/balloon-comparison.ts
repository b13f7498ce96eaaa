/**
 * A guest that is booted with some memory against one that is booted with more and ballooned down to it (the experiment of
 * Waldspurger 2002, Figure 2), at any size; beside what real guests have counted, where they have run it.
 */
import { type JobResult, runBalloonJob } from "./validation/balloon/balloon-job.ts";
import { readCompilerTrace } from "./validation/balloon/compiler-trace.ts";
import { memTotalKib } from "./validation/balloon/measured-guest.ts";
import type { GuestName } from "./validation/balloon/guest-names.ts";
import { GUESTS, type MeasuredRun, measuredRuns, runName } from "./validation/balloon/measured-runs.ts";

export interface ComparisonSettings {
  readonly guest: GuestName;
  /** Sizes of the guest that runs the job, in MiB. */
  readonly sizes: readonly number[];
  /** What the guest is booted with that is ballooned, in MiB. */
  readonly bootedMib: number;
  readonly seed: number;
}

export interface BalloonRun {
  readonly name: string;
  readonly bootedMib: number;
  readonly balloonedToMib: number;
  /** As the guest's kernel says it, the balloon not among it. */
  readonly memTotalKib: number;
  readonly result: JobResult;
  /** The same run of the real guest, as often as it was made. */
  readonly measured: readonly MeasuredRun[];
}

export type Phase = "fileReading" | "wholeJob";

/** What is to be run, in order: each size booted, and ballooned if that is another run. */
export function plannedRuns({ sizes, bootedMib }: ComparisonSettings): readonly (readonly [number, number])[] {
  return sizes.flatMap((mib): [number, number][] =>
    mib === bootedMib
      ? [[mib, mib]]
      : [
          [mib, mib],
          [bootedMib, mib],
        ],
  );
}

/** Runs one after the other. They take seconds each: whoever goes through them can say how far they are. */
export function* compareBalloon(settings: ComparisonSettings): Generator<BalloonRun> {
  const trace = readCompilerTrace();
  const measured = measuredRuns(settings.guest);
  const guest = GUESTS[settings.guest];
  for (const [bootedMib, balloonedToMib] of plannedRuns(settings)) {
    const name = runName(bootedMib, balloonedToMib);
    yield {
      name,
      bootedMib,
      balloonedToMib,
      memTotalKib: memTotalKib(bootedMib) - (bootedMib - balloonedToMib) * 1024,
      result: runBalloonJob({ guest, bootedMib, balloonedToMib }, trace, settings.seed),
      measured: measured.get(name) ?? [],
    };
  }
}

/** Least and most that runs have measured. */
export interface Range {
  readonly least: number;
  readonly most: number;
}

/** The range of what was measured; undefined where nothing was. */
export function rangeOf(values: readonly (number | undefined)[]): Range | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : { least: Math.min(...known), most: Math.max(...known) };
}

/**
 * How far a figure is outside a range, in percent of the end that is nearer: 0 within it, below 0 under it. Undefined above a range
 * that ends at 0.
 */
export function errorPercent(simulated: number, { least, most }: Range): number | undefined {
  if (simulated >= least && simulated <= most) return 0;
  const end = simulated < least ? least : most;
  return end === 0 ? undefined : (100 * (simulated - end)) / end;
}
