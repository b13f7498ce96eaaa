import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InputError } from "../../src/core/input-error.ts";
import {
  BANDWIDTH,
  CYCLES,
  DURATION,
  durationIn,
  durationText,
  FREQUENCY,
  PERCENT,
  parseQuantity,
  parseSize,
  type QuantityKind,
  quantityPattern,
  RATE,
  SIZE,
} from "../../src/core/units.ts";

const KINDS: readonly QuantityKind[] = [SIZE, PERCENT, DURATION, RATE, CYCLES, FREQUENCY, BANDWIDTH];

function messageOf(kind: QuantityKind, written: unknown): string {
  try {
    return `no error: ${parseQuantity(kind, written)}`;
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
}

describe("quantities in the units the program calculates in", () => {
  const cases: readonly (readonly [QuantityKind, string, number])[] = [
    [SIZE, "256MiB", 268_435_456],
    [SIZE, "4KiB", 4096],
    [SIZE, "1.5GiB", 1_610_612_736],
    [SIZE, "500B", 500],
    [SIZE, " 12 KiB ", 12_288],
    [PERCENT, "40%", 0.4],
    [PERCENT, "2.5%", 0.025],
    [PERCENT, "0%", 0],
    [PERCENT, "100%", 1],
    [DURATION, "250us", 250],
    [DURATION, "1.1ms", 1100],
    [DURATION, "120s", 120_000_000],
    [DURATION, "2min", 120_000_000],
    [DURATION, "1h", 3_600_000_000],
    [RATE, "25/s", 25],
    [RATE, "3/min", 0.05],
    [RATE, "36/h", 0.01],
    [CYCLES, "900 cycles", 900],
    [CYCLES, "2.4Mcycles", 2_400_000],
    [CYCLES, "1.1kcycles", 1100],
    [FREQUENCY, "2400MHz", 2400],
    [FREQUENCY, "2.4GHz", 2400],
    [BANDWIDTH, "40MB/s", 320_000_000],
    [BANDWIDTH, "1000Mb/s", 1_000_000_000],
    [BANDWIDTH, "1Gb/s", 1_000_000_000],
  ];
  test.each(cases)("$0.title: $1", (kind, written, expected) => {
    expect(parseQuantity(kind, written)).toBeCloseTo(expected, 12);
  });

  test("whole quantities are exact or refused, against arithmetic in whole numbers", () => {
    const units = fc.constantFrom(...Object.keys(SIZE.units));
    fc.assert(
      fc.property(fc.nat(999_999), fc.integer({ min: 0, max: 6 }), units, (digits, decimals, unit) => {
        const padded = String(digits).padStart(decimals + 1, "0");
        const point = padded.length - decimals;
        const written = decimals === 0 ? `${padded}${unit}` : `${padded.slice(0, point)}.${padded.slice(point)}${unit}`;
        const numerator = BigInt(digits) * BigInt(SIZE.units[unit]);
        const denominator = 10n ** BigInt(decimals);
        if (numerator > BigInt(Number.MAX_SAFE_INTEGER)) expect(messageOf(SIZE, written)).toContain("too large");
        else if (numerator % denominator !== 0n)
          expect(messageOf(SIZE, written)).toContain("not a whole number of bytes");
        else expect(parseSize(written)).toBe(Number(numerator / denominator));
      }),
    );
  });

  test("whatever is written, the value is finite and not negative or the error is one sentence", () => {
    const text = fc.oneof(
      fc.string(),
      fc
        .tuple(fc.double(), fc.constantFrom(...KINDS.flatMap(({ units }) => Object.keys(units))))
        .map(([n, unit]) => n + unit),
    );
    const anything = fc.oneof(text, fc.double(), fc.anything());
    fc.assert(
      fc.property(fc.constantFrom(...KINDS), anything, (kind, written) => {
        const message = messageOf(kind, written);
        if (message.startsWith("no error: ")) expect(Number(message.slice(10))).toBeGreaterThanOrEqual(0);
        else expect(message.length).toBeGreaterThan(10);
      }),
      { numRuns: 2000 },
    );
  });

  test("the pattern for editors accepts the examples and no bare number", () => {
    for (const kind of KINDS) {
      const pattern = new RegExp(quantityPattern(kind));
      for (const example of kind.examples) {
        expect(example).toMatch(pattern);
        expect(Number.isFinite(parseQuantity(kind, example))).toBe(true);
      }
      expect("40").not.toMatch(pattern);
    }
  });
});

describe("durations as text", () => {
  test.each([
    [16_400, "16.4ms"],
    [999, "999us"],
    [0, "0us"],
    [1000, "1ms"],
    [90e6, "1.5min"],
    [7200e6, "2h"],
  ])("%d us", (us, text) => {
    expect(durationText(us)).toBe(text);
  });

  test("are read as what they were, as long as six digits tell", () => {
    fc.assert(
      fc.property(fc.nat(999_999), (us) => {
        expect(parseQuantity(DURATION, durationText(us))).toBe(us);
      }),
    );
  });
});

describe("unit mistakes are answered with what was probably meant", () => {
  const cases: readonly (readonly [QuantityKind, unknown, string])[] = [
    [SIZE, "1G", "did you mean 1GiB?"],
    [SIZE, "1GB", "did you mean 1GiB?"],
    [SIZE, "256mb", "did you mean 256MiB?"],
    [SIZE, "4k", "did you mean 4KiB?"],
    [SIZE, "4 kib", "did you mean 4KiB?"],
    [SIZE, "12 bytes", "did you mean 12B?"],
    [SIZE, "256", "did you mean 256MiB?"],
    [SIZE, 256, "did you mean 256MiB?"],
    [PERCENT, 40, "did you mean 40%?"],
    [PERCENT, "40", "did you mean 40%?"],
    [PERCENT, 0.4, "did you mean 40%?"],
    [PERCENT, "0.07", "did you mean 7%?"],
    [PERCENT, 1, "did you mean 1% or 100%?"],
    [PERCENT, "40 percent", "did you mean 40%?"],
    [DURATION, 5, "did you mean 5s?"],
    [durationIn("ms"), 20, "did you mean 20ms?"],
    [durationIn("us"), "20", "did you mean 20us?"],
    [durationIn("ms"), "5sec", "did you mean 5s?"],
    [DURATION, "5m", "did you mean 5min?"],
    [DURATION, "5sec", "did you mean 5s?"],
    [RATE, 20, "did you mean 20/s?"],
    [RATE, "20Hz", "did you mean 20/s?"],
    [CYCLES, 900, "did you mean 900 cycles?"],
    [CYCLES, "5mcycles", "did you mean 5Mcycles?"],
    [CYCLES, "5M", "did you mean 5Mcycles?"],
    [FREQUENCY, 2400, "did you mean 2400MHz?"],
    [FREQUENCY, "2400Mhz", "did you mean 2400MHz?"],
    [BANDWIDTH, "100Mbps", "did you mean 100Mb/s?"],
  ];
  test.each(cases)("%#", (kind, written, expected) => {
    expect(messageOf(kind, written)).toContain(expected);
  });

  test.each([
    [SIZE, Number.NaN, "NaN is not a size"],
    [SIZE, "NaN", '"NaN" is not a size'],
    [SIZE, Number.POSITIVE_INFINITY, "Infinity is not a size"],
    [SIZE, -5, "-5 is negative"],
    [SIZE, "-1MiB", '"-1MiB" is negative'],
    [SIZE, "0.3B", "not a whole number of bytes"],
    [SIZE, "9999999TiB", "too large"],
    [SIZE, "1e3MiB", "unknown unit"],
    [SIZE, true, "expected a size with its unit"],
    [SIZE, null, "expected a size with its unit"],
    [PERCENT, "140%", "too large"],
    [DURATION, "0.5us", "not a whole number of microseconds"],
  ] as const)("%#", (kind, written, expected) => {
    expect(messageOf(kind, written)).toContain(expected);
  });
});
