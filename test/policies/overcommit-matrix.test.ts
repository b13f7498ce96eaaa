import { describe, expect, it } from "vitest";
import { readFileSync } from "node:fs";
import { readMatrix } from "../../src/experiment/matrix.ts";
import { overcommitMatrix } from "../../src/experiment/overcommit-matrix.ts";

const FILE = "experiments/overcommit.yaml";

describe("the overcommit comparison", () => {
  it("takes policies as further strategies, files by the name of the file", () => {
    const text = overcommitMatrix(readFileSync(FILE, "utf8"), FILE, {
      strategies: ["esx"],
      policies: { vmm: "xen-hvm", names: ["squeezed", "../mine/greedy.js"] },
    });
    const [{ vmms }] = readMatrix(text, FILE).matrix.blocks;
    expect(vmms.map(({ base, label, set }) => [base, label, set])).toEqual([
      ["esx", "esx", {}],
      ["xen-hvm", "squeezed", { allocation: "squeezed" }],
      ["xen-hvm", "greedy", { allocation: "../mine/greedy.js" }],
    ]);
  });
});
