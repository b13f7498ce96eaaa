/** What the commands that simulate have in common: their options, progress, interruption, and the report at the end. */
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import type { Argv } from "yargs";
import { InputError } from "../core/input-error.ts";
import type { Plan } from "../experiment/plan.ts";
import type { RunSummary } from "../experiment/run.ts";
import type { DecisionsFile } from "../report/write-decisions.ts";
import { commandAgain } from "./command-again.ts";
import { EXIT } from "./exit-codes.ts";

const MAX_WORKERS = 256;

export interface ExecuteArguments {
  out: string | undefined;
  workers: string;
  resume: boolean;
  report: boolean;
  why: boolean;
  quiet: boolean;
}

export function executeOptions<T>(yargs: Argv<T>): Argv<T & ExecuteArguments> {
  return yargs
    .option("out", {
      type: "string",
      requiresArg: true,
      describe: "Results folder [default: results/<matrix>-<digest>]",
    })
    .option("workers", {
      type: "string",
      requiresArg: true,
      default: String(availableParallelism()),
      describe: "Cells simulated at the same time",
    })
    .option("resume", {
      type: "boolean",
      default: false,
      describe: "Continue an interrupted run; finished cells are kept",
    })
    .option("report", {
      type: "boolean",
      default: true,
      describe: "Write the report as well; --no-report writes only the results",
    })
    .option("why", {
      type: "boolean",
      default: false,
      describe:
        "Log every decision about memory with its reasons, on hosts of the first seed, in the folder why of the results",
    })
    .option("quiet", { type: "boolean", default: false, describe: "Show no progress" }) as Argv<T & ExecuteArguments>;
}

/** Where a run that is extended step by step has its results, and whether it has begun. */
export interface GrowingRun {
  readonly folder: string;
  readonly begun: boolean;
}

/**
 * Run with a progress display. The first Ctrl-C ends the run in order, a second one at once; an interrupted user is told how to go
 * on. Failed cells set the exit code. The folder of a growing run is another one if the user names one. `onBegin` is called when
 * nothing is left to refuse, before anything is simulated.
 */
export async function executePlan(
  plan: Plan,
  args: ExecuteArguments,
  growing?: GrowingRun,
  onBegin: () => Promise<void> = async () => {},
): Promise<RunSummary> {
  const { defaultFolder } = await import("../experiment/plan.ts");
  const workers = parseWorkers(args.workers);
  if (args.why && !plan.cells.some(({ spec }) => spec.vms !== undefined)) {
    throw new InputError(
      "--why logs decisions about the memory of hosts, and this run has no host; expected a block with vms",
    );
  }
  // Without --out the folder belongs to exactly this run, so that what is in it can always be used.
  const target =
    args.out === undefined
      ? { folder: join("results", growing?.folder ?? defaultFolder(plan)), resume: true }
      : { folder: args.out, resume: args.resume || growing?.begun === true };
  if (growing?.begun !== true) sayWhatIsNotNoticed(plan);
  const summary = await runWithProgress(plan, {
    ...target,
    grows: growing !== undefined,
    workers,
    why: args.why,
    quiet: args.quiet,
    onBegin,
  });
  if (summary.cells === undefined) sayHowToResume(args, summary);
  else if (summary.cells.some(({ wrongInput }) => wrongInput === true)) process.exitCode = EXIT.badInput;
  else if (summary.cells.some(({ status }) => status === "failed")) process.exitCode = EXIT.finding;
  return summary;
}

/** Write the report of a finished run beside the others. Gives its start page, or nothing when none is wanted. */
export async function reportOf({ folder }: RunSummary, { report }: ExecuteArguments): Promise<string | undefined> {
  if (!report) return undefined;
  const { writeReport } = await import("../report/write-report.ts");
  const { index } = await writeReport(folder, join("reports", basename(folder)));
  return index;
}

/** The logs as text, if they were asked for; gives their paths. */
export async function decisionsOf(summary: RunSummary, args: ExecuteArguments): Promise<readonly DecisionsFile[]> {
  if (!args.why) return [];
  const { writeDecisions } = await import("../report/write-decisions.ts");
  return writeDecisions(summary.folder, summary.cells ?? []);
}

/** Lines for the terminal; nothing without logs. */
export function decisionsListing(files: readonly DecisionsFile[]): string {
  return files.map(({ path, counts }) => `why:     ${path}\n         ${counts}\n`).join("");
}

interface RunTarget {
  readonly folder: string;
  readonly resume: boolean;
  readonly grows: boolean;
  readonly workers: number;
  readonly why: boolean;
  readonly quiet: boolean;
  readonly onBegin: () => Promise<void>;
}

async function runWithProgress(plan: Plan, { quiet, ...options }: RunTarget): Promise<RunSummary> {
  const { runPlan } = await import("../experiment/run.ts");
  const { ProgressDisplay } = await import("./progress-display.ts");
  const display = new ProgressDisplay(process.stderr, quiet);
  const interruption = new AbortController();
  const interrupt = (): void => interruption.abort();
  process.once("SIGINT", interrupt);
  process.once("SIGTERM", interrupt);
  try {
    return await runPlan(plan, {
      ...options,
      signal: interruption.signal,
      onProgress: (progress) => display.update(progress),
    });
  } finally {
    display.stop();
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}

function sayWhatIsNotNoticed({ computedPaths }: Plan): void {
  for (const place of computedPaths) {
    console.error(
      `${place}: computes the path of a file; what changes in that file is not noticed, so that finished cells stay as they are`,
    );
  }
}

function sayHowToResume({ out }: ExecuteArguments, { folder, progress }: RunSummary): void {
  console.error(`interrupted: ${progress.finished} of ${progress.total} cells are stored in ${folder}`);
  console.error(`continue with: ${commandAgain(process.argv, process.env, out === undefined ? [] : ["--resume"])}`);
  process.exitCode = EXIT.interrupted;
}

function parseWorkers(text: string): number {
  const workers = Number(text);
  if (/^[0-9]+$/.test(text) && workers >= 1 && workers <= MAX_WORKERS) return workers;
  throw new InputError(`--workers: expected a whole number from 1 to ${MAX_WORKERS}; found "${text}"`);
}
