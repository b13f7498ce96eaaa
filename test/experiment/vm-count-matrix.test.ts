import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cellKey, expandMatrix } from "../../src/experiment/cells.ts";
import { readMatrix } from "../../src/experiment/matrix.ts";
import { vmCountMatrix, vmCountStart } from "../../src/experiment/vm-count-matrix.ts";
import { settingsOfMix, vmsOfMix } from "../../src/experiment/workload-mix.ts";

const TEXT = `name: m
machines: [x]
seeds: 1..2
blocks:
  - name: b
    vmms: [esx, xen-pv]
    workloads: [typical-server]
    vms: [8]
    overcommit: [0.9, 2]
`;
const block = (lines: string): string => `name: m\nblocks:\n  - name: b\n    vmms: [esx]\n    machines: [x]\n${lines}`;
const problem = (lines: string) => () => readMatrix(block(lines), "m.yaml");
const HOST_PAGES = 2 * 262_144;
const pagesOf = (workload: string): number => (workload === "typical-server" ? 65_536 : 32_768);

describe("a mix of workloads", () => {
  const mixes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 2, maxLength: 5 });

  it("gives each workload its part of the VMs, to within one VM, for any number of VMs", () => {
    fc.assert(
      fc.property(mixes, fc.integer({ min: 0, max: 500 }), (parts, vms) => {
        const mix = parts.map((count, at) => ({ workload: `w${at}`, vms: count }));
        const total = parts.reduce((sum, count) => sum + count, 0);
        const counts = vmsOfMix(mix, vms);
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(vms);
        counts.forEach((count, at) => expect(Math.abs(count - (vms * parts[at]) / total)).toBeLessThan(1));
        expect(vmsOfMix(mix, total)).toEqual(parts);
      }),
    );
  });

  it("says of every VM but those of the first workload what it runs", () => {
    fc.assert(
      fc.property(mixes, fc.integer({ min: 1, max: 200 }), (parts, vms) => {
        const mix = parts.map((count, at) => ({ workload: `w${at}`, vms: count }));
        const runs = Array.from({ length: vms }, (_, vm) => {
          const own = settingsOfMix(mix, vms).filter(({ first, last }) => first <= vm && vm <= last);
          expect(own.length).toBeLessThanOrEqual(1);
          return own[0]?.workload ?? "w0";
        });
        const counts = mix.map(({ workload }) => runs.filter((name) => name === workload).length);
        expect(counts).toEqual(vmsOfMix(mix, vms));
      }),
    );
  });
});

describe("the matrix of a host of given memory", () => {
  const question = { hostPages: HOST_PAGES };
  const wanted = [
    { strategy: "esx", workload: "typical-server", vms: 8 },
    { strategy: "esx", workload: "typical-server", vms: 14 },
    { strategy: "xen-pv", workload: "typical-server", vms: 8 },
  ];

  it("runs each strategy with the numbers of VMs that it is wanted with, on the host and on one with memory for all", () => {
    const text = vmCountMatrix(TEXT, "m.yaml", question, wanted);
    const cells = expandMatrix(readMatrix(text, "m.yaml").matrix, pagesOf).filter(({ seed }) => seed === 1);
    const told = cells.map(({ vmm, vms, overcommit, hostPages }) => [vmm.label, vms, overcommit, hostPages]);
    expect(told).toEqual([
      ["esx", 8, 0.9, undefined],
      ["xen-pv", 8, 0.9, undefined],
      ["esx", 8, 1, HOST_PAGES],
      ["xen-pv", 8, 1, HOST_PAGES],
      ["esx", 14, 0.9, undefined],
      ["esx", 14, 1.75, HOST_PAGES],
    ]);
    // A cell on the host is another one than that at the same ratio.
    const inputs = { workload: "", machine: "", vmm: "" };
    const { hostPages: _, ...atRatio } = cells[2];
    expect(cellKey(cells[2], inputs)).not.toBe(cellKey(atRatio, inputs));
  });

  it("keeps a mix in its proportions", () => {
    const mix = [
      { workload: "typical-server", vms: 3 },
      { workload: "desktop-pool", vms: 1 },
    ];
    const text = vmCountMatrix(TEXT, "m.yaml", { ...question, mix }, [wanted[1]]);
    const cells = expandMatrix(readMatrix(text, "m.yaml").matrix, pagesOf);
    // 14 VMs: 10.5 and 3.5, of equal remainders the first.
    for (const { settings } of cells) expect(settings).toEqual([{ first: 11, last: 13, workload: "desktop-pool" }]);
    // 11 of 256 MiB and 3 of 128 MiB on 2 GiB.
    expect(new Set(cells.map(({ overcommit }) => overcommit))).toEqual(new Set([0.9, 1.5625]));
  });

  it("begins with how many VMs just fit", () => {
    const { strategies, workloads, contents } = vmCountStart(TEXT, "m.yaml", question);
    expect([...contents]).toEqual([["typical-server", 8]]);
    expect(strategies).toEqual(["esx", "xen-pv"]);
    expect(workloads).toEqual([{ workload: "typical-server", fit: 8 }]);
    expect(() => vmCountStart(TEXT, "m.yaml", { hostPages: 65_535 })).toThrow("one VM of typical-server has 256 MiB");
  });

  it("tells what does not go together in one", () => {
    expect(problem("    workloads: [w]\n    host-memory: [2GiB]\n")).toThrow("needs vms");
    expect(problem("    vms: [2]\n")).toThrow('is missing, and there is no "mix" in its place');
    expect(problem("    vms: [2]\n    workloads: [w]\n    mix: { w: 1, v: 1 }\n")).toThrow(
      "stands in place of workloads",
    );
    expect(problem("    vms: [2]\n    mix: { w: 1 }\n")).toThrow("expected two workloads or more");
    expect(problem("    workloads: [w]\n    vms: [2]\n    host-memory: [2GB]\n")).toThrow("did you mean 2GiB?");
  });
});
