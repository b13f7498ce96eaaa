/** `vmmbench overcommit`: strategies side by side over a range of overcommit ratios. */
import { dirname, relative } from "node:path";
import type { CommandModule } from "yargs";
import { InputError } from "../core/input-error.ts";
import type { Kind } from "../experiment/catalogue.ts";
import type { OvercommitQuestion } from "../experiment/overcommit-matrix.ts";
import { MAX_VMS } from "../workload/vm-settings.ts";
import { type ExecuteArguments, executeOptions } from "./execute-plan.ts";
import { parseNumberList } from "./number-list.ts";
import {
  DEFAULT_PRECISION,
  parseSearch,
  requireFittingMix,
  type Search,
  type SearchArguments,
} from "./overcommit-search-options.ts";
import { parseServiceLevel } from "./service-level-option.ts";
import { parseMix } from "./workload-option.ts";

interface OvercommitArguments extends ExecuteArguments, SearchArguments {
  matrix: string;
  workload: string[] | undefined;
  machine: string | undefined;
  strategy: string[] | undefined;
  policy: string[] | undefined;
  seeds: string | undefined;
  slo: string | undefined;
  json: boolean;
}

const RATIOS = { least: 0.1, most: 100, whole: false };
const VMS = { least: 1, most: MAX_VMS, whole: true };
const DEFAULT_VMM = "xen-pv";
const SEEDS = { least: 0, most: 0xffff_ffff, whole: true };

export const overcommitCommand: CommandModule<object, OvercommitArguments> = {
  command: "overcommit",
  describe: "How far can host memory be overcommitted, and how many VMs fit? Strategies side by side",
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
      .option("strategy", {
        type: "string",
        array: true,
        requiresArg: true,
        describe: "Only these strategies, separated by commas",
      })
      .option("policy", {
        type: "string",
        array: true,
        requiresArg: true,
        describe: "More strategies: overcommit policies by name (list parts) or file, or that of a VMM: esx-6",
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
      .option("vms", {
        type: "string",
        requiresArg: true,
        describe: "Numbers of VMs on the host: 8,16; those to begin with where --search vms looks for the highest",
      })
      .option("seeds", { type: "string", requiresArg: true, describe: "Seeds of the replicates: 1,2,3" })
      .option("slo", {
        type: "string",
        requiresArg: true,
        describe: "What users must be left with: throughput=95% or p99=2x, against an uncommitted host",
      })
      .option("search", {
        type: "string",
        describe:
          "Look for each strategy's limit: the highest ratio (--search ratio, or --search alone), or the highest number of VMs on a host of --host-memory (--search vms)",
      })
      .option("host-memory", {
        type: "string",
        requiresArg: true,
        describe: "Memory of the host for VMs, for --search vms: 64GiB; what the VMM keeps for itself comes on top",
      })
      .option("sensitivity", {
        type: "boolean",
        default: false,
        describe:
          "Search, and once more with each uncertain input halved and doubled, or as other sources have it: what the answer depends on",
      })
      .option("precision", {
        type: "string",
        requiresArg: true,
        describe: `How exactly --search ratio tells the limit [default: ${DEFAULT_PRECISION}]`,
      })
      .option("json", { type: "boolean", default: false, describe: "Print one JSON object instead of tables" })
      .example("$0 overcommit", "all strategies on the typical server")
      .example("$0 overcommit --workload desktop-pool --ratios 1,1.5,2", "another workload, fewer ratios")
      .example("$0 overcommit --workload typical-server:6,file-server:2", "eight VMs, two of which do something else")
      .example("$0 overcommit --search --slo p99=2x", "the highest ratio at which p99 latency at most doubles")
      .example(
        "$0 overcommit --search vms --host-memory 2GiB --strategy esx",
        "how many of these VMs fit on a host of 2 GiB",
      )
      .example(
        "$0 overcommit --search vms --host-memory 2GiB --workload typical-server:3,file-server:1 --slo p99=2x",
        "the same of two kinds, three to one, by p99 latency",
      )
      .example("$0 overcommit --strategy esx --sensitivity", "what the highest ratio of ESX depends on")
      .example("$0 overcommit --strategy esx --policy squeezed ./mine.js", "ESX against two policies on Xen")
      .example(
        "$0 overcommit --machine x86-64-server --policy mom --vmm kvm",
        "oVirt's policy on KVM, on a host that KVM runs on",
      )
      .example(
        "$0 overcommit --machine x86-64-server --policy esx esx-6 --vmm kvm",
        "the policies of ESX 2 and of ESX 6 on KVM",
      )
      .example("$0 overcommit --strategy esx --strategy xen-balloon --json", "two strategies, for another program")
      .example(
        "$0 overcommit --strategy esx --ratios 0.9,2.5 --seeds 1 --why",
        "who lost memory when, to what, and by which rule, in results/.../why",
      ),
  handler: async (args) => {
    const { locate } = await import("../experiment/catalogue.ts");
    const { readInputText } = await import("../experiment/input-files.ts");
    const file = locate("experiments", args.matrix, "");
    const search = parseSearch(args);
    const question = await readQuestion(args, search, dirname(file));
    const { ratios } = args;
    const counts = args.vms === undefined ? undefined : parseNumberList("--vms", args.vms, VMS);
    const matrix = { text: readInputText(file), file };
    const { ratiosShown, showAnswer, vmCountsShown } = await import("./overcommit-output.ts");
    if (search.of === "vms") {
      const { searchVmCounts } = await import("./vm-count-search.ts");
      const answer = await searchVmCounts(matrix, { ...question, hostPages: search.hostPages }, args, counts);
      await showAnswer(answer, vmCountsShown, args);
      return;
    }
    const { searchRatios } = await import("./overcommit-search.ts");
    const axes = {
      ...(ratios !== undefined && { ratios: parseNumberList("--ratios", ratios, RATIOS) }),
      ...(counts && { vms: counts }),
    };
    const answer = await searchRatios(matrix, { ...question, ...axes }, args, search.precision);
    await showAnswer(answer, (results) => ratiosShown(results, args.sensitivity), args);
  },
};

/** All but the ratios and the numbers of VMs. `matrixFolder`: where the paths of the matrix are relative to. */
async function readQuestion(
  args: OvercommitArguments,
  search: Search,
  matrixFolder: string,
): Promise<OvercommitQuestion> {
  const { isPath } = await import("../experiment/catalogue.ts");
  const { seeds, strategy, policy, vmm, workload, machine, slo } = args;
  // In a matrix, paths are relative to its file; on the command line, to where the user stands.
  const fromMatrix = (name: string): string => (isPath(name) ? relativePath(matrixFolder, name) : name);
  const parts = parseMix(workload);
  const mix = parts?.map((part) => ({ ...part, workload: fromMatrix(part.workload) }));
  requireFittingMix(mix, args, search);
  await requireFiles("--workload", "workloads", parts?.map((part) => part.workload) ?? workload);
  await requireFiles("--machine", "machines", machine === undefined ? [] : [machine]);
  const question: OvercommitQuestion = {
    ...(mix ? { mix } : workload && { workloads: workload.map(fromMatrix) }),
    ...(machine !== undefined && { machines: [fromMatrix(machine)] }),
    ...(strategy && { strategies: strategy }),
    ...(policy && { policies: { vmm: fromMatrix(vmm ?? DEFAULT_VMM), names: policy.map(fromMatrix) } }),
    ...(seeds !== undefined && { seeds: parseNumberList("--seeds", seeds, SEEDS) }),
    ...(slo !== undefined && { serviceLevel: parseServiceLevel("--slo", slo) }),
  };
  await requirePolicies(policy);
  await requireVmmOfPolicies(vmm);
  return question;
}

/** That they are there is asked while they are still called what the user calls them, and not yet part of a matrix. */
async function requireFiles(option: string, kind: Kind, names: readonly string[] = []): Promise<void> {
  const { locate } = await import("../experiment/catalogue.ts");
  const { readInputFile } = await import("../experiment/input-files.ts");
  for (const name of names) await blaming(`${option}: `, () => readInputFile(locate(kind, name, "")));
}

/** As {@link requireFiles}. */
async function requirePolicies(policies: readonly string[] = []): Promise<void> {
  const { isPath } = await import("../experiment/catalogue.ts");
  const { requirePolicyModule } = await import("../experiment/load-vmm.ts");
  for (const name of policies.filter(isPath)) {
    await blaming("--policy ", () => requirePolicyModule(name, process.cwd()));
  }
}

/** As {@link requireFiles}. */
async function requireVmmOfPolicies(vmm: string | undefined): Promise<void> {
  if (vmm === undefined) return;
  const { requireVmm } = await import("../experiment/load-vmm.ts");
  await blaming("--vmm: ", () => requireVmm(vmm, process.cwd()));
}

/** What is wrong is told with the option before it. */
async function blaming(option: string, check: () => unknown): Promise<void> {
  try {
    await check();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`${option}${error.message}`);
  }
}

/** With a dot in front, so that it is no name. */
function relativePath(folder: string, path: string): string {
  const way = relative(folder, path);
  return way.startsWith("..") ? way : `./${way}`;
}
