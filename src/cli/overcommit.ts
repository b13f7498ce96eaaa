/** `vmmbench overcommit`: strategies side by side over a range of overcommit ratios. */
import { dirname, relative } from "node:path";
import type { CommandModule } from "yargs";
import type { OvercommitCurve } from "../analysis/overcommit.ts";
import { InputError } from "../core/input-error.ts";
import type { FurtherRatio, OvercommitQuestion } from "../experiment/overcommit-matrix.ts";
import type { RunSummary } from "../experiment/run.ts";
import type { CellSpec } from "../sim/cell.ts";
import { type ExecuteArguments, executeOptions, executePlan, reportOf } from "./execute-plan.ts";
import { parseNumberList } from "./number-list.ts";
import { parseServiceLevel } from "./service-level-option.ts";

interface OvercommitArguments extends ExecuteArguments {
  matrix: string;
  workload: string[] | undefined;
  strategy: string[] | undefined;
  policy: string[] | undefined;
  vmm: string;
  ratios: string | undefined;
  vms: string | undefined;
  seeds: string | undefined;
  slo: string | undefined;
  search: boolean;
  precision: string;
  json: boolean;
}

const RATIOS = { least: 0.1, most: 100, whole: false };
const VMS = { least: 1, most: 4096, whole: true };
const PRECISION = { least: 0.01, most: 1, whole: false };
const SEEDS = { least: 0, most: 0xffff_ffff, whole: true };

export const overcommitCommand: CommandModule<object, OvercommitArguments> = {
  command: "overcommit",
  describe: "How far can host memory be overcommitted? Strategies side by side",
  builder: (yargs) =>
    executeOptions(yargs)
      .option("matrix", { type: "string", default: "overcommit", describe: "Matrix whose VMMs are the strategies" })
      .option("workload", { type: "string", array: true, requiresArg: true, describe: "What the VMs do: name or file" })
      .option("strategy", { type: "string", array: true, requiresArg: true, describe: "Only these strategies" })
      .option("policy", {
        type: "string",
        array: true,
        requiresArg: true,
        describe: "More strategies: overcommit policies by name (list parts) or file",
      })
      .option("vmm", { type: "string", default: "xen-pv", requiresArg: true, describe: "The VMM under these policies" })
      .option("ratios", {
        type: "string",
        requiresArg: true,
        describe: "Configured VM memory over host memory: 1,1.5,2",
      })
      .option("vms", { type: "string", requiresArg: true, describe: "Numbers of VMs on the host: 8,16" })
      .option("seeds", { type: "string", requiresArg: true, describe: "Seeds of the replicates: 1,2,3" })
      .option("slo", {
        type: "string",
        requiresArg: true,
        describe: "What users must be left with: throughput=95% or p99=2x, against an uncommitted host",
      })
      .option("search", {
        type: "boolean",
        default: false,
        describe: "After the ratios of the matrix, look for each strategy's limit",
      })
      .option("precision", {
        type: "string",
        requiresArg: true,
        default: "0.05",
        describe: "How exactly --search tells the limit",
      })
      .option("json", { type: "boolean", default: false, describe: "Print one JSON object instead of tables" })
      .example("$0 overcommit", "all strategies on the typical server")
      .example("$0 overcommit --workload desktop-pool --ratios 1,1.5,2", "another workload, fewer ratios")
      .example("$0 overcommit --search --slo p99=2x", "the highest ratio at which p99 latency at most doubles")
      .example("$0 overcommit --strategy esx --policy squeezed ./mine.js", "ESX against two policies on Xen")
      .example("$0 overcommit --strategy esx --strategy xen-balloon --json", "two strategies, for another program"),
  handler: async (args) => {
    const { isPath, locate } = await import("../experiment/catalogue.ts");
    const { readInputText } = await import("../experiment/input-files.ts");
    const file = locate("experiments", args.matrix, "");
    const { vms, ratios, seeds, strategy, policy, vmm, workload, slo } = args;
    // In a matrix, paths are relative to its file; on the command line, to where the user stands.
    const fromMatrix = (name: string): string => (isPath(name) ? `./${relative(dirname(file), name)}` : name);
    const question: OvercommitQuestion = {
      ...(workload && { workloads: workload.map(fromMatrix) }),
      ...(strategy && { strategies: strategy }),
      ...(policy && { policies: { vmm: fromMatrix(vmm), names: policy.map(fromMatrix) } }),
      ...(ratios !== undefined && { ratios: parseNumberList("--ratios", ratios, RATIOS) }),
      ...(vms !== undefined && { vms: parseNumberList("--vms", vms, VMS) }),
      ...(seeds !== undefined && { seeds: parseNumberList("--seeds", seeds, SEEDS) }),
      ...(slo !== undefined && { serviceLevel: parseServiceLevel("--slo", slo) }),
    };
    const [precision, ...others] = parseNumberList("--precision", args.precision, PRECISION);
    if (others.length > 0) throw new InputError(`--precision: expected one number; found "${args.precision}"`);
    const answer = await run(readInputText(file), file, question, args, args.search ? precision : undefined);
    if (answer.curves !== undefined) await show(answer.summary, answer.curves, args);
  },
};

interface Answer {
  readonly summary: RunSummary;
  /** Undefined when the run was interrupted. */
  readonly curves?: readonly OvercommitCurve[];
}

/** `precision`: to which the limits are searched, each round adding ratios to one run; undefined: the matrix only. */
async function run(
  text: string,
  file: string,
  question: OvercommitQuestion,
  args: OvercommitArguments,
  precision: number | undefined,
): Promise<Answer> {
  const { overcommitCurves } = await import("../analysis/overcommit.ts");
  const { nextRatio } = await import("../analysis/overcommit-search.ts");
  const { overcommitMatrix } = await import("../experiment/overcommit-matrix.ts");
  const { defaultFolder, planMatrix } = await import("../experiment/plan.ts");
  const further: FurtherRatio[] = [];
  let folder: string | undefined;
  for (;;) {
    const plan = await planMatrix(overcommitMatrix(text, file, { ...question, further }), file);
    folder ??= `${defaultFolder(plan)}-search-${precision}`;
    const growing = precision === undefined ? undefined : { folder, begun: further.length > 0 };
    const summary = await executePlan(plan, args, "overcommit, with the same options", growing);
    if (summary.cells === undefined) return { summary };
    const { serviceLevel } = plan.manifest;
    const curves = overcommitCurves({ name: "overcommit", cells: summary.cells, serviceLevel });
    const next =
      precision === undefined ? [] : curves.flatMap((curve) => furtherOf(curve, nextRatio(curve, precision)));
    // Where cells fail there is no point: to ask for the ratio once more would only repeat the failure.
    const isNew = (one: FurtherRatio): boolean => !plan.cells.some(({ spec }) => isAt(spec, one));
    if (!next.some(isNew)) return { summary, curves };
    further.push(...next.filter(isNew));
  }
}

function furtherOf({ strategy, workload, vms }: OvercommitCurve, ratio: number | undefined): FurtherRatio[] {
  return ratio === undefined ? [] : [{ strategy, workload, vms, ratio }];
}

function isAt({ vmm, ...at }: CellSpec, { strategy, workload, vms, ratio }: FurtherRatio): boolean {
  return vmm.label === strategy && at.workload === workload && at.vms === vms && at.overcommit === ratio;
}

async function show(summary: RunSummary, curves: readonly OvercommitCurve[], args: OvercommitArguments): Promise<void> {
  const { reasons } = await import("./run-summary.ts");
  process.stderr.write(reasons(summary.cells ?? []).join("\n"));
  if (curves.length === 0) console.error("no strategy has results at two ratios, so there is nothing to compare");
  const report = await reportOf(summary, args);
  if (args.json) {
    console.log(JSON.stringify({ results: summary.folder, ...(report && { report }), curves }));
    return;
  }
  const { overcommitText } = await import("./overcommit-table.ts");
  process.stdout.write(overcommitText(curves));
  console.log(`results: ${summary.folder}`);
  if (report !== undefined) console.log(`report:  ${report}`);
}
