/** The matrix document: which VMMs meet which workloads, on which machines, at what density, under which seeds. */
import { basename, extname } from "node:path";
import { z } from "zod";
import { InputError } from "../core/input-error.ts";
import { suggestion } from "../core/nearest-name.ts";
import type { VmmChoice } from "../sim/cell.ts";
import { MAX_VMS, type VmGroup } from "../workload/vm-settings.ts";
import { isPath } from "./catalogue.ts";
import { moreThanZero, name } from "./documents/quantities.ts";
import { groupProblems } from "./documents/vm-settings-problems.ts";
import { vmGroupSchema } from "./documents/vm-settings-schema.ts";
import { type DocumentPath, readDocument, type YamlDocument } from "./documents/yaml-document.ts";
import type { WorkloadMix } from "./workload-mix.ts";

const MAX_SEEDS = 10_000;

/** Values of the axes; a cell is excluded when it matches one of the values of every axis named. */
const axes = ["vmm", "workload", "machine", "vms", "overcommit", "seed"] as const;
export type Axis = (typeof axes)[number];
export type Exclusion = Readonly<Partial<Record<Axis, readonly (string | number)[]>>>;

export interface MatrixBlock {
  readonly name: string;
  readonly title: string;
  readonly vmms: readonly VmmChoice[];
  /** Names, or paths relative to the matrix file. */
  readonly workloads: readonly string[];
  readonly machines: readonly string[];
  readonly seeds: readonly number[];
  /** Absent: one guest alone, every trap simulated. */
  readonly vms?: readonly number[];
  readonly overcommit?: readonly number[];
  /** Sizes of hosts in pages of memory for VMs, beside those that follow from {@link overcommit}. */
  readonly hostPages?: readonly number[];
  /** Parts in which the VMs run different work; the first is the one in {@link workloads}. */
  readonly mix?: WorkloadMix;
  /** What is set for single VMs. */
  readonly settings?: readonly VmGroup[];
  readonly exclude: readonly Exclusion[];
  /** The block differs from another one in this input. */
  readonly varies?: Variation;
}

/** One input of another block, as it is there and as it is here. */
export interface Variation {
  readonly block: string;
  readonly input: string;
  readonly side: "lower" | "higher";
  readonly from: string;
  readonly to: string;
}

export interface Matrix {
  readonly name: string;
  readonly title: string;
  readonly blocks: readonly MatrixBlock[];
  /** What overcommit is judged by; absent: 95 % of the uncommitted throughput. */
  readonly serviceLevel?: ServiceLevel;
}

/** `bound`: the least share of the uncommitted throughput, or the most times that p99 latency may be the uncommitted one. */
export interface ServiceLevel {
  readonly metric: "throughput" | "p99";
  readonly bound: number;
}

const reference = z.string().min(1);
const listOf = <T extends z.ZodType>(item: T): z.ZodArray<T> => z.array(item).min(1);
const valueOrValues = z
  .union([z.string(), z.number(), listOf(z.union([z.string(), z.number()]))])
  .transform((value) => (Array.isArray(value) ? value : [value]));

const changes = z.record(z.string(), z.unknown());
/** `{ esx: { memory.page-sharing: off }, as: esx without sharing }`: one VMM, its changes, and how results call it. */
const changedVmm = z.looseObject({ as: z.string().min(1).optional() }).transform((entry, context): VmmChoice => {
  const { as, ...rest } = entry;
  const [[base, written] = ["", {}], ...others] = Object.entries(rest);
  const set = changes.safeParse(written ?? {});
  if (base !== "" && others.length === 0 && set.success) return vmmChoice(base, set.data, as);
  const message =
    "expected one VMM and its changes, such as { esx: { memory.page-sharing: off }, as: esx without sharing }";
  context.issues.push({ code: "custom", message, input: entry });
  return z.NEVER;
});
const vmmEntry = z.union([reference.transform((base) => vmmChoice(base, {})), changedVmm]);

const seed = z.int().min(0).max(0xffff_ffff);
/** `[1, 2, 3]` or `1..3`. */
const seedList = z.union([
  listOf(seed),
  z.string().transform((text, context): number[] => {
    const [, first, last] = /^([0-9]{1,9})\.\.([0-9]{1,9})$/.exec(text) ?? [];
    const count = Number(last) - Number(first) + 1;
    if (count >= 1 && count <= MAX_SEEDS) return Array.from({ length: count }, (_, i) => Number(first) + i);
    context.issues.push({
      code: "custom",
      message: `"${text}" is not a range of seeds; expected 1..3 or [1, 2, 3]`,
      input: text,
    });
    return z.NEVER;
  }),
]);

const block = z.strictObject({
  name,
  title: z.string().optional(),
  vmms: listOf(vmmEntry),
  workloads: listOf(reference).optional(),
  mix: z.record(reference, z.int().min(1).max(MAX_VMS)).optional().meta({
    description: "In place of workloads: how many VMs of each run side by side, a proportion for every number of VMs.",
  }),
  machines: listOf(reference).optional(),
  seeds: seedList.optional(),
  vms: listOf(z.int().min(1).max(MAX_VMS)).optional(),
  overcommit: listOf(z.number().min(0.1).max(100)).optional(),
  "host-memory": listOf(moreThanZero)
    .optional()
    .meta({ description: "Hosts of these sizes, whatever the number of VMs; the overcommit ratio follows." }),
  settings: listOf(vmGroupSchema).optional(),
  varies: z
    .strictObject({
      block: reference,
      input: reference,
      side: z.enum(["lower", "higher"]),
      from: reference,
      to: reference,
    })
    .optional(),
  exclude: z.array(z.strictObject(Object.fromEntries(axes.map((axis) => [axis, valueOrValues.optional()])))).optional(),
});

/** `{ throughput: 0.95 }`: the least share kept; `{ p99: 2 }`: the most times the uncommitted latency. */
const serviceLevel = z.union([
  z.strictObject({ throughput: z.number().gt(0).max(1) }).transform(({ throughput: bound }) => ({
    metric: "throughput" as const,
    bound,
  })),
  z
    .strictObject({ p99: z.number().min(1).max(1e6) })
    .transform(({ p99: bound }) => ({ metric: "p99" as const, bound })),
]);

/** Schema of a matrix file; `machines` and `seeds` at the top are for all blocks that give none of their own. */
export const matrixSchema = z.strictObject({
  name,
  title: z.string().optional(),
  machines: listOf(reference).optional(),
  seeds: seedList.optional(),
  "service-level": serviceLevel.optional(),
  blocks: listOf(block),
});
type MatrixDocument = z.output<typeof matrixSchema>;

const DEFAULT_SEEDS = [1, 2, 3];

export interface MatrixFile {
  readonly matrix: Matrix;
  /** One sentence about the place in the file. */
  problem(path: DocumentPath, message: string): string;
}

/** Parse and check a matrix. Throws an {@link InputError} with every problem that shows without opening another file. */
export function readMatrix(text: string, file: string): MatrixFile {
  const document = readDocument(text, file, matrixSchema as unknown as z.ZodType<MatrixDocument>, "matrix");
  const problems = inconsistencies(document);
  if (problems.length > 0) throw new InputError(problems);
  const { name, title, blocks, machines, seeds } = document.data;
  const resolved = blocks.map((entry): MatrixBlock => {
    const inherited = { machines: machines ?? [], seeds: seeds ?? DEFAULT_SEEDS, title: entry.name, exclude: [] };
    const { "host-memory": hostPages, mix, workloads = Object.keys(mix ?? {}).slice(0, 1), ...given } = entry;
    const parts = mix && Object.entries(mix).map(([workload, vms]) => ({ workload, vms }));
    return { ...inherited, ...withoutUndefined({ ...given, workloads, hostPages, mix: parts }) };
  });
  const level = document.data["service-level"];
  const matrix = { name, title: title ?? name, blocks: resolved, ...(level && { serviceLevel: level }) };
  return { matrix, problem: document.problem };
}

/** Base name, and the changes in short, unless the matrix gives a label. */
function vmmChoice(base: string, set: Readonly<Record<string, unknown>>, as?: string): VmmChoice {
  const changed = Object.entries(set).map(([key, value]) => `${key}: ${inShort(value)}`);
  const name = isPath(base) ? basename(base, extname(base)) : base;
  return { base, set, label: as ?? (changed.length === 0 ? name : `${name} (${changed.join(", ")})`) };
}

function inShort(value: unknown): string {
  if (value === true || value === false) return value ? "on" : "off";
  if (typeof value === "string") return value;
  return JSON.stringify(value).replaceAll('"', "").replaceAll(",", ", ").replaceAll(":", ": ");
}

function inconsistencies({ data, problem }: YamlDocument<MatrixDocument>): readonly string[] {
  const problems: string[] = [];
  const complain = (path: DocumentPath, message: string): number => problems.push(problem(path, message));
  const unique = (path: DocumentPath, values: readonly unknown[] | undefined, hint = ""): void =>
    values?.forEach((value, i) => {
      if (values.indexOf(value) < i) complain([...path, i], `duplicate ${JSON.stringify(value)}${hint}`);
    });
  unique(
    ["blocks"],
    data.blocks.map((entry) => entry.name),
    " as the name of a block",
  );
  for (const [i, entry] of data.blocks.entries()) {
    const at = ["blocks", i];
    unique(
      [...at, "vmms"],
      entry.vmms.map((vmm) => vmm.label),
      "; give one of them another name with `as: ...`",
    );
    for (const axis of ["workloads", "machines", "vms", "overcommit", "host-memory"] as const)
      unique([...at, axis], entry[axis]);
    if (Array.isArray(entry.seeds)) unique([...at, "seeds"], entry.seeds);
    if (!entry.machines && !data.machines)
      complain(at, 'the key "machines" is missing, here and at the top of the matrix');
    const blocks = data.blocks.map((one) => one.name);
    if (entry.varies && !blocks.includes(entry.varies.block))
      complain([...at, "varies", "block"], `there is no such block; ${suggestion(entry.varies.block, blocks)}`);
    if (entry.overcommit && !entry.vms) complain([...at, "overcommit"], "needs vms: how many guests share the host");
    if (entry["host-memory"] && !entry.vms)
      complain([...at, "host-memory"], "needs vms: how many guests share the host");
    if (entry.settings && !entry.vms) complain([...at, "settings"], "needs vms: how many guests share the host");
    for (const message of mixProblems(entry)) complain([...at, entry.mix ? "mix" : "workloads"], message);
    for (const { path, message } of groupProblems(entry.settings ?? []))
      complain([...at, "settings", ...path], message);
    for (const [j, exclusion] of (entry.exclude ?? []).entries()) {
      for (const [axis, message] of unknownValues(entry, data, exclusion as Exclusion)) {
        complain([...at, "exclude", j, axis], message);
      }
    }
  }
  return problems;
}

/** A mix says what all VMs run, and which ones. */
function mixProblems({ mix, workloads, settings, vms }: MatrixDocument["blocks"][number]): readonly string[] {
  if (mix === undefined) return workloads === undefined ? ['is missing, and there is no "mix" in its place'] : [];
  const problems = [];
  if (workloads !== undefined) problems.push("stands in place of workloads; expected one of the two");
  if (settings !== undefined) problems.push("says what each VM runs; expected no settings of single VMs with it");
  if (vms === undefined) problems.push("needs vms: how many guests share the host");
  if (Object.keys(mix).length < 2) problems.push("expected two workloads or more; one alone belongs in workloads");
  return problems;
}

/** An exclusion that names something the block doesn't have is a mistake. */
function unknownValues(
  entry: MatrixDocument["blocks"][number],
  { machines, seeds }: MatrixDocument,
  exclusion: Exclusion,
): readonly (readonly [Axis, string])[] {
  const known: Record<Axis, readonly (string | number)[]> = {
    vmm: entry.vmms.map((vmm) => vmm.label),
    workload: entry.workloads ?? Object.keys(entry.mix ?? {}).slice(0, 1),
    machine: entry.machines ?? machines ?? [],
    vms: entry.vms ?? [],
    overcommit: entry.overcommit ?? [],
    seed: entry.seeds ?? seeds ?? DEFAULT_SEEDS,
  };
  return axes.flatMap((axis) =>
    (exclusion[axis] ?? [])
      .filter((value) => !known[axis].includes(value))
      .map((value) => {
        const hint =
          known[axis].length === 0 ? `it has no ${axis}` : suggestion(String(value), known[axis].map(String));
        return [axis, `${JSON.stringify(value)} is not in this block; ${hint}`] as const;
      }),
  );
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Defined<T>;
}
