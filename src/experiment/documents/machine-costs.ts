/**
 * The costs in a machine profile: a number with its source; a rule that says from which other number it follows; or a figure
 * that was measured on the bare machine and contains it. A number that follows from another is written once, and is no
 * assumption of its own.
 */
import { z } from "zod";
import { PRIMITIVE_COSTS } from "../../machine/primitive-costs.ts";
import { name as machineName } from "./quantities.ts";
import { source, sourceKind } from "./sources.ts";

const costName = z.string().regex(/^[a-z0-9]+([.-][a-z0-9]+)*$/, {
  error: ({ input }) => `"${String(input)}" is not a name of a cost; expected one like hardware.page-walk-level`,
});
const notEntry = {
  error: ({ code, input }: { readonly code?: string; readonly input?: unknown }) =>
    code === "invalid_type" && typeof input === "number"
      ? `expected a figure with its unit and source, such as { value: ${input}, unit: cycles, kind: assumed, source: our server }, found ${input}`
      : undefined,
};
/** Seconds of a processor for one event: more is a slip, and up to there sums over all events of an operation stay exact. */
const MAX_COST = 10_000_000_000;
const cost = z.strictObject(
  {
    value: z.int().min(0).max(MAX_COST),
    unit: z
      .enum(["cycles", "instructions", "ns"])
      .meta({ description: "ns: takes its time at any frequency, as a bus does; taken over from a base as it is." }),
    less: z.array(costName).min(1).optional().meta({
      description: "Other costs of the same section that the value contains and that are charged apart.",
    }),
    source,
    kind: sourceKind,
  },
  notEntry,
);
const sameCost = z.strictObject(
  {
    as: costName.meta({
      description: "Another cost of the same section, which this one is equal to on every machine.",
    }),
    times: z
      .number()
      .positive()
      .default(1)
      .meta({ description: "How often it is that, where it is counted; rounded." }),
    source,
  },
  notEntry,
);
const includedCost = z.strictObject(
  {
    "part-of": costName.meta({ description: "Another cost of the same section that contains this one, which is 0." }),
    source,
  },
  notEntry,
);
const notFigure = {
  error: ({ input }: { readonly input?: unknown }) =>
    `"${String(input)}" is no figure; expected one like 1.42us or 1093cycles`,
};
const nativeFigure = z.strictObject(
  {
    native: z
      .string(notFigure)
      .regex(/^[0-9]+(\.[0-9]+)?(us|cycles)$/, notFigure)
      .meta({
        description:
          "What `operation` takes on the bare machine. The cost is what is left of it when all else that the operation is charged there is taken off.",
      }),
    operation: z
      .string()
      .meta({ description: "A microbenchmark of the guest kernel: what vmmbench operations lists." }),
    source,
  },
  notEntry,
);

const costElsewhere = z.strictObject(
  {
    "as-on": machineName.meta({
      description:
        "A machine in the same folder, or one of the package, whose cost of this name, in cycles, is taken as it is there.",
    }),
    source,
  },
  notEntry,
);

const entry = z.union([cost, sameCost, includedCost, nativeFigure, costElsewhere]);
export const costs = z.record(costName, entry);
/** Whose names are those of a group and of a cost in it; whoever nests them otherwise gets a complaint about every key within. */
export const primitiveCosts = z.record(
  costName.refine((name) => exampleOf(name) === undefined, {
    error: ({ input }) =>
      `"${String(input)}" is a group of costs; expected whole names, such as ${exampleOf(String(input))}`,
  }),
  entry,
);
export type CostEntry = z.output<typeof costs>[string];
export type CostSection = Readonly<Record<string, CostEntry>>;
export type NativeFigure = z.output<typeof nativeFigure>;
export type CostElsewhere = z.output<typeof costElsewhere>;

/** A cost of this group; none where it is no group. */
function exampleOf(group: string): string | undefined {
  return PRIMITIVE_COSTS.find((name) => name.startsWith(`${group}.`));
}

/** The costs that an entry refers to. */
function referencesOf(entry: CostEntry): readonly string[] {
  if ("as" in entry) return [entry.as];
  if ("part-of" in entry) return [entry["part-of"]];
  return "value" in entry ? (entry.less ?? []) : [];
}

/** Cycles of a native figure on a machine. */
export function nativeCycles({ native }: NativeFigure, megahertz: number): number {
  const figure = Number.parseFloat(native);
  return native.endsWith("us") ? figure * megahertz : figure;
}

/** The machines that have costs of this one. */
export function machinesNamedIn(section: CostSection): readonly string[] {
  return Object.values(section).flatMap((entry) => ("as-on" in entry ? [entry["as-on"]] : []));
}

/**
 * The entries in a machine's own unit, those in time at its frequency. Every reference is known to lead to a number. Native
 * figures, costs that other machines have, and what follows from them, are left out.
 */
export function costsOf(section: CostSection, megahertz: number): Record<string, number> {
  const valueOf = (name: string): number => {
    const entry = section[name];
    if ("native" in entry || "as-on" in entry) return Number.NaN;
    if ("part-of" in entry) return 0;
    if ("as" in entry) return Math.round(entry.times * valueOf(entry.as));
    const whole = entry.unit === "ns" ? Math.round((entry.value * megahertz) / 1000) : entry.value;
    return (entry.less ?? []).reduce((rest, each) => rest - valueOf(each), whole);
  };
  const known = Object.keys(section).map((name) => [name, valueOf(name)] as const);
  return Object.fromEntries(known.filter(([, value]) => !Number.isNaN(value)));
}

/** Entries as a machine takes them over that is `scale` times as costly in cycles. Time and rules stay as they are. */
export function takenOver(section: CostSection, values: Readonly<Record<string, number>>, scale: number): CostSection {
  const scaled = (name: string, entry: CostEntry): CostEntry => {
    if (!("value" in entry) || entry.unit === "ns") return entry;
    const { less: _, ...rest } = entry;
    return { ...rest, value: Math.round(values[name] * scale) };
  };
  return Object.fromEntries(Object.entries(section).map(([name, entry]) => [name, scaled(name, entry)]));
}

/** What is wrong with the rules of a section, by the name of the cost. */
export function ruleProblems(section: CostSection): ReadonlyMap<string, string> {
  const problems = new Map<string, string>();
  const follow = (name: string, above: readonly string[]): string | undefined => {
    for (const next of referencesOf(section[name])) {
      if (!Object.hasOwn(section, next)) return `"${next}" is not given; expected a cost of this section`;
      if (above.includes(next)) return `"${next}" follows from "${above[0]}" itself; expected a number somewhere`;
      const problem = follow(next, [...above, next]);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
  for (const name of Object.keys(section)) {
    const problem = follow(name, [name]);
    if (problem !== undefined) problems.set(name, problem);
  }
  return problems;
}

/** Costs that are in another unit than the machine counts. */
export function unitProblems(unit: "cycles" | "instructions", section: CostSection): ReadonlyMap<string, string> {
  const wrong = Object.entries(section).flatMap(([name, entry]) => {
    const other = "unit" in entry ? entry.unit : "native" in entry || "as-on" in entry ? "cycles" : unit;
    if (other === unit || (other === "ns" && unit === "cycles")) return [];
    return [[name, `${other} on a machine that counts ${unit}`] as const];
  });
  return new Map(wrong);
}
