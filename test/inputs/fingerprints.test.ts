import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseFingerprints } from "../../src/workload/readers/fingerprints.ts";

describe("parseFingerprints", () => {
  test("reads little-endian numbers wherever the bytes start in their buffer", () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt(0n, 2n ** 64n - 1n), { minLength: 1 }), fc.nat(15), (numbers, offset) => {
        const view = new DataView(new ArrayBuffer(offset + numbers.length * 8));
        numbers.forEach((number, index) => view.setBigUint64(offset + index * 8, number, true));
        expect([...parseFingerprints(new Uint8Array(view.buffer, offset), "x")]).toEqual(numbers);
      }),
    );
  });

  test.each([
    [0, "vm.fp: byte offset 0: no fingerprints"],
    [1, "vm.fp: byte offset 0: the last fingerprint has 1 of 8 bytes; expected a file of 8 bytes a page, found 1 byte"],
    [7, "vm.fp: byte offset 0: the last fingerprint has 7 of 8 bytes"],
    [8 * 65536 + 3, "vm.fp: byte offset 524288: the last fingerprint has 3 of 8 bytes"],
  ])("refuses %i bytes", (size, message) => {
    expect(() => parseFingerprints(new Uint8Array(size), "vm.fp")).toThrow(message);
  });

  test("refuses a text file", () => {
    const text = new TextEncoder().encode("I  0401ab70,3\n".repeat(8));
    expect(() => parseFingerprints(text, "vm.fp")).toThrow("vm.fp: byte offset 0: is a text file");
  });
});
