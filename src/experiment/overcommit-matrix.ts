/** The overcommit comparison is a matrix with one block; what the user asks for replaces values of its axes. */
import { type Document, parseDocument } from "yaml";
import { InputError } from "../core/input-error.ts";
import { suggestion } from "../core/nearest-name.ts";
import { PARTS } from "../vmm/parts.ts";
import { VMMS } from "../vmm/registry.ts";
import { isPath } from "./catalogue.ts";
import type { Exclusion } from "./documents/matrix-schema.ts";
import { type MatrixBlock, readMatrix, type ServiceLevel } from "./matrix.ts";
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
  /** More strategies: a VMM under each of these policies: names, paths relative to the matrix file, or names of VMMs for theirs. */
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
  const block = onlyBlock(text, file);
  const { workloads, machines, ratios, vms, seeds, serviceLevel } = question;
  requireTwoRatios(ratios ?? block.overcommit ?? [], ratios === undefined ? file : "--ratios");
  if (ratios !== undefined) requireRoomForAll(ratios);
  const document = parseDocument(text);
  document.deleteIn([...BLOCK, "host-memory"]);
  replaceAxis(document, "workloads", workloads);
  replaceAxis(document, "machines", machines);
  replaceAxis(document, "overcommit", ratios);
  replaceAxis(document, "vms", vms);
  replaceAxis(document, "seeds", seeds);
  if (question.mix !== undefined) setMix(document, file, block, question.mix);
  if (question.strategies !== undefined) keepStrategies(document, file, block, question.strategies);
  if (question.policies !== undefined) addPolicies(document, question.policies);
  if (serviceLevel !== undefined) {
    const { metric, bound } = serviceLevel;
    document.set("service-level", document.createNode({ [metric]: bound }, { flow: true }));
  }
  for (const one of question.varied ?? []) document.addIn(["blocks"], document.createNode(blockDocument(one)));
  return withFurtherRatios(document.toString(), file, question.further ?? []);
}

/** Where the block in question is in the document. */
const BLOCK = ["blocks", 0] as const;

function onlyBlock(text: string, file: string): MatrixBlock {
  const [block, ...others] = readMatrix(text, file).matrix.blocks;
  if (others.length === 0 && block.overcommit !== undefined) return block;
  throw new InputError(`${file}: expected a matrix of one block that varies overcommit`);
}

/** `where`: what gives the ratios. */
function requireTwoRatios(ratios: readonly number[], where: string): void {
  if (new Set(ratios).size >= 2) return;
  throw new InputError(
    `${where}: expected two ratios or more, the lowest (0.9, say) with room for all VMs: the others are compared with it`,
  );
}

function requireRoomForAll(ratios: readonly number[]): void {
  const lowest = Math.min(...ratios);
  if (lowest <= 1) return;
  throw new InputError(
    `--ratios: the lowest is ${lowest}; expected one of 1 or less (0.9, say) besides, with room for all VMs: the others are compared with it`,
  );
}

function replaceAxis(document: Document, axis: string, values: readonly unknown[] | undefined): void {
  if (values !== undefined) document.setIn([...BLOCK, axis], document.createNode(values, { flow: true }));
}

function setMix(document: Document, file: string, { settings }: MatrixBlock, mix: WorkloadMix): void {
  if (settings !== undefined) {
    throw new InputError(`${file}: has settings for single VMs already; expected a matrix without them for a mix`);
  }
  replaceAxis(document, "vms", [mix.reduce((sum, part) => sum + part.vms, 0)]);
  if (mix.length === 1) return replaceAxis(document, "workloads", [mix[0].workload]);
  document.deleteIn([...BLOCK, "workloads"]);
  document.setIn([...BLOCK, "mix"], document.createNode(mixDocument(mix), { flow: true }));
}

function keepStrategies(document: Document, file: string, { vmms }: MatrixBlock, names: readonly string[]): void {
  const labels = vmms.map((vmm) => vmm.label);
  // A label may have a comma in it; otherwise one separates them, as in other lists of names.
  const wanted = names.flatMap((name) => (labels.includes(name) ? [name] : name.split(",").map((one) => one.trim())));
  for (const strategy of wanted) {
    if (labels.includes(strategy)) continue;
    throw new InputError(`${file}: no strategy "${strategy}"; ${suggestion(strategy, labels)}`);
  }
  // From the end, so that the places of those before stay as they are.
  for (let i = labels.length - 1; i >= 0; i--) {
    if (!wanted.includes(labels[i])) document.deleteIn([...BLOCK, "vmms", i]);
  }
}

function addPolicies(document: Document, { vmm, names }: NonNullable<OvercommitQuestion["policies"]>): void {
  for (const name of new Set(names)) {
    const strategy = { [vmm]: policyChanges(name), as: labelOf(name) };
    document.addIn([...BLOCK, "vmms"], document.createNode(strategy));
  }
}

/**
 * What a VMM is changed by to be under this policy. A file is looked at when it is loaded; a name is looked up here, where it is
 * still known as that of a policy.
 */
function policyChanges(name: string): object {
  if (isPath(name)) return { allocation: name };
  const owner = VMMS.find((vmm) => vmm.name === name);
  if (owner !== undefined) {
    const { definition, parameters } = owner.allocation;
    const own = Object.entries(parameters).filter(([key, value]) => value !== definition.parameters[key].default);
    return { allocation: { [definition.name]: Object.fromEntries(own) } };
  }
  const policies = PARTS.filter(({ slot }) => slot === "allocation");
  const policy = policies.find((part) => part.name === name);
  if (policy?.replacesMemoryParts === true) return { memory: "off", allocation: name };
  if (policy !== undefined) return { allocation: name };
  const known = [...policies, ...VMMS].map((one) => one.name);
  throw new InputError(`--policy: there is no policy "${name}"; ${suggestion(name, known)}`);
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

/** A policy's name, or that of its file: `./policies/mine.js` is called mine. The VMM itself may be among the strategies. */
function labelOf(policy: string): string {
  if (VMMS.some(({ name }) => name === policy)) return `policy of ${policy}`;
  return policy.replace(/^.*\//, "").replace(/\.m?js$/, "");
}
