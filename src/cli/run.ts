/** `vmmbench run`: simulate a matrix and store its results. */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { CommandModule } from "yargs";
import { InputError } from "../core/input-error.ts";
import type { Plan } from "../experiment/plan.ts";
import type { RunSummary } from "../experiment/run.ts";
import { parseFilter } from "./cell-filter.ts";

const FINDING = 1;
const INTERRUPTED = 130;
const MAX_WORKERS = 256;

interface RunArguments {
  matrix: string;
  out: string | undefined;
  workers: string;
  resume: boolean;
  report: boolean;
  filter: string[] | undefined;
  quiet: boolean;
}

export const runCommand: CommandModule<object, RunArguments> = {
  command: "run [matrix]",
  describe: "Simulate every cell of a matrix, store the results and write the report",
  builder: (yargs) =>
    yargs
      .positional("matrix", { type: "string", default: "default", describe: "Matrix file, or the name of one in experiments/" })
      .option("out", { type: "string", requiresArg: true, describe: "Results folder [default: results/<matrix>-<digest>]" })
      .option("workers", {
        type: "string",
        requiresArg: true,
        default: String(availableParallelism()),
        describe: "Cells simulated at the same time",
      })
      .option("resume", { type: "boolean", default: false, describe: "Go on with an interrupted run; finished cells are kept" })
      .option("report", { type: "boolean", default: true, describe: "Write the report too (--no-report: only the results)" })
      .option("filter", {
        type: "string",
        array: true,
        requiresArg: true,
        describe: "Only cells with this value (repeat for more): vmm, workload, machine, block, seed, vms, overcommit",
      })
      .option("quiet", { type: "boolean", default: false, describe: "No progress display" })
      .example("$0 run", "the default matrix, with its report")
      .example("$0 run smoke --out /tmp/smoke --workers 2", "a matrix of a few seconds, into a folder of your choice")
      .example("$0 run experiments/overcommit.yaml --resume", "go on where an interrupted run stopped")
      .example("$0 run --filter vmm=esx --filter workload=compute", "some cells of the default matrix"),
  handler: async (args) => {
    const workers = parseWorkers(args.workers);
    const selects = parseFilter([args.filter ?? []].flat());
    const { locate } = await import("../experiment/catalogue.ts");
    const { defaultFolder, planRun } = await import("../experiment/plan.ts");
    const plan = await planRun(locate("experiments", args.matrix, ""), selects);
    // Without --out the folder belongs to exactly this run, so that what is in it can always be used.
    const [folder, resume] = args.out === undefined ? [join("results", defaultFolder(plan)), true] : [args.out, args.resume];
    const summary = await execute(plan, { folder, resume, workers, quiet: args.quiet });
    if (summary.cells === undefined) return sayHowToResume(args, summary);
    await show(plan, summary, args);
  },
};

interface ExecuteOptions {
  readonly folder: string;
  readonly resume: boolean;
  readonly workers: number;
  readonly quiet: boolean;
}

/** Run with a progress display. The first Ctrl-C ends the run in order, a second one at once. */
async function execute(plan: Plan, { quiet, ...options }: ExecuteOptions): Promise<RunSummary> {
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

async function show(plan: Plan, { folder, cells = [], progress, seconds }: RunSummary, args: RunArguments): Promise<void> {
  const { runSummaryText } = await import("./run-summary.ts");
  const order = new Map(plan.cells.map(({ key }, i) => [key, i]));
  const asWritten = [...cells].sort((a, b) => (order.get(a.key) ?? 0) - (order.get(b.key) ?? 0));
  process.stdout.write(runSummaryText(plan.manifest.matrix.title, asWritten));
  const resumed = progress.resumed > 0 ? `, ${progress.resumed} of them from an earlier run` : "";
  console.log(`${progress.total} cells${resumed}, ${seconds.toFixed(1)} s`);
  console.log(`results: ${folder}`);
  if (args.report) {
    const { writeReport } = await import("../report/write-report.ts");
    const { basename } = await import("node:path");
    const { index } = await writeReport(folder, join("reports", basename(folder)));
    console.log(`report:  ${index}`);
  }
  const failed = cells.filter((cell) => cell.status === "failed").length;
  if (failed > 0) {
    console.error(`${failed} cell${failed === 1 ? "" : "s"} failed`);
    process.exitCode = FINDING;
  }
}

function sayHowToResume({ matrix, out }: RunArguments, { folder, progress }: RunSummary): void {
  const options = out === undefined ? "" : ` --out ${out} --resume`;
  console.error(`interrupted: ${progress.finished} of ${progress.total} cells are stored in ${folder}`);
  console.error(`go on with: vmmbench run ${matrix}${options}`);
  process.exitCode = INTERRUPTED;
}

function parseWorkers(text: string): number {
  const workers = Number(text);
  if (/^[0-9]+$/.test(text) && workers >= 1 && workers <= MAX_WORKERS) return workers;
  throw new InputError(`--workers: expected a whole number from 1 to ${MAX_WORKERS}; found "${text}"`);
}
