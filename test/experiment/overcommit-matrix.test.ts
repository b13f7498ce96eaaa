import { describe, expect, it } from "vitest";
import { expandMatrix } from "../../src/experiment/cells.ts";
import { readMatrix } from "../../src/experiment/matrix.ts";
import { overcommitMatrix } from "../../src/experiment/overcommit-matrix.ts";

const TEXT = `name: m
machines: [x]
seeds: 1..2
blocks:
  - name: b
    vmms: [esx, xen-pv]
    workloads: [w, v]
    vms: [4, 8]
    overcommit: [0.9, 2]
`;

describe("the matrix of an overcommit question", () => {
  it("adds a ratio for whoever is searched there, and for nobody else", () => {
    const further = [
      { block: "b", strategy: "esx", workload: "w", vms: 8, ratio: 1.45 },
      { block: "b", strategy: "xen-pv", workload: "v", vms: 4, ratio: 1.45 },
      { block: "b", strategy: "esx", workload: "w", vms: 8, ratio: 1.7 },
    ];
    const cells = expandMatrix(readMatrix(overcommitMatrix(TEXT, "m.yaml", { further }), "m.yaml").matrix);
    const added = cells.filter(({ overcommit }) => overcommit !== 0.9 && overcommit !== 2);
    const text = added.map(({ vmm, workload, vms, overcommit, seed }) =>
      [vmm.label, workload, vms, overcommit, seed].join(" "),
    );
    expect(text.sort()).toEqual([
      "esx w 8 1.45 1",
      "esx w 8 1.45 2",
      "esx w 8 1.7 1",
      "esx w 8 1.7 2",
      "xen-pv v 4 1.45 1",
      "xen-pv v 4 1.45 2",
    ]);
    expect(cells).toHaveLength(2 * 2 * 2 * 2 * 2 + added.length);
  });

  it("carries the service level, so that a report of the run judges by it", () => {
    const text = overcommitMatrix(TEXT, "m.yaml", { serviceLevel: { metric: "p99", bound: 1.5 } });
    expect(readMatrix(text, "m.yaml").matrix.serviceLevel).toEqual({ metric: "p99", bound: 1.5 });
    expect(() => readMatrix(`${TEXT}service-level: { p99: 0.5 }\n`, "m.yaml")).toThrow("service-level");
  });
});
