import { afterEach, expect, it, vi } from "vitest";
import { validateCommand } from "../../src/cli/validate.ts";
import { validationText } from "../../src/cli/validation-text.ts";
import { loadAcceptedFigures } from "../../src/analysis/validation/accepted-figures.ts";
import type { ValidationSet } from "../../src/analysis/validation/validation-set.ts";
import { InputError } from "../../src/core/input-error.ts";
import { vmmbench } from "./vmmbench.ts";

const ESCAPE = "\u001b[";

afterEach(() => {
  vi.doUnmock("../../src/analysis/validation/registry.ts");
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

it("prints one JSON object and nothing else on standard output", async () => {
  const { code, stdout, stderr } = await vmmbench(["validate", "--source", "aa06", "--json"]);
  expect(code).toBe(0);
  const { rows, summary } = JSON.parse(stdout) as { rows: Record<string, unknown>[]; summary: object };
  expect(rows.find(({ id }) => id === "aa06.nano.syscall.native")).toMatchObject({ published: 242, unit: "cycles" });
  // Differences that the collection derives from a source are rows of that source.
  expect(rows.every(({ id }) => /^(aa06|derived)\./.test(String(id)))).toBe(true);
  expect(Object.keys(summary)).toEqual(["roles", "orderings", "freeParameters"]);
  expect(stderr).toMatch(/^aa06: \d+ figures of Adams/);
});

it("names a source once, whatever it is divided into, with the number of its figures", async () => {
  const { stdout, stderr } = await vmmbench(["validate", "--source", "ksm", "--json"]);
  const { rows } = JSON.parse(stdout) as { rows: unknown[] };
  expect(stderr.trim().split("\n")).toEqual([
    `ksm: ${rows.length} figures of Measured: KSM of Linux 6.18, on the memory of real guests`,
  ]);
});

it("says that there is no order to keep where no systems are compared, and shows no empty table", () => {
  const accepted = loadAcceptedFigures();
  const { freeParameters } = accepted.summary;
  const summary = { ...accepted.summary, orderings: [], freeParameters: { ...freeParameters, calibratedCosts: [] } };
  expect(validationText(accepted, false)).toMatch(/Of \d+ rows of the sources in which systems are compared/);
  expect(validationText(accepted, false)).toContain("Calibrated primitive costs of each VMM");
  const text = validationText({ ...accepted, summary }, false);
  expect(text).toContain("Orders of systems\nNo rows here compare systems, so that there is no order to keep.\n");
  expect(text).not.toContain("Calibrated primitive costs of each VMM");
});

it("prints a table without colours into a pipe", async () => {
  const { code, stdout } = await vmmbench(["validate", "--source", "aa06"]);
  expect(code).toBe(0);
  expect(stdout).not.toContain(ESCAPE);
  expect(stdout).toMatch(/aa06\.nano\.syscall\.native +nanobenchmark syscall, cost +242 +\d+ +cycles /);
  expect(stdout).toMatch(/The profiles of .+ have \d+ free parameters, \d+ numbers from sources and \d+ that follow/);
});

it("marks what misses in red on a terminal, and nothing else", () => {
  const accepted = loadAcceptedFigures();
  const lines = validationText(accepted, true).split("\n");
  const rowLines = lines.filter((line) =>
    accepted.rows.some(({ id }) => line.replace(`${ESCAPE}31m`, "").startsWith(id)),
  );
  expect(rowLines).toHaveLength(accepted.rows.length);
  for (const line of rowLines)
    expect(line.startsWith(`${ESCAPE}31m`), line).toBe(/ (error|bound|order)$/.test(line.replace(`${ESCAPE}39m`, "")));
  expect(validationText(accepted, false)).not.toContain(ESCAPE);
});

it("knows the nearest source to one that is misspelt", async () => {
  const { code, stdout, stderr } = await vmmbench(["validate", "--source", "xen3"]);
  expect([code, stdout, stderr]).toEqual([2, "", 'there is no source "xen3"; did you mean "xen03"?\n']);
  const both = await vmmbench(["validate", "--source", "xen03,xne03", "--source", "xen04"]);
  expect([both.code, both.stderr.trim().split("\n").length]).toEqual([2, 2]);
});

it("does not take an empty name for a source", async () => {
  for (const list of ["iso07,,xen03", "xen03,", ""]) {
    const { code, stdout, stderr } = await vmmbench(["validate", `--source=${list}`]);
    expect([code, stdout]).toEqual([2, ""]);
    if (list !== "")
      expect(stderr).toBe(`--source: a name is empty in "${list}"; expected names like --source xen03,iso07\n`);
  }
});

it("ends with 1 when a row cannot be simulated, and says why", async () => {
  const lacking: ValidationSet = {
    name: "xen03",
    source: "Barham et al. 2003",
    rows: [
      {
        id: "xen03.t3.xen.null-call",
        role: "prediction",
        simulate: () => {
          throw new InputError('machine "m" gives no costs.xen.hypercall');
        },
      },
    ],
  };
  vi.doMock("../../src/analysis/validation/registry.ts", () => ({ VALIDATION_SETS: [lacking] }));
  const written: string[] = [];
  vi.spyOn(process.stdout, "write").mockImplementation((text) => written.push(String(text)) > 0);
  vi.spyOn(console, "error").mockImplementation(() => {});
  await validateCommand.handler({ source: undefined, json: false, _: [], $0: "" });
  expect(process.exitCode).toBe(1);
  expect(written.join("")).toContain('not simulated: machine "m" gives no costs.xen.hypercall: xen03.t3.xen.null-call');
});
