/** `vmmbench run`: simulate a matrix and store its results. */
import type { CommandModule } from "yargs";
import { counted } from "../core/counted.ts";
import type { Plan } from "../experiment/plan.ts";
import type { RunSummary } from "../experiment/run.ts";
import { isSelected, parseFilter, requireKnownValues } from "./cell-filter.ts";
import {
  type ExecuteArguments,
  decisionsListing,
  decisionsOf,
  executeOptions,
  executePlan,
  reportOf,
} from "./execute-plan.ts";

interface RunArguments extends ExecuteArguments {
  matrix: string;
  filter: string[] | undefined;
}

export const runCommand: CommandModule<object, RunArguments> = {
  command: "run [matrix]",
  describe: "Simulate every cell of a matrix, store the results and write the report",
  builder: (yargs) =>
    executeOptions(yargs)
      .positional("matrix", {
        type: "string",
        default: "default",
        describe: "Matrix file, or the name of one in experiments/",
      })
      .option("filter", {
        type: "string",
        array: true,
        requiresArg: true,
        describe:
          "Only cells with this value, such as vmm=esx; also workload, machine, block, seed, vms, overcommit (repeatable)",
      })
      .example("$0 run", "the default matrix, with its report")
      .example("$0 run smoke --out /tmp/smoke --workers 2", "a matrix of a few seconds, into a folder of your choice")
      .example("$0 run experiments/overcommit.yaml --resume", "go on where an interrupted run stopped")
      .example("$0 run --filter vmm=esx --filter workload=compute", "only these cells of the default matrix")
      .example(
        '$0 run policies --filter "vmm=squeezed on Xen" --why',
        "one strategy, with the reasons for each decision of its policy",
      ),
  handler: async (args) => {
    const wanted = parseFilter([args.filter ?? []].flat());
    const { locate } = await import("../experiment/catalogue.ts");
    const { expandMatrix } = await import("../experiment/cells.ts");
    const { readInputText } = await import("../experiment/input-files.ts");
    const { readMatrix } = await import("../experiment/matrix.ts");
    const { planMatrix } = await import("../experiment/plan.ts");
    const file = locate("experiments", args.matrix, "");
    const text = readInputText(file);
    if (wanted.size > 0) requireKnownValues(expandMatrix(readMatrix(text, file).matrix), wanted);
    const plan = await planMatrix(text, file, (cell) => isSelected(cell, wanted));
    const summary = await executePlan(plan, args);
    if (summary.cells !== undefined) await show(plan, summary, args);
  },
};

async function show(plan: Plan, summary: RunSummary, args: RunArguments): Promise<void> {
  const { runSummaryText } = await import("./run-summary.ts");
  const { folder, cells = [], progress, seconds } = summary;
  const { matrix, serviceLevel } = plan.manifest;
  process.stdout.write(runSummaryText({ name: matrix.title, cells, serviceLevel }));
  const resumed = progress.resumed > 0 ? `, ${progress.resumed} of them from an earlier run` : "";
  console.log(`${counted(progress.total, "cell")}${resumed}, ${seconds.toFixed(1)} s`);
  console.log(`results: ${folder}`);
  process.stdout.write(decisionsListing(await decisionsOf(summary, args)));
  const index = await reportOf(summary, args);
  if (index !== undefined) console.log(`report:  ${index}`);
  const failed = cells.filter((cell) => cell.status === "failed").length;
  if (failed > 0) console.error(`${counted(failed, "cell")} failed`);
}
