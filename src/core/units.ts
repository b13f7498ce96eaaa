/**
 * Quantities as people write them: a decimal number and a unit that may not be left out (`256MiB`, `40%`, `5ms`). A number
 * without a unit is the most frequent mistake in a description, so each message says which text was probably meant.
 *
 * All parsers throw an {@link InputError} with one sentence and no location; whoever knows the file adds it.
 */
import { InputError } from "./input-error.ts";
import { nearestName } from "./nearest-name.ts";

/** One kind of quantity: its units and how they convert to the unit the program calculates in. */
export interface QuantityKind {
  /** With article, for messages: "a size". */
  readonly title: string;
  readonly examples: readonly string[];
  /** Multiplier by unit. */
  readonly units: Readonly<Record<string, number>>;
  /** Whether the converted value must be whole, and how its unit is called if so. */
  readonly whole?: string;
  readonly maximum?: number;
  /** The text probably meant by a number and a unit that is not one of `units` (or "" for none). */
  readonly probably: (amount: string, unit: string) => string;
}

const withUnit =
  (unit: string, wrong: Readonly<Record<string, string>> = {}) =>
  (amount: string, found: string): string =>
    amount + (found === "" ? unit : (wrong[found] ?? ""));

/** Bytes. Powers of two only: `1G` and `1GB` mean different sizes to different people. */
export const SIZE: QuantityKind = {
  title: "a size",
  examples: ["4KiB", "256MiB", "2GiB", "500B"],
  units: { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 },
  whole: "bytes",
  probably: (amount, unit) => {
    if (unit === "") return `${amount}MiB`;
    const prefix = /^([kmgt])(i?b)?$/i.exec(unit)?.[1];
    if (prefix !== undefined) return `${amount}${prefix.toUpperCase()}iB`;
    return /^(b|bytes?)$/i.test(unit) ? `${amount}B` : "";
  },
};

/** A part of a whole, as a fraction from 0 to 1. */
export const PERCENT: QuantityKind = {
  title: "a percentage",
  examples: ["40%", "2.5%"],
  units: { "%": 0.01 },
  maximum: 1,
  probably: (amount, unit) => {
    if (unit !== "") return /^(percent|pct|per cent)$/i.test(unit) ? `${amount}%` : "";
    const value = Number(amount);
    if (value === 1) return "1% or 100%";
    return value > 0 && value < 1 ? `${Number((value * 100).toPrecision(12))}%` : `${amount}%`;
  },
};

/** Microseconds; `usual` is the unit that a number without one probably has. */
export function durationIn(usual: "us" | "ms" | "s"): QuantityKind {
  return {
    title: "a duration",
    examples: ["250us", "5ms", "120s", "2min", "1h"],
    units: { us: 1, ms: 1e3, s: 1e6, min: 60e6, h: 3600e6 },
    whole: "microseconds",
    probably: withUnit(usual, { m: "min", sec: "s", second: "s", seconds: "s", minutes: "min", µs: "us", hours: "h" }),
  };
}

/** Microseconds, of what usually takes seconds. */
export const DURATION = durationIn("s");

/** A number of microseconds as people write it: "16.4ms". */
export function durationText(us: number): string {
  const { units } = DURATION;
  const unit = Object.keys(units).findLast((one) => us >= units[one]) ?? "us";
  return `${Number((us / units[unit]).toPrecision(6))}${unit}`;
}

/** Events a second. */
export const RATE: QuantityKind = {
  title: "a rate",
  examples: ["25/s", "3/min", "10/h"],
  units: { "/s": 1, "/min": 1 / 60, "/h": 1 / 3600 },
  probably: withUnit("/s", { "/m": "/min", "/sec": "/s", Hz: "/s", hz: "/s", "per s": "/s", "per min": "/min" }),
};

/** Processor cycles. */
export const CYCLES: QuantityKind = {
  title: "a number of cycles",
  examples: ["900 cycles", "12kcycles", "2.4Mcycles"],
  units: { cycles: 1, kcycles: 1e3, Mcycles: 1e6, Gcycles: 1e9 },
  whole: "cycles",
  probably: withUnit(" cycles", { cycle: " cycles", k: "kcycles", K: "kcycles", M: "Mcycles", G: "Gcycles" }),
};

/** Megahertz. */
export const FREQUENCY: QuantityKind = {
  title: "a frequency",
  examples: ["2400MHz", "2.4GHz"],
  units: { MHz: 1, GHz: 1e3 },
  probably: withUnit("MHz", { M: "MHz", G: "GHz" }),
};

/** Bits a second; powers of ten, as devices are sold. */
export const BANDWIDTH: QuantityKind = {
  title: "a data rate",
  examples: ["40MB/s", "1000Mb/s", "1Gb/s"],
  units: { "kb/s": 1e3, "Mb/s": 1e6, "Gb/s": 1e9, "kB/s": 8e3, "MB/s": 8e6, "GB/s": 8e9 },
  whole: "bits a second",
  probably: withUnit("MB/s", {
    Mbps: "Mb/s",
    Gbps: "Gb/s",
    "Mbit/s": "Mb/s",
    "Gbit/s": "Gb/s",
    MBps: "MB/s",
    "MiB/s": "MB/s",
  }),
};

/** Convert what a document holds (text, or a number that lacks its unit) to the unit of the kind. */
export function parseQuantity(kind: QuantityKind, written: unknown): number {
  if (typeof written === "number") rejectNumber(kind, written);
  if (typeof written !== "string") throw new InputError(`expected ${expected(kind)}`);
  const text = written.trim();
  const match = /^(-?)([0-9]+)(?:\.([0-9]+))?\s*(.*)$/.exec(text);
  if (match === null) throw new InputError(`"${text}" is not ${kind.title}; expected ${expected(kind)}`);
  const [, sign, integer, decimals = "", unit] = match;
  const amount = decimals === "" ? integer : `${integer}.${decimals}`;
  const factor = Object.hasOwn(kind.units, unit) ? kind.units[unit] : undefined;
  if (factor === undefined) throw new InputError(unitProblem(kind, text, amount, unit));
  if (sign === "-") throw new InputError(`"${text}" is negative; expected ${expected(kind)}`);
  return convert(kind, text, Number(integer + decimals), decimals.length, factor);
}

/** `digits` times the factor, shifted by the decimals: exact as long as the product stays below 2^53. */
function convert(kind: QuantityKind, text: string, digits: number, decimals: number, factor: number): number {
  const product = digits * factor;
  const value = product / 10 ** decimals;
  if (!Number.isFinite(value) || product > Number.MAX_SAFE_INTEGER) throw new InputError(`"${text}" is too large`);
  if (kind.whole !== undefined && !Number.isInteger(value)) {
    throw new InputError(`"${text}" is not a whole number of ${kind.whole}`);
  }
  if (kind.maximum !== undefined && value > kind.maximum) {
    throw new InputError(`"${text}" is too large; expected ${kind.title} of at most ${kind.maximum * 100}%`);
  }
  return value;
}

function rejectNumber(kind: QuantityKind, value: number): never {
  if (Number.isNaN(value)) throw new InputError(`NaN is not ${kind.title}; expected ${expected(kind)}`);
  if (!Number.isFinite(value)) throw new InputError(`${value} is not ${kind.title}; expected ${expected(kind)}`);
  if (value < 0) throw new InputError(`${value} is negative and has no unit; expected ${expected(kind)}`);
  throw new InputError(unitProblem(kind, `${value}`, `${value}`, ""));
}

function unitProblem(kind: QuantityKind, text: string, amount: string, unit: string): string {
  const nearest = unit === "" ? undefined : nearestUnit(kind, unit);
  const meant = kind.probably(amount, unit);
  const problem = unit === "" ? `${text} has no unit` : `"${text}" has the unknown unit "${unit}"`;
  if (meant !== "" && meant !== amount) return `${problem}; did you mean ${meant}?`;
  if (nearest !== undefined) return `${problem}; did you mean ${amount}${nearest}?`;
  return `${problem}; expected ${expected(kind)}`;
}

function nearestUnit(kind: QuantityKind, unit: string): string | undefined {
  const units = Object.keys(kind.units);
  return units.find((known) => known.toLowerCase() === unit.toLowerCase()) ?? nearestName(unit, units);
}

function expected(kind: QuantityKind): string {
  return `${kind.title} with its unit, like ${kind.examples.join(", ")}`;
}

/** A regular expression that accepts what {@link parseQuantity} accepts, for editors. */
export function quantityPattern(kind: QuantityKind): string {
  return `^[0-9]+(\\.[0-9]+)? ?(${Object.keys(kind.units).join("|")})$`;
}

/** Bytes. */
export const parseSize = (written: unknown): number => parseQuantity(SIZE, written);
