import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InputError } from "../../src/core/input-error.ts";
import { parseLackey } from "../../src/workload/readers/lackey.ts";
import { ReferenceTraceBuilder, SECOND_PAGE } from "../../src/workload/reference-trace.ts";
import type { ReferenceTrace } from "../../src/workload/reference-trace.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** [kind, page number] of each touch. */
function touches(trace: ReferenceTrace): [number, bigint][] {
  return Array.from(trace.page, (page, i) => [trace.kind[i], BigInt(trace.pageNumbers[page])]);
}

/** The format in its plainest form: one regular expression and big integers. */
function parseNaively(text: string): [number, bigint][] {
  return text.split("\n").flatMap((line): [number, bigint][] => {
    const match = /^(I | L| S| M) ([0-9a-fA-F]+),(\d+)$/.exec(line);
    if (match === null) return [];
    const kind = ["I ", " L", " S", " M"].indexOf(match[1]);
    const first = BigInt(`0x${match[2]}`);
    const [low, high] = [first >> 12n, (first + BigInt(match[3]) - 1n) >> 12n];
    return low === high
      ? [[kind, low]]
      : [
          [kind, low],
          [kind | SECOND_PAGE, high],
        ];
  });
}

const page = fc.oneof(fc.bigInt(0n, 20n), fc.bigInt(0n, 2n ** 52n - 1n), fc.constant(0x1fff000n));
const offset = fc.oneof(fc.integer({ min: 0, max: 4095 }), fc.integer({ min: 4080, max: 4095 }));
const size = fc.oneof(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 4096 }));
const reference = fc
  .tuple(fc.constantFrom("I ", " L", " S", " M"), page, offset, size, fc.constantFrom(0, 8, 10, 16))
  .map(([kind, number, within, bytes, width]) => {
    const address = (number * 4096n + BigInt(within)).toString(16).padStart(width, "0");
    return `${kind} ${address},${bytes}`;
  });
const banner = fc.constantFrom("==1234== Lackey, an example Valgrind tool", "==", "==1== ");

describe("parseLackey", () => {
  test("reads what a naive parser reads", () => {
    const lines = fc.array(fc.oneof({ weight: 9, arbitrary: reference }, { weight: 1, arbitrary: banner }), {
      minLength: 1,
    });
    fc.assert(
      fc.property(lines, reference, fc.boolean(), (before, last, endsWithLineFeed) => {
        const text = [...before, last].join("\n") + (endsWithLineFeed ? "\n" : "");
        expect(touches(parseLackey(encode(text), "t"))).toEqual(parseNaively(text));
      }),
    );
  });

  test.each([
    ["no reference", "==1== only a banner\n", /^t: no memory reference in 20 bytes/],
    [
      "empty line",
      "I  10,1\n\nI  10,1\n",
      /^t:2:1 \(byte offset 8\): expected a line of .*; found the end of the line$/,
    ],
    ["garbage", "I  10,1\nhello\n", /^t:2:1 \(byte offset 8\): expected a line of .*; found "hello"$/],
    ["unknown kind", " X 10,1\n", /^t:1:1 \(byte offset 0\): expected a line of .*; found " X 10,1"$/],
    ["one space after I", "I 10,1\n", /^t:1:1 \(byte offset 0\): expected a line of/],
    ["0x", "I  0x10,1\n", /^t:1:5 \(byte offset 4\): expected a comma .* without 0x.*; found "x10,1"$/],
    ["no address", " L ,4\n", /^t:1:4 \(byte offset 3\): expected an address in hexadecimal .*; found ",4"$/],
    ["17 digits", " L 10000000000000000,4\n", /^t:1:4 \(byte offset 3\): expected an address of at most 16 hex/],
    ["no size", " S 10\n", /^t:1:6 \(byte offset 5\): expected a comma .*; found the end of the line$/],
    ["size 0", " S 10,0\n", /^t:1:7 \(byte offset 6\): expected a size of 1 to 4096 bytes .*; found "0"$/],
    ["negative size", " S 10,-4\n", /^t:1:7 \(byte offset 6\): expected a size .*; found "-4"$/],
    ["NaN", " S 10,NaN\n", /^t:1:7 \(byte offset 6\): expected a size .*; found "NaN"$/],
    ["size 4097", " S 10,4097\n", /^t:1:7 \(byte offset 6\): expected a size .*; found "4097"$/],
    [
      "cut in the address",
      "I  10,1\n M 04ab",
      /^t:2:8 \(byte offset 15\): expected a comma .*; found the end of the file$/,
    ],
    ["cut in the kind", "I  10,1\n M", /^t:2:1 \(byte offset 8\): expected a line of .*; found " M"$/],
    ["more after the size", "I  10,1 x\n", /^t:1:8 \(byte offset 7\): expected the end of the line .*; found " x"$/],
    ["CR LF", "I  10,1\r\n", /^t:1:8 \(byte offset 7\): the line ends with CR LF; expected LF alone/],
    ["control bytes", "\u0007\u0080\n", /found "\\x07\\xc2\\x80"$/],
    ["a long line", `${"y".repeat(99)}\n`, /found "y{40}\.\.\."$/],
  ])("refuses %s", (_, text, message) => {
    const parse = (): ReferenceTrace => parseLackey(encode(text), "t");
    expect(parse).toThrow(InputError);
    expect(parse).toThrow(message);
  });
});

test("a trace of many pages numbers them in order of first touch", () => {
  const builder = new ReferenceTraceBuilder();
  const expected = new Map<number, number>();
  const pages: number[] = [];
  for (let i = 0; i < 200_000; i++) {
    const number = ((i * 7919) % 30_011) * 2 ** 34 + (i % 3);
    if (!expected.has(number)) expected.set(number, expected.size);
    pages.push(expected.get(number) ?? -1);
    builder.add(0, number, false);
  }
  const trace = builder.finish();
  expect(expected.size).toBeGreaterThan(60_000);
  expect([...trace.pageNumbers]).toEqual([...expected.keys()]);
  expect(Array.from(trace.page)).toEqual(pages);
});
