/** How `vmmbench memory balloon` says what it has found: for people, and for scripts. */
import type { GuestName } from "../analysis/validation/balloon/guest-names.ts";
import {
  type BalloonRun,
  type ComparisonSettings,
  errorPercent,
  type Phase,
  type Range,
  rangeOf,
} from "../analysis/balloon-comparison.ts";
import type { MeasuredRun } from "../analysis/validation/balloon/measured-runs.ts";
import { COUNTERS, type PagingCounters } from "../analysis/validation/balloon/paging-counters.ts";
import { KIB_PER_PAGE } from "../machine/page.ts";
import { textTable, wholeNumber } from "./text-table.ts";

const WHAT =
  "A simulated guest booted with N MiB (bN), and one booted with B MiB and ballooned down to N before the job (bBtoN), run the same job";
const SYSTEM =
  "Debian 12, Linux 6.1, one processor at an instruction a nanosecond, 256 MiB of swap; seconds are the guest's";
const JOB =
  "a benchmark that touches 60 MiB, beside three passes over 53 MiB of files and four compilations; file reading is over after the passes";
const GUESTS: Readonly<Record<GuestName, string>> = {
  first: "the guest of validation/balloon-measured.json",
  second: "the guest of validation/balloon-repeated.json, whose kernel takes 3.6 MiB less",
};
const CALIBRATED =
  "times of swapping, reclaim and disks are calibrated on the first guest at 128 and 160 MiB (balloon from 256); all other sizes are predictions";

/** Below, no real guest has come to the end of the job (docs/balloon-job). */
const LEAST_MEASURED_MIB = 128;
const UNMEASURED =
  "below 128 MiB no real guest has run the whole job; where one was begun, at 120 MiB, it had half the major faults of the simulated one";

const LABELS: Readonly<Record<keyof PagingCounters, string>> = {
  pgmajfault: "major faults",
  pswpin: "swap-ins",
  pswpout: "swap-outs",
  pgscan: "scans",
  pgsteal: "steals",
  workingset_refault_anon: "refaults, anonymous",
  workingset_refault_file: "refaults, files",
  workingset_activate_anon: "of these at once active, anonymous",
  workingset_activate_file: "of these at once active, files",
};
const PHASES: readonly (readonly [Phase, string])[] = [
  ["wholeJob", "whole job"],
  ["fileReading", "file reading"],
];

/** One figure of a run, and what was measured of it. */
interface Figure {
  readonly name: string;
  readonly label: string;
  readonly simulated: number;
  readonly measured: Range | undefined;
  readonly isTime: boolean;
}

export function balloonAsText(settings: ComparisonSettings, runs: readonly BalloonRun[]): string {
  const tables = settings.sizes.flatMap((mib) => {
    const ofSize = runs.filter(({ balloonedToMib }) => balloonedToMib === mib);
    return PHASES.map(([phase, title]) => sizeTable(`${mib} MiB, ${title}`, phase, ofSize));
  });
  const notes = [
    `${WHAT}.`,
    `Guest: ${GUESTS[settings.guest]} (${SYSTEM}).`,
    `Job: ${JOB}; seed ${settings.seed}.`,
    `Measured: least and most of the runs of the real guest (docs/balloon-job), and how far outside the simulated figure is.`,
    `Calibration: ${CALIBRATED}.`,
    ...(settings.sizes.some((mib) => mib < LEAST_MEASURED_MIB) ? [`Uncertain: ${UNMEASURED}.`] : []),
  ];
  return `${tables.join("\n")}\n${notes.join("\n")}\n`;
}

function sizeTable(title: string, phase: Phase, runs: readonly BalloonRun[]): string {
  const columns = runs.map((run) => {
    const figures = figuresOf(run, phase);
    const simulated = [run.name, ...figures.map((figure) => amount(figure.simulated, figure.isTime))];
    if (run.measured.length === 0) return [simulated];
    return [simulated, ["measured", ...figures.map(rangeText)], ["error", ...figures.map(errorText)]];
  });
  const all = [[title, ...figuresOf(runs[0], phase).map(({ label }) => label)], ...columns.flat()];
  return textTable(all[0].map((_, row) => all.map((column) => column[row])));
}

function figuresOf({ result, measured }: BalloonRun, phase: Phase): readonly Figure[] {
  const times = measured.map((run) => secondsOf(run, phase));
  const time = {
    name: "guest_s",
    label: "seconds",
    simulated: phase === "wholeJob" ? result.seconds : result.secondsReading,
    measured: rangeOf(times),
    isTime: true,
  };
  const counted = COUNTERS.map((name) => ({
    name,
    label: LABELS[name],
    simulated: result[phase][name],
    measured: rangeOf(measured.map((run) => run[phase][name])),
    isTime: false,
  }));
  return [...counted, time];
}

function secondsOf({ seconds, secondsReading }: MeasuredRun, phase: Phase): number | undefined {
  return phase === "wholeJob" ? seconds : secondsReading;
}

function amount(value: number, isTime: boolean): string {
  return isTime ? value.toFixed(2) : wholeNumber(value);
}

function rangeText({ measured, isTime }: Figure): string {
  if (measured === undefined) return "-";
  const [least, most] = [amount(measured.least, isTime), amount(measured.most, isTime)];
  return least === most ? least : `${least}..${most}`;
}

function errorText({ simulated, measured }: Figure): string {
  const error = measured && errorPercent(simulated, measured);
  return error === undefined ? "-" : `${error.toFixed(0).replace("-0", "0")} %`;
}

/** Names and structure are those of the measurement of the real guests, so that another one can be held against it. */
export function balloonAsJson(settings: ComparisonSettings, runs: readonly BalloonRun[]): string {
  const report = {
    what: WHAT,
    guest: GUESTS[settings.guest],
    system: SYSTEM,
    job: JOB,
    calibrated: CALIBRATED,
    seed: settings.seed,
    units:
      "guest_s in seconds of the guest; all else in pages or events; names are those of the guest kernel's /proc/vmstat, pgscan and pgsteal " +
      "the sums over kswapd and direct reclaim; measured: least and most of the real guest's runs; error_percent: how far outside, of the nearer end",
    runs: Object.fromEntries(runs.map((run) => [run.name, runAsJson(run)])),
  };
  return `${JSON.stringify(report, undefined, 2)}\n`;
}

function runAsJson(run: BalloonRun): object {
  const { bootedMib, balloonedToMib, result, measured } = run;
  const [reading, whole] = [figuresOf(run, "fileReading"), figuresOf(run, "wholeJob")];
  const held = {
    measured_runs: measured.length,
    measured: { delta_file_reading: rangesOf(reading), delta_whole_job: rangesOf(whole) },
    error_percent: { delta_file_reading: errorsOf(reading), delta_whole_job: errorsOf(whole) },
  };
  return {
    memory_booted_mib: bootedMib,
    balloon_target_mib: bootedMib === balloonedToMib ? null : balloonedToMib,
    meminfo_kb_before: { MemTotal: run.memTotalKib, MemFree: result.freePages * KIB_PER_PAGE },
    delta_file_reading: { guest_s: rounded(result.secondsReading), ...result.fileReading },
    delta_rest: { guest_s: rounded(result.seconds - result.secondsReading), ...result.rest },
    delta_whole_job: { guest_s: rounded(result.seconds), ...result.wholeJob },
    ...(measured.length === 0 ? {} : held),
  };
}

function rangesOf(figures: readonly Figure[]): object {
  const known = figures.flatMap(({ name, measured }) =>
    measured === undefined ? [] : [[name, [measured.least, measured.most]] as const],
  );
  return Object.fromEntries(known);
}

/** Null: the real guest had none. */
function errorsOf(figures: readonly Figure[]): object {
  const known = figures.flatMap(({ name, simulated, measured }) => {
    if (measured === undefined) return [];
    const error = errorPercent(simulated, measured);
    return [[name, error === undefined ? null : rounded(error)] as const];
  });
  return Object.fromEntries(known);
}

/** To thousandths. */
function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
