import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InputError } from "../../src/core/input-error.ts";
import { cellKey, expandMatrix } from "../../src/experiment/cells.ts";
import { readMatrix } from "../../src/experiment/matrix.ts";

const block = (rest: string): string => `name: m\nblocks:\n  - name: b\n${rest.replace(/^/gm, "    ")}\n`;
const read = (text: string) => readMatrix(text, "m.yaml").matrix;
const problemsOf = (text: string): readonly string[] => {
  try {
    readMatrix(text, "m.yaml");
  } catch (error) {
    if (error instanceof InputError) return error.problems;
    throw error;
  }
  return [];
};

const list = (n: number, item: (i: number) => string | number): string =>
  `[${Array.from({ length: n }, (_, i) => item(i)).join(", ")}]`;
const excluded = (cell: string): boolean => /^native . . 8$/.test(cell) || / a 2 /.test(cell);

describe("a matrix", () => {
  it("expands to the product of its axes, each combination once", () => {
    const count = fc.integer({ min: 1, max: 4 });
    fc.assert(
      fc.property(count, count, count, count, count, (vmms, workloads, seeds, vms, ratios) => {
        const text = block(
          `vmms: ${list(vmms, (i) => `v${i}`)}\nworkloads: ${list(workloads, (i) => `w${i}`)}\nmachines: [m]\n` +
            `seeds: 1..${seeds}\nvms: ${list(vms, (i) => i + 1)}\novercommit: ${list(ratios, (i) => 1 + i / 4)}`,
        );
        const cells = expandMatrix(read(text));
        expect(cells).toHaveLength(vmms * workloads * seeds * vms * ratios);
        expect(new Set(cells.map((cell) => JSON.stringify(cell))).size).toBe(cells.length);
      }),
      { numRuns: 30 },
    );
  });

  it("leaves out what is excluded, and only that", () => {
    const text = block(
      "vmms: [native, esx]\nworkloads: [a, b]\nmachines: [m]\nseeds: [1, 2]\nvms: [1, 8]\nexclude: [{ vmm: native, vms: 8 }, { workload: [a], seed: 2 }]",
    );
    const left = expandMatrix(read(text)).map(
      ({ vmm, workload, seed, vms }) => `${vmm.label} ${workload} ${seed} ${vms}`,
    );
    const all = ["native", "esx"].flatMap((v) =>
      ["a", "b"].flatMap((w) => [1, 2].flatMap((s) => [1, 8].map((n) => `${v} ${w} ${s} ${n}`))),
    );
    expect(left.toSorted()).toEqual(all.filter((cell) => !excluded(cell)).toSorted());
  });

  it("runs one guest with every trap where no number of VMs is given", () => {
    const cells = expandMatrix(read(block("vmms: [esx]\nworkloads: [a]\nmachines: [m]\nseeds: [7]")));
    expect(cells).toEqual([
      { block: "b", vmm: { base: "esx", set: {}, label: "esx" }, workload: "a", machine: "m", seed: 7 },
    ]);
  });

  it("takes machines and seeds from the top where a block gives none", () => {
    const text = "name: m\nmachines: [top]\nseeds: 4..5\nblocks:\n  - { name: b, vmms: [esx], workloads: [a] }\n";
    expect(expandMatrix(read(text)).map(({ machine, seed }) => [machine, seed])).toEqual([
      ["top", 4],
      ["top", 5],
    ]);
  });

  it("names a changed VMM after its changes unless it gets a name", () => {
    const text = block(
      "vmms: [{ esx: { memory.page-sharing: off } }, { esx: { memory.page-sharing: off }, as: lonely }]\nworkloads: [a]\nmachines: [m]",
    );
    expect(read(text).blocks[0].vmms).toEqual([
      { base: "esx", set: { "memory.page-sharing": "off" }, label: "esx (memory.page-sharing: off)" },
      { base: "esx", set: { "memory.page-sharing": "off" }, label: "lonely" },
    ]);
  });
});

describe("a wrong matrix", () => {
  for (const seed of ["99999999999", "99999999999999999999"]) {
    it(`is told once that the seed ${seed} is too large`, () => {
      const written = `vmms: [esx]\nworkloads: [a]\nmachines: [m]\nseeds: [${seed}]`;
      const sentence = `${Number(seed)} is too large; expected at most 4294967295`;
      expect(problemsOf(block(written))).toEqual([`m.yaml:7:13: blocks[0].seeds[0]: ${sentence}`]);
    });
  }

  const good = "vmms: [native, esx]\nworkloads: [a]\nmachines: [m]\nseeds: [1]";
  const cases: readonly [string, string, string][] = [
    [
      "an unknown key",
      good.replace("workloads", "worklods"),
      'm.yaml:5:5: blocks[0]: unknown key "worklods"; did you mean "workloads"?',
    ],
    ["a duplicate VMM", good.replace("esx]", "native]"), 'm.yaml:4:20: blocks[0].vmms[1]: duplicate "native"'],
    ["a duplicate workload", good.replace("[a]", "[a, a]"), 'm.yaml:5:20: blocks[0].workloads[1]: duplicate "a"'],
    ["a number of VMs that isn't one", `${good}\nvms: [.nan]`, "m.yaml:8:11: blocks[0].vms[0]: "],
    ["a negative number of VMs", `${good}\nvms: [-2]`, "m.yaml:8:11: blocks[0].vms[0]: -2 is too small"],
    ["overcommit without VMs", `${good}\novercommit: [1.5]`, "m.yaml:8:17: blocks[0].overcommit: needs vms"],
    [
      "an exclusion of nothing",
      `${good}\nexclude: [{ vmm: exs }]`,
      'm.yaml:8:22: blocks[0].exclude[0].vmm: "exs" is not in this block; did you mean "esx"?',
    ],
    [
      "seeds that are no range",
      good.replace("[1]", "3..1"),
      'm.yaml:7:12: blocks[0].seeds: "3..1" is not a range of seeds',
    ],
    [
      "two VMMs in one entry",
      good.replace("esx]", "{ esx: {}, kvm: {} }]"),
      "m.yaml:4:20: blocks[0].vmms[1]: expected one VMM and its changes",
    ],
    ["no VMM", good.replace("[native, esx]", "[]"), "m.yaml:4:11: blocks[0].vmms: a list of 0 is too small"],
    ["no machine", good.replace("machines: [m]\n", ""), 'the key "machines" is missing'],
  ];
  for (const [what, rest, expected] of cases) {
    it(`says where and what: ${what}`, () => {
      const problems = problemsOf(block(rest));
      expect(problems.join("\n")).toContain(expected);
      for (const problem of problems) expect(problem).toMatch(/^m\.yaml:\d+:\d+: [^\n]+$/);
    });
  }

  it("gives all problems at once", () => {
    expect(problemsOf(block(good.replace("[a]", "[a, a]").replace("esx]", "native]")))).toHaveLength(2);
  });

  it("finds two blocks of one name", () => {
    const twice = `${block(good)}  - name: b\n${good.replace(/^/gm, "    ")}\n`;
    expect(problemsOf(twice)).toEqual(['m.yaml:8:5: blocks[1]: duplicate "b" as the name of a block']);
  });
});

describe("the key of a cell", () => {
  const spec = { block: "b", vmm: { base: "esx", set: {}, label: "esx" }, workload: "a", machine: "m", seed: 1 };
  const inputs = { workload: "w", machine: "h", vmm: "v" };

  it("is the same for the same inputs, whatever the order of their keys", () => {
    const changed = { ...spec, vmm: { ...spec.vmm, set: { a: 1, b: 2 } } };
    const reordered = {
      seed: 1,
      machine: "m",
      workload: "a",
      vmm: { label: "esx", set: { b: 2, a: 1 }, base: "esx" },
      block: "b",
    };
    expect(cellKey(reordered, { vmm: "v", machine: "h", workload: "w" })).toBe(cellKey(changed, inputs));
    expect(cellKey(spec, inputs)).toMatch(/^[0-9a-f]{64}$/);
  });

  it("differs when anything in the spec or behind it does", () => {
    const vmm = (change: object) => ({ ...spec, vmm: { ...spec.vmm, ...change } });
    const keys = [
      cellKey(spec, inputs),
      ...[{ block: "c" }, { workload: "b" }, { machine: "n" }, { seed: 2 }, { vms: 1 }, { overcommit: 1 }].map(
        (change) => cellKey({ ...spec, ...change }, inputs),
      ),
      ...[{ base: "kvm" }, { set: { x: 1 } }, { label: "other" }].map((change) => cellKey(vmm(change), inputs)),
      ...[{ workload: "x" }, { machine: "x" }, { vmm: "x" }].map((change) => cellKey(spec, { ...inputs, ...change })),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });
});
