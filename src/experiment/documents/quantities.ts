/** Schemas of quantities with units, and of the few other scalars that all documents use. */
import { z } from "zod";
import { InputError } from "../../core/input-error.ts";
import {
  BANDWIDTH,
  CYCLES,
  DURATION,
  durationIn,
  FREQUENCY,
  PERCENT,
  parseQuantity,
  type QuantityKind,
  quantityPattern,
  RATE,
  SIZE,
} from "../../core/units.ts";
import { PAGE_BYTES } from "../../machine/page.ts";

export type QuantitySchema = z.ZodType<number>;

/** A quantity of the kind, converted to its unit. `check` returns what is wrong with a value, if anything is. */
export function quantity(kind: QuantityKind, check?: (value: number) => string | undefined): QuantitySchema {
  const meta = { type: "string" as const, pattern: quantityPattern(kind), examples: [...kind.examples] };
  return z
    .unknown()
    .meta(meta)
    .transform((written, context) => {
      if (written === undefined) {
        context.issues.push({ code: "invalid_type", expected: "string", input: undefined });
        return z.NEVER;
      }
      try {
        const value = parseQuantity(kind, written);
        const problem = check?.(value);
        if (problem === undefined) return value;
        context.issues.push({ code: "custom", message: `"${String(written)}" ${problem}`, input: written });
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        context.issues.push({ code: "custom", message: error.message, input: written });
      }
      return z.NEVER;
    });
}

const positive = (value: number): string | undefined => (value > 0 ? undefined : "must be more than zero");

/** Bytes, possibly zero. */
export const bytes = quantity(SIZE);
/** Bytes, at least one. */
export const positiveBytes = quantity(SIZE, positive);
/** A size in whole pages of 4 KiB, as a number of pages, possibly zero. */
export const pages = quantity(SIZE, (value) =>
  value % PAGE_BYTES === 0 ? undefined : "is not a whole number of pages of 4KiB",
).transform((value) => value / PAGE_BYTES);
/** The same, at least one page. */
export const moreThanZero = pages.refine((value) => value > 0, { error: "must be more than zero" });
/** A fraction from 0 to 1. */
export const percent = quantity(PERCENT);
/** Microseconds. */
export const duration = quantity(DURATION);
export const positiveDuration = quantity(DURATION, positive);
/** The same, of what usually takes milliseconds or microseconds. */
export const milliseconds = quantity(durationIn("ms"));
export const positiveMilliseconds = quantity(durationIn("ms"), positive);
export const microseconds = quantity(durationIn("us"));
export const positiveMicroseconds = quantity(durationIn("us"), positive);
/** Events a second. */
export const positiveRate = quantity(RATE, positive);
export const cycles = quantity(CYCLES);
/** Megahertz. */
export const positiveFrequency = quantity(FREQUENCY, positive);
/** Bits a second. */
export const positiveBandwidth = quantity(BANDWIDTH, positive);

/** The name of a workload, machine or activity: file names and result columns are made of it. */
export const name = z
  .unknown()
  .meta({ type: "string", pattern: "^[a-z0-9][a-z0-9.-]*$" })
  .transform((written, context) => {
    if (typeof written === "string" && /^[a-z0-9][a-z0-9.-]*$/.test(written)) return written;
    if (written === undefined) context.issues.push({ code: "invalid_type", expected: "string", input: undefined });
    else {
      const message = `"${String(written)}" is not a name; expected lower-case letters, digits, "-" and "."`;
      context.issues.push({ code: "custom", message, input: written });
    }
    return z.NEVER;
  });
