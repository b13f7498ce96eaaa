/** Costs that a machine profile gives as figures of the bare machine. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { InputError } from "../../src/core/input-error.ts";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import { chosenBenchmarks } from "../../src/experiment/operation-table.ts";
import { measureMicrobenchmark } from "../../src/sim/microbenchmarks/microbenchmark.ts";
import { native } from "../../src/vmm/native.ts";

const folder = mkdtempSync(join(tmpdir(), "vmmbench-native-"));
afterAll(() => rmSync(folder, { recursive: true }));

const XEON = readFileSync("machines/xeon-2.4-sosp03.yaml", "utf8");

function write(contents: string): string {
  const path = join(folder, "xeon.yaml");
  writeFileSync(path, contents);
  return path;
}

function problems(contents: string): string {
  try {
    loadMachine(write(contents));
  } catch (error) {
    if (error instanceof InputError) return error.problems.join("\n");
    throw error;
  }
  return "";
}

describe("native figures", () => {
  test("of an SMP kernel contain its locks, which are no part of the length of a path", () => {
    const smp = readFileSync("machines/xeon-2.4-sosp03-smp.yaml", "utf8");
    const figure = "kernel-paths:\n  syscall-null: { native: 0.53us, operation: null-call, source: S }";
    const { profile } = loadMachine(write(smp.replace("kernel-paths: {}", figure)));
    const before = loadMachine("machines/xeon-2.4-sosp03.yaml").profile;
    // 0.08 us are 192 cycles, and a null call has one barrier of 120.
    expect(profile.kernelPaths["syscall-null"] - before.kernelPaths["syscall-null"]).toBe(192 - 120);
    expect(profile.kernelPaths["syscall-null-io"]).toBe(before.kernelPaths["syscall-null-io"]);
  });

  test("leave the lengths of the kernel paths, whatever they are", () => {
    const doubled = XEON.replace("native: 1.28us", "native: 2.56us").replace("native: 66us", "native: 99us");
    const before = loadMachine("machines/xeon-2.4-sosp03.yaml").profile;
    const after = loadMachine(write(doubled)).profile;
    // 1.28 us are 3072 cycles. Three pages are written: 33 us are 79200 cycles for them.
    expect(after.kernelPaths["syscall-stat"] - before.kernelPaths["syscall-stat"]).toBe(3072);
    expect(after.kernelPaths["write-file-page"] - before.kernelPaths["write-file-page"]).toBe(26_400);
    expect(after.costs).toEqual(before.costs);
    const figures = [...XEON.matchAll(/native: ([0-9.]+)us, operation: ([^,]+),/g)];
    expect(figures.length).toBeGreaterThan(15);
    for (const [, microseconds, operation] of figures) {
      const [benchmark] = chosenBenchmarks(before, [operation]);
      const { cost } = measureMicrobenchmark(benchmark, native, before);
      // A path is a whole number of cycles, of which an operation takes three at most.
      expect(Math.abs(cost - Number(microseconds) * before.megahertz), operation).toBeLessThan(1.5);
    }
  });

  const figures: readonly (readonly [string, string, string, string])[] = [
    [
      "that are less than all else costs",
      "native: 0.45us",
      "native: 0.1us",
      // The system call, and two calls that return, as counted: 889 + 2 x 4.
      "kernel-paths.syscall-null: null-call takes 897 cycles without it, more than 0.1us",
    ],
    ["of an operation that there is not", "operation: null-call", "operation: nul-call", 'did you mean "null-call"?'],
    ["of an operation that is not charged the path", "operation: null-call", "operation: divzero", "is not charged"],
    ["that need one that comes later", "operation: null-call", "operation: null-io", "lacks kernel-paths"],
    [
      "that are no time",
      "native: 0.45us",
      "native: 0.45",
      '"0.45" is no figure; expected one like 1.42us or 1093cycles',
    ],
  ];
  test.each(figures)("%s are refused", (_, from, to, expected) => {
    expect(problems(XEON.replace(from, to))).toContain(expected);
  });
});
