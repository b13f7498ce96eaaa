import { existsSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkFile } from "../../src/experiment/check-file.ts";
import { readInputFile } from "../../src/experiment/input-files.ts";
import { PAGES_PER_WINDOW, parseTouchedPages, TouchKind } from "../../src/workload/readers/touched-pages.ts";
import { hasTouchedPages, readJson, touchedPages, type TouchesTruth } from "./data-files.ts";

describe("parseTouchedPages", () => {
  test("reads windows wherever the bytes start in their buffer", () => {
    const touch = fc.tuple(fc.nat(3 * PAGES_PER_WINDOW - 1), fc.integer({ min: 1, max: 7 }));
    fc.assert(
      fc.property(fc.array(touch), fc.nat(15), (touches, offset) => {
        const bytes = new Uint8Array(offset + 3 * PAGES_PER_WINDOW).subarray(offset);
        for (const [at, kinds] of touches) bytes[at] = kinds;
        const windows = parseTouchedPages(bytes, "x");
        expect(windows.map((window) => window.length)).toEqual([PAGES_PER_WINDOW, PAGES_PER_WINDOW, PAGES_PER_WINDOW]);
        for (const [at, kinds] of new Map(touches)) {
          expect(windows[Math.floor(at / PAGES_PER_WINDOW)][at % PAGES_PER_WINDOW]).toBe(kinds);
        }
      }),
      { numRuns: 20 },
    );
  });

  test.each([
    [0, "vm.touch: byte offset 0: no windows"],
    [7, "vm.touch: byte offset 0: the last window has 7 of 65536 bytes"],
    [2 * PAGES_PER_WINDOW + 3, "vm.touch: byte offset 131072: the last window has 3 of 65536 bytes"],
  ])("refuses %i bytes", (size, message) => {
    expect(() => parseTouchedPages(new Uint8Array(size), "vm.touch")).toThrow(message);
  });

  test("refuses unknown bits", () => {
    const bytes = new Uint8Array(PAGES_PER_WINDOW);
    bytes[4711] = 8;
    expect(() => parseTouchedPages(bytes, "vm.touch")).toThrow("vm.touch: byte offset 4711: expected a sum of");
  });
});

describe.skipIf(!hasTouchedPages)("pages that real guests touched (needs the full collection)", () => {
  const { guests } = hasTouchedPages ? readJson<TouchesTruth>(join(touchedPages, "ground-truth.json")) : { guests: {} };

  test.each(Object.entries(guests))("%s: every count is the published one", async (_, guest) => {
    const path = join(touchedPages, guest.file);
    expect(existsSync(path)).toBe(true);
    const windows = parseTouchedPages(readInputFile(path).bytes, path);
    expect(await checkFile(path)).toBe(`touched pages of ${guest.windows_5s.length} windows`);
    for (const [i, { touched, read, written, executed }] of guest.windows_5s.entries()) {
      const all = TouchKind.Read | TouchKind.Write | TouchKind.Execute;
      const counts = [all, TouchKind.Read, TouchKind.Write, TouchKind.Execute].map((kinds) => count(windows[i], kinds));
      expect(counts).toEqual([touched, read, written, executed]);
    }
    const ever = windows[0].map((_, page) => windows.reduce((kinds, window) => kinds | window[page], 0));
    expect(count(ever, TouchKind.Write)).toBe(guest.whole_120s.written);
    expect(ever.filter((kinds) => kinds !== 0)).toHaveLength(guest.whole_120s.touched);
  });
});

function count(window: Uint8Array, kinds: number): number {
  return window.reduce((sum, byte) => sum + ((byte & kinds) === 0 ? 0 : 1), 0);
}
