/** `vmmbench overcommit`: strategies side by side over a range of overcommit ratios. */
import { dirname, relative } from "node:path";
import type { CommandModule } from "yargs";
import type { OvercommitCurve } from "../analysis/overcommit.ts";
import { InputError } from "../core/input-error.ts";
import type { FurtherRatio, OvercommitQuestion } from "../experiment/overcommit-matrix.ts";
import type { RunSummary } from "../experiment/run.ts";
import type { CellSpec } from "../sim/cell.ts";
import {
  type ExecuteArguments,
  decisionsListing,
  decisionsOf,
  executeOptions,
  executePlan,
  reportOf,
} from "./execute-plan.ts";
import { parseNumber, parseNumberList } from "./number-list.ts";
import { parseServiceLevel } from "./service-level-option.ts";
import { parseMix } from "./workload-mix.ts";

interface OvercommitArguments extends ExecuteArguments {
  matrix: string;
  workload: string[] | undefined;
  machine: string | undefined;
  strategy: string[] | undefined;
  policy: string[] | undefined;
  vmm: string | undefined;
  ratios: string | undefined;
  vms: string | undefined;
  seeds: string | undefined;
  slo: string | undefined;
  search: boolean;
  precision: string | undefined;
  json: boolean;
}

const RATIOS = { least: 0.1, most: 100, whole: false };
const VMS = { least: 1, most: 4096, whole: true };
const PRECISION = { least: 0.01, most: 1, whole: false };
const DEFAULT_PRECISION = "0.05";
const DEFAULT_VMM = "xen-pv";
const SEEDS = { least: 0, most: 0xffff_ffff, whole: true };

export const overcommitCommand: CommandModule<object, OvercommitArguments> = {
  command: "overcommit",
  describe: "How far can host memory be overcommitted? Strategies side by side",
  builder: (yargs) =>
    executeOptions(yargs)
      .option("matrix", { type: "string", default: "overcommit", describe: "Matrix whose VMMs are the strategies" })
      .option("workload", {
        type: "string",
        array: true,
        requiresArg: true,
        describe: "What the VMs do: name or file, or several on one host: typical-server:6,file-server:2",
      })
      .option("machine", { type: "string", requiresArg: true, describe: "The host: machine profile, by name or path" })
      .option("strategy", { type: "string", array: true, requiresArg: true, describe: "Only these strategies" })
      .option("policy", {
        type: "string",
        array: true,
        requiresArg: true,
        describe: "More strategies: overcommit policies by name (list parts) or file",
      })
      .option("vmm", {
        type: "string",
        requiresArg: true,
        describe: `The VMM under these policies [default: ${DEFAULT_VMM}]`,
      })
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
        describe: `How exactly --search tells the limit, as a ratio [default: ${DEFAULT_PRECISION}]`,
      })
      .option("json", { type: "boolean", default: false, describe: "Print one JSON object instead of tables" })
      .example("$0 overcommit", "all strategies on the typical server")
      .example("$0 overcommit --workload desktop-pool --ratios 1,1.5,2", "another workload, fewer ratios")
      .example("$0 overcommit --workload typical-server:6,file-server:2", "eight VMs, two of which do something else")
      .example("$0 overcommit --search --slo p99=2x", "the highest ratio at which p99 latency at most doubles")
      .example("$0 overcommit --strategy esx --policy squeezed ./mine.js", "ESX against two policies on Xen")
      .example(
        "$0 overcommit --machine x86-64-server --policy mom --vmm kvm",
        "oVirt's policy on KVM, on a host that KVM runs on",
      )
      .example("$0 overcommit --strategy esx --strategy xen-balloon --json", "two strategies, for another program")
      .example(
        "$0 overcommit --strategy esx --ratios 0.9,2.5 --seeds 1 --why",
        "who lost memory when, to what, and by which rule, in results/.../why",
      ),
  handler: async (args) => {
    const { isPath, locate } = await import("../experiment/catalogue.ts");
    const { readInputText } = await import("../experiment/input-files.ts");
    const file = locate("experiments", args.matrix, "");
    const { vms, ratios, seeds, strategy, policy, vmm, workload, machine, slo } = args;
    // In a matrix, paths are relative to its file; on the command line, to where the user stands.
    const fromMatrix = (name: string): string => (isPath(name) ? relativePath(dirname(file), name) : name);
    if (vmm !== undefined && policy === undefined) {
      throw new InputError("--vmm is the VMM under the policies; expected --policy with it");
    }
    if (args.precision !== undefined && !args.search) {
      throw new InputError("--precision is that of a search; expected --search with it");
    }
    const mix = parseMix(workload)?.map((part) => ({ ...part, workload: fromMatrix(part.workload) }));
    if (mix !== undefined && vms !== undefined) {
      throw new InputError("--vms: a mix of workloads says how many VMs there are; expected no --vms with it");
    }
    const question: OvercommitQuestion = {
      ...(mix ? { mix } : workload && { workloads: workload.map(fromMatrix) }),
      ...(machine !== undefined && { machines: [fromMatrix(machine)] }),
      ...(strategy && { strategies: strategy }),
      ...(policy && { policies: { vmm: fromMatrix(vmm ?? DEFAULT_VMM), names: policy.map(fromMatrix) } }),
      ...(ratios !== undefined && { ratios: parseNumberList("--ratios", ratios, RATIOS) }),
      ...(vms !== undefined && { vms: parseNumberList("--vms", vms, VMS) }),
      ...(seeds !== undefined && { seeds: parseNumberList("--seeds", seeds, SEEDS) }),
      ...(slo !== undefined && { serviceLevel: parseServiceLevel("--slo", slo) }),
    };
    const precision = parsePrecision(args);
    const answer = await run(readInputText(file), file, question, args, precision);
    if (answer.curves !== undefined) await show(answer.summary, answer.curves, args);
  },
};

/** Undefined without a search. */
function parsePrecision({ search, precision = DEFAULT_PRECISION }: OvercommitArguments): number | undefined {
  return search ? parseNumber("--precision", precision, PRECISION) : undefined;
}

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
    // A ratio at which some seeds fail and others do not may be asked for once more.
    const isNew = (one: FurtherRatio): boolean => !plan.cells.some(({ spec }) => isAt(spec, one));
    if (!next.some(isNew)) return { summary, curves };
    further.push(...next.filter(isNew));
  }
}

/** With a dot in front, so that it is no name. */
function relativePath(folder: string, path: string): string {
  const way = relative(folder, path);
  return way.startsWith("..") ? way : `./${way}`;
}

function furtherOf({ strategy, workload, vms }: OvercommitCurve, ratio: number | undefined): FurtherRatio[] {
  return ratio === undefined ? [] : [{ strategy, workload, vms, ratio }];
}

function isAt({ vmm, ...at }: CellSpec, { strategy, workload, vms, ratio }: FurtherRatio): boolean {
  return vmm.label === strategy && at.workload === workload && at.vms === vms && at.overcommit === ratio;
}

async function show(summary: RunSummary, curves: readonly OvercommitCurve[], args: OvercommitArguments): Promise<void> {
  const { reasonsText } = await import("./run-summary.ts");
  process.stderr.write(reasonsText(summary.cells ?? []));
  if (curves.length === 0) console.error("no strategy has results at two ratios, so there is nothing to compare");
  const logs = await decisionsOf(summary, args);
  const report = await reportOf(summary, args);
  if (args.json) {
    const why = logs.map(({ path }) => path);
    console.log(
      JSON.stringify({ results: summary.folder, ...(report && { report }), ...(args.why && { why }), curves }),
    );
    return;
  }
  const { overcommitText } = await import("./overcommit-table.ts");
  process.stdout.write(overcommitText(curves));
  console.log(`results: ${summary.folder}`);
  process.stdout.write(decisionsListing(logs));
  if (report !== undefined) console.log(`report:  ${report}`);
}
