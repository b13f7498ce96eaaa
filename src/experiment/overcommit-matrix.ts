/** The overcommit comparison is a matrix with one block; what the user asks for replaces values of its axes. */
import { parseDocument } from "yaml";
import { InputError } from "../core/input-error.ts";
import { suggestion } from "../core/nearest-name.ts";
import { PARTS } from "../vmm/parts.ts";
import { isPath } from "./catalogue.ts";
import { type Exclusion, type MatrixBlock, readMatrix, type ServiceLevel } from "./matrix.ts";
import type { WorkloadMix } from "./workload-mix.ts";

/** What takes the place of an axis; absent: as the matrix has it. */
export interface OvercommitQuestion {
  /** Names, or paths relative to the matrix file. */
  readonly workloads?: readonly string[];
  /** Different work on one host, instead of one workload and a number of VMs. */
  readonly mix?: WorkloadMix;
  readonly machines?: readonly string[];
  readonly ratios?: readonly number[];
  readonly vms?: readonly number[];
  readonly seeds?: readonly number[];
  /** Labels of the strategies to keep. */
  readonly strategies?: readonly string[];
  readonly serviceLevel?: ServiceLevel;
  /** Cells beyond the matrix: ratios that only these strategies are run at. */
  readonly further?: readonly FurtherRatio[];
  /** More strategies: a VMM under each of these policies. */
  readonly policies?: { readonly vmm: string; readonly names: readonly string[] };
  /** Blocks beside the one in question, each with one of its inputs changed. */
  readonly varied?: readonly MatrixBlock[];
}

/** Fields as in a cell's spec. */
export interface FurtherRatio {
  readonly block: string;
  readonly strategy: string;
  readonly workload: string;
  readonly vms: number;
  readonly ratio: number;
}

/**
 * The text of the matrix that answers the question, comments kept, so that the run can be repeated from its manifest.
 * Throws an {@link InputError} when the matrix has more than one block or lacks a strategy, when there is a single ratio,
 * or when no policy has one of the names.
 */
export function overcommitMatrix(text: string, file: string, question: OvercommitQuestion): string {
  const { matrix } = readMatrix(text, file);
  const [block, ...others] = matrix.blocks;
  if (others.length > 0 || block.overcommit === undefined) {
    throw new InputError(`${file}: expected a matrix of one block that varies overcommit`);
  }
  const { workloads, mix, machines, ratios, vms, seeds, strategies, policies, serviceLevel, further = [] } = question;
  if (new Set(ratios ?? block.overcommit).size < 2) {
    throw new InputError(
      `${ratios === undefined ? file : "--ratios"}: expected two ratios or more, the lowest (0.9, say) with room for all VMs: the others are compared with it`,
    );
  }
  const lowest = Math.min(...(ratios ?? []));
  if (lowest > 1 && ratios !== undefined) {
    throw new InputError(
      `--ratios: the lowest is ${lowest}; expected one of 1 or less (0.9, say) besides, with room for all VMs: the others are compared with it`,
    );
  }
  const document = parseDocument(text);
  document.deleteIn(["blocks", 0, "host-memory"]);
  const replace = (axis: string, values: readonly unknown[] | undefined): void => {
    if (values !== undefined) document.setIn(["blocks", 0, axis], document.createNode(values, { flow: true }));
  };
  replace("workloads", workloads);
  replace("machines", machines);
  replace("overcommit", ratios);
  replace("vms", vms);
  replace("seeds", seeds);
  if (mix !== undefined) {
    if (block.settings !== undefined) {
      throw new InputError(`${file}: has settings for single VMs already; expected a matrix without them for a mix`);
    }
    replace("vms", [mix.reduce((sum, part) => sum + part.vms, 0)]);
    if (mix.length === 1) replace("workloads", [mix[0].workload]);
    else {
      document.deleteIn(["blocks", 0, "workloads"]);
      document.setIn(["blocks", 0, "mix"], document.createNode(mixDocument(mix), { flow: true }));
    }
  }
  if (strategies !== undefined) {
    const labels = block.vmms.map((vmm) => vmm.label);
    // A label may have a comma in it; otherwise one separates them, as in other lists of names.
    const wanted = strategies.flatMap((name) =>
      labels.includes(name) ? [name] : name.split(",").map((one) => one.trim()),
    );
    for (const strategy of wanted) {
      if (!labels.includes(strategy))
        throw new InputError(`${file}: no strategy "${strategy}"; ${suggestion(strategy, labels)}`);
    }
    for (let i = labels.length - 1; i >= 0; i--) {
      if (!wanted.includes(labels[i])) document.deleteIn(["blocks", 0, "vmms", i]);
    }
  }
  for (const name of new Set(policies?.names)) {
    requirePolicy(name);
    const strategy = { [policies?.vmm ?? ""]: { allocation: name }, as: labelOf(name) };
    document.addIn(["blocks", 0, "vmms"], document.createNode(strategy));
  }
  if (serviceLevel !== undefined) {
    const { metric, bound } = serviceLevel;
    document.set("service-level", document.createNode({ [metric]: bound }, { flow: true }));
  }
  for (const one of question.varied ?? []) document.addIn(["blocks"], document.createNode(blockDocument(one)));
  return withFurtherRatios(document.toString(), file, further);
}

/** A block as a matrix file has it. */
function blockDocument({ vmms, workloads, mix, ...block }: MatrixBlock): object {
  const [first, ...others] = mix ?? [];
  // What varies is the first workload.
  const work =
    first === undefined ? { workloads } : { mix: mixDocument([{ ...first, workload: workloads[0] }, ...others]) };
  return { ...block, ...work, vmms: vmms.map(({ base, set, label }) => ({ [base]: set, as: label })) };
}

function mixDocument(mix: WorkloadMix): object {
  return Object.fromEntries(mix.map(({ workload, vms }) => [workload, vms]));
}

/** A file is looked at when it is loaded; a name is looked up here, where it is still known as that of a policy. */
function requirePolicy(name: string): void {
  const names = PARTS.filter(({ slot }) => slot === "allocation").map((part) => part.name);
  if (!names.includes(name) && !isPath(name)) {
    throw new InputError(`--policy: there is no policy "${name}"; ${suggestion(name, names)}`);
  }
}

/** The axis of a block gets every ratio, and whoever does not need one is excluded from it. */
function withFurtherRatios(text: string, file: string, further: readonly FurtherRatio[]): string {
  if (further.length === 0) return text;
  const document = parseDocument(text);
  readMatrix(text, file).matrix.blocks.forEach((block, i) => {
    const own = further.filter((one) => one.block === block.name);
    const present = block.overcommit ?? [];
    const added = [...new Set(own.map(({ ratio }) => ratio))].filter((ratio) => !present.includes(ratio));
    if (added.length === 0) return;
    added.sort((a, b) => a - b);
    const ratios = [...present, ...added].sort((a, b) => a - b);
    document.setIn(["blocks", i, "overcommit"], document.createNode(ratios, { flow: true }));
    const exclude = [...block.exclude, ...unwanted(block, added, own)];
    document.setIn(["blocks", i, "exclude"], document.createNode(exclude));
  });
  return document.toString();
}

function unwanted(block: MatrixBlock, added: readonly number[], further: readonly FurtherRatio[]): Exclusion[] {
  const isWanted = (vmm: string, workload: string, vms: number, ratio: number): boolean =>
    further.some((one) => one.strategy === vmm && one.workload === workload && one.vms === vms && one.ratio === ratio);
  return block.vmms.flatMap(({ label: vmm }) =>
    block.workloads.flatMap((workload) =>
      (block.vms ?? []).flatMap((vms) => {
        const overcommit = added.filter((ratio) => !isWanted(vmm, workload, vms, ratio));
        return overcommit.length === 0 ? [] : [{ vmm: [vmm], workload: [workload], vms: [vms], overcommit }];
      }),
    ),
  );
}

/** A policy's name, or that of its file: `./policies/mine.js` is called mine. */
function labelOf(policy: string): string {
  return policy.replace(/^.*\//, "").replace(/\.m?js$/, "");
}
