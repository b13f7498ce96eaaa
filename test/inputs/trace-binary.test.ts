import * as fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { InputError } from "../../src/core/input-error.ts";
import { digestBytes } from "../../src/core/digest.ts";
import { readTrace } from "../../src/workload/readers/trace.ts";
import { isBinaryTrace, readBinaryTrace, writeBinaryTrace } from "../../src/workload/readers/trace-binary.ts";
import { ReferenceTraceBuilder, referenceCount } from "../../src/workload/reference-trace.ts";
import type { ReferenceTrace } from "../../src/workload/reference-trace.ts";

const HEADER = 56;

function build(references: readonly { kind: number; page: number; straddles: boolean }[]): ReferenceTrace {
  const builder = new ReferenceTraceBuilder();
  for (const { kind, page, straddles } of references) builder.add(kind, page, straddles);
  return builder.finish();
}

const reference = fc.record({
  kind: fc.nat({ max: 3 }),
  page: fc.oneof(fc.nat({ max: 20 }), fc.integer({ min: 2 ** 52 - 10, max: 2 ** 52 - 1 })),
  straddles: fc.boolean(),
});

it("gives back the trace that was written", () => {
  fc.assert(
    fc.property(fc.array(reference, { minLength: 1, maxLength: 200 }), (references) => {
      const trace = build(references);
      const bytes = writeBinaryTrace(trace);
      expect(readTrace(bytes, "t")).toEqual(trace);
      expect(referenceCount(trace)).toBe(references.length);
      // Where the bytes lie in memory is no matter: files are parts of larger buffers.
      const moved = new Uint8Array(bytes.length + 3).subarray(3);
      moved.set(bytes);
      expect(readBinaryTrace(moved, "t")).toEqual(trace);
    }),
  );
});

it("is as documented, byte for byte", () => {
  const trace = build([{ kind: 3, page: 0x7fff1, straddles: true }]);
  // 0x7fff1 and 0x7fff2 as 64-bit floating-point numbers (IEEE 754), lowest byte first.
  const pages = [
    [0, 0, 0, 0, 0xc4, 0xff, 0x1f, 0x41],
    [0, 0, 0, 0, 0xc8, 0xff, 0x1f, 0x41],
  ];
  // Page 0, modify; page 1, modify, second page of the reference.
  const touches = [
    [3, 0, 0, 0],
    [15, 0, 0, 0],
  ];
  const body = Uint8Array.from([...pages, ...touches].flat());
  const header = [...new TextEncoder().encode("vmmtrace"), 1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0];
  expect([...writeBinaryTrace(trace)]).toEqual([...header, ...digestBytes(body), ...body]);
});

describe("a file", () => {
  const whole = writeBinaryTrace(build([0, 0, 1].map((page, kind) => ({ kind, page, straddles: kind === 1 }))));
  const touchesAt = HEADER + 2 * 8;

  /** Changed at a place in its body, with the SHA-256 that fits what it has become. */
  function changed(at: number, bytes: readonly number[]): Uint8Array {
    const file = whole.slice();
    file.set(bytes, at);
    file.set(digestBytes(file.subarray(HEADER)), 24);
    return file;
  }

  test.each([
    ["text", new TextEncoder().encode("I  10,1\n"), /^t: byte offset 0: expected the letters vmmtrace$/],
    ["cut in the header", whole.slice(0, 30), /^t: byte offset 30: .* truncated: expected 56 bytes, found 30$/],
    ["cut by one byte", whole.slice(0, -1), /^t: byte offset 87: .* truncated: expected 88 bytes, found 87$/],
    ["with more behind", new Uint8Array([...whole, 0]), /^t: byte offset 88: there is more than the trace/],
    ["of another version", changed(8, [2]), /^t: byte offset 8: version 2 of the format; expected version 1$/],
    ["damaged", whole.with(HEADER + 1, 7), /^t: byte offset 24: the SHA-256 does not fit/],
    ["empty", writeBinaryTrace(build([])), /^t: no memory reference/],
    // 64-bit floating point: NaN, 0.5, -1 and 2^53.
    [
      "with NaN for a page",
      changed(HEADER, [0, 0, 0, 0, 0, 0, 0xf8, 0x7f]),
      /offset 56: expected a page number, found NaN/,
    ],
    [
      "with half a page",
      changed(HEADER, [0, 0, 0, 0, 0, 0, 0xe0, 0x3f]),
      /offset 56: expected a page number, found 0.5/,
    ],
    [
      "with page -1",
      changed(HEADER + 8, [0, 0, 0, 0, 0, 0, 0xf0, 0xbf]),
      /offset 64: expected a page number, found -1/,
    ],
    [
      "with page 2^53",
      changed(HEADER + 8, [0, 0, 0, 0, 0, 0, 0x40, 0x43]),
      /offset 64: expected a page number, found 9007/,
    ],
    [
      "with pages out of order",
      changed(touchesAt, [1 << 3]),
      /offset 72: touch of page 1: expected one of 0 pages so far/,
    ],
    ["with a page too many", changed(touchesAt + 12, [2 << 3]), /offset 84: touch of page 2: expected one of 2 pages/],
    ["with a second page alone", changed(touchesAt, [4]), /offset 72: touch of page 0: expected the first page of/],
    ["with a second page of another kind", changed(touchesAt + 8, [(1 << 3) | 6]), /offset 80: .* the first page of/],
    ["with a page that is not touched", changed(touchesAt + 8, [0, 0, 0, 0, 0]), /^t: 2 pages, 1 of them touched/],
  ])("%s is refused", (_, bytes, message) => {
    const read = (): unknown => readBinaryTrace(bytes, "t");
    expect(read).toThrow(InputError);
    expect(read).toThrow(message);
  });

  it("is told from text by its first bytes, whatever follows them", () => {
    expect(isBinaryTrace(whole.slice(0, 8))).toBe(true);
    expect(isBinaryTrace(whole.slice(0, 7))).toBe(false);
    expect(readTrace(new TextEncoder().encode("I  10,1\n"), "t").length).toBe(1);
    expect(() => readTrace(whole.slice(0, 20), "t")).toThrow("truncated");
  });

  it("damaged anywhere is refused", () => {
    fc.assert(
      fc.property(fc.nat({ max: whole.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, by) => {
        expect(() => readTrace(whole.with(at, whole[at] ^ by), "t")).toThrow(InputError);
      }),
    );
  });
});
