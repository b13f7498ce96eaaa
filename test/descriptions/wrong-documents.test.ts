/** Slips that a person makes once, and the one sentence that says which. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { InputError } from "../../src/core/input-error.ts";
import { loadWorkload } from "../../src/experiment/documents/load.ts";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import { readMatrix } from "../../src/experiment/matrix.ts";

const work = mkdtempSync(join(tmpdir(), "wrong-documents-"));
afterAll(() => rmSync(work, { recursive: true, force: true }));

function problems(read: () => unknown): readonly string[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof InputError) return error.problems;
    throw error;
  }
}

const MACHINE = "machines/xeon-2.4-sosp03.yaml";
const WORKLOAD = "workloads/compute.yaml";
const MATRIX = "experiments/smoke.yaml";
const matrixProblems = (file: string): readonly string[] =>
  problems(() => readMatrix(readFileSync(file, "utf8"), file));

describe("a file of another kind", () => {
  it.each([
    ["a workload for a matrix", () => matrixProblems(WORKLOAD), "expected a matrix, found a workload"],
    ["a machine for a matrix", () => matrixProblems(MACHINE), "expected a matrix, found a machine"],
    ["a matrix for a machine", () => problems(() => loadMachine(MATRIX)), "expected a machine, found a matrix"],
    ["a machine for a workload", () => problems(() => loadWorkload(MACHINE)), "expected a workload, found a machine"],
  ])("%s is one problem, with where it belongs", (_, read, expected) => {
    const found = read();
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^[\w./-]+\.yaml:1:1: /);
    expect(found[0]).toContain(expected);
    expect(found[0]).toMatch(/; (a matrix names it under (machines|workloads)|vmmbench run takes it)/);
  });
});

it("is still the kind that most of its keys are of when a key of another kind strays in", () => {
  const file = join(work, "stray.yaml");
  writeFileSync(file, `${readFileSync(WORKLOAD, "utf8")}\ncosts: {}\n`);
  const found = problems(() => loadWorkload(file));
  expect(found).toHaveLength(1);
  expect(found[0]).toContain('"costs"');
  expect(found[0]).not.toContain("found a machine");
});

/** A machine on the base of another one, with these costs. */
function machine(costs: string): string {
  const file = join(work, "mine.yaml");
  const given = readFileSync(MACHINE, "utf8");
  const part = (key: string): string => new RegExp(`^${key}:.*(\\n +.*)*`, "m").exec(given)?.[0] ?? "";
  const head = `name: mine\ntitle: mine\nbase: xeon-2.4-sosp03\nkernel: linux-2.4\npage-table: ia32\n`;
  writeFileSync(file, `${head}${part("cpu")}\n${part("tlb")}\ncosts: ${costs}\nkernel-paths: {}\n`);
  return file;
}

const told = (costs: string): readonly string[] =>
  problems(() => loadMachine(machine(costs))).map((sentence) => sentence.replace(/^.*?:\d+:\d+: /, ""));

describe("costs of a machine", () => {
  it("are right as a mapping with unit and source", () => {
    expect(told("{ hardware.trap: { value: 5, unit: cycles, kind: assumed, source: us } }")).toEqual([]);
  });

  it("nested by group are told their whole names, once", () => {
    const nested = "{ value: 5, unit: cycles, kind: assumed, source: us }";
    const [problem, ...others] = told(`{ hardware: { trap: ${nested}, exception: ${nested} } }`);
    expect(others).toEqual([]);
    expect(problem).toMatch(/^costs: "hardware" is a group of costs; expected whole names, such as hardware\.[a-z-]+$/);
  });

  it("that are bare numbers are told what goes with them", () => {
    expect(told("{ hardware.trap: 5 }")).toEqual([
      "costs.hardware.trap: expected a figure with its unit and source, such as { value: 5, unit: cycles, kind: assumed, source: our server }, found 5",
    ]);
  });
});

const matrix = (vmms: string): readonly string[] => {
  const text = `name: m\nblocks:\n  - name: b\n    vmms: [${vmms}]\n    workloads: [compute]\n    machines: [x86-64-server]\n    seeds: [1]\n`;
  return problems(() => readMatrix(text, "m.yaml"));
};

describe("a value of no form that is expected", () => {
  it("is named once, after all forms", () => {
    expect(matrix("[esx]")).toEqual(["m.yaml:4:12: blocks[0].vmms[0]: expected text or a mapping, found a list"]);
  });

  it("is shown by its beginning where it is long: a file that is no YAML is one long text", () => {
    const text = "no description at all, but ".repeat(40);
    const [problem, ...others] = problems(() => readMatrix(text, "m.yaml"));
    expect(others).toEqual([]);
    expect(problem).toContain('expected a mapping, found "no description at all, but ');
    expect(problem).toContain(`(${text.trim().length} characters)`);
    expect(problem.length).toBeLessThan(200);
  });
});
