/** The shape of a matrix in YAML; what the shape cannot say is checked in `matrix-problems.ts`. */
import { basename, extname } from "node:path";
import { z } from "zod";
import type { VmmChoice } from "../../sim/cell.ts";
import { MAX_VMS } from "../../workload/vm-settings.ts";
import { isPath } from "../catalogue.ts";
import { moreThanZero, name } from "./quantities.ts";
import { vmGroupSchema } from "./vm-settings-schema.ts";

const MAX_SEEDS = 10_000;
/** Of a matrix, or a block, that gives none. */
export const DEFAULT_SEEDS = [1, 2, 3];

/** What tells the cells of a block apart, and cells can be excluded by. */
export const AXES = ["vmm", "workload", "machine", "vms", "overcommit", "seed"] as const;
export type Axis = (typeof AXES)[number];
/** A cell is excluded when it has one of the values on every axis that is named. */
export type Exclusion = Readonly<Partial<Record<Axis, readonly (string | number)[]>>>;

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
  exclude: z.array(z.strictObject(Object.fromEntries(AXES.map((axis) => [axis, valueOrValues.optional()])))).optional(),
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
export type MatrixDocument = z.output<typeof matrixSchema>;

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
