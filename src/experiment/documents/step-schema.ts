/** The steps of a request. */
import { z } from "zod";
import { nearestName } from "../../core/nearest-name.ts";
import { CYCLES, SIZE } from "../../core/units.ts";
import { SYSTEM_CALLS } from "../../workload/operation-stream.ts";
import type { PagePattern } from "../../workload/workload.ts";
import { cycles, pages, percent, type QuantitySchema, quantity } from "./quantities.ts";

const MAX_EXPONENT = 4;
const MAX_TOUCH_CYCLES = 2 ** 31 - 1;

const positive = (value: number): string | undefined => (value > 0 ? undefined : "must be more than zero");
const positiveCycles = quantity(CYCLES, positive);
const operandBytes = quantity(SIZE, (value) =>
  value > 0 && value < 2 ** 32 ? undefined : "must be more than zero and less than 4GiB",
);
const positivePages = quantity(SIZE, (value) =>
  value > 0 && value % 4096 === 0 ? undefined : "is not a whole number of pages of 4KiB, at least one",
).transform((value) => value / 4096);
const touchCycles = cycles.refine((value) => value <= MAX_TOUCH_CYCLES, { error: "is more than one touch can take" });
const count = z.int().min(1).max(1_000_000);

const spread = z.enum(["fixed", "exponential"]).default("fixed");
/** `5Mcycles`, or `{ mean: 5Mcycles, spread: exponential }`. */
const amount = (mean: QuantitySchema) =>
  z.union([mean.transform((value) => ({ mean: value, spread: "fixed" as const })), z.strictObject({ mean, spread })]);

const pattern = z
  .unknown()
  .meta({ type: "string", pattern: "^(sequential|uniform|zipf\\([0-9.]+\\))$", examples: ["uniform", "zipf(0.8)"] })
  .transform((written, context): PagePattern => {
    const text = String(written).replaceAll(" ", "");
    if (text === "sequential" || text === "uniform") return { kind: text };
    const exponent = Number(/^zipf\(([0-9.]+)\)$/.exec(text)?.[1]);
    if (exponent > 0 && exponent <= MAX_EXPONENT) return { kind: "zipf", exponent };
    context.issues.push({ code: "custom", message: patternProblem(String(written)), input: written });
    return z.NEVER;
  });

function patternProblem(written: string): string {
  const nearest = nearestName(written.replace(/\(.*$/, ""), ["sequential", "uniform", "zipf"]);
  const meant = nearest === "zipf" ? "zipf(0.8)" : nearest;
  const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
  return `"${written}" is not a pattern; expected sequential, uniform, or zipf(s) with 0 < s <= ${MAX_EXPONENT}${hint}`;
}
const uniformByDefault = pattern.optional().transform((value): PagePattern => value ?? { kind: "uniform" });

/** A range of the process's anonymous pages. */
const range = { at: pages, size: positivePages };
/** Runs of consecutive pages of the file set; by default anywhere in it. */
const fileRun = {
  pages: count,
  from: pages.optional(),
  within: positivePages.optional(),
  pattern: uniformByDefault,
};

const actions = {
  compute: amount(positiveCycles).optional(),
  kernel: amount(positiveCycles).optional(),
  touch: z
    .strictObject({
      pages: count,
      from: pages.optional(),
      within: positivePages.optional(),
      pattern: uniformByDefault,
      write: percent.optional(),
      content: z.enum(["unique", "zero", "common"]).default("unique"),
      cycles: touchCycles.optional(),
    })
    .optional(),
  syscall: z.enum(SYSTEM_CALLS).optional(),
  exec: positivePages.optional(),
  mmap: z.strictObject({ ...range, backing: z.enum(["anonymous", "file"]).default("anonymous") }).optional(),
  munmap: z.strictObject(range).optional(),
  mprotect: z.strictObject({ ...range, writable: z.boolean() }).optional(),
  switch: z.int().min(0).optional(),
  signal: z.enum(["install", "deliver"]).optional(),
  "read-file": z.strictObject(fileRun).optional(),
  "write-file": z
    .strictObject({
      ...fileRun,
      sync: z.boolean().default(false),
      new: z.boolean().default(false).meta({
        description:
          "The run is a file made anew: what was there before is deleted, and all pages get their places on disk. By default, pages in memory are written over.",
      }),
    })
    .optional(),
  send: amount(operandBytes).optional(),
  receive: amount(operandBytes).optional(),
};

const common = { times: count.default(1), chance: percent.optional() };

/** What a forked child may do; it exits after its last step and does not fork itself. */
const childStepSchema = z.strictObject({ ...actions, ...common }).superRefine(expectOneAction);

export const stepSchema = z
  .strictObject({ ...actions, fork: z.array(childStepSchema).min(1).optional(), ...common })
  .superRefine(expectOneAction);

function expectOneAction(step: Readonly<Record<string, unknown>>, context: z.core.$RefinementCtx): void {
  const present = Object.keys(step).filter((key) => !(key in common) && step[key] !== undefined);
  if (present.length === 1) return;
  const found = present.length === 0 ? "says nothing to do" : `says several things to do: ${present.join(", ")}`;
  const message = `a step ${found}; expected exactly one of: ${[...Object.keys(actions), "fork"].join(", ")}`;
  context.addIssue({ code: "custom", message });
}

export type StepDocument = z.output<typeof stepSchema>;
