/** Hosts on which one VM misbehaves, and what its neighbours lose; the fixture's figures are its own comments'. */
import { describe, expect, it } from "vitest";
import { isolationRows } from "../../src/analysis/isolation.ts";
import { groupTitle } from "../../src/analysis/vm-group-title.ts";
import { isolationSection } from "../../src/report/sections/isolation-section.ts";
import type { Run } from "../../src/report/load-run.ts";
import { isolationFixture } from "./fixture.ts";

const results = { name: "r", cells: isolationFixture() };
const rowsOf = (vmm: string, block: string) =>
  isolationRows(results).filter((row) => row.vmm === vmm && row.block === block);

describe("isolation", () => {
  it("tells the others and those with something particular apart, means over seeds", () => {
    const [others, hog] = rowsOf("esx", "bomb");
    expect([others.of, others.neighbours, hog.of, hog.neighbours]).toEqual(["the others", true, "VM 3", false]);
    expect([others.workload, others.fault, others.seeds]).toEqual(["w, with hog in VM 3", "hog in VM 3", 3]);
    // 3 * (11, 12, 13) ms, and half of 60 requests a second.
    expect(others.latencyP99Ms?.estimate).toBeCloseTo(36, 9);
    expect([others.throughputRps.estimate, hog.throughputRps.estimate]).toEqual([30, 0.5]);
  });

  it("holds neighbours against the same VMs where all are alike, seed by seed", () => {
    const factors = ["esx", "xen-pv"].map((vmm) => rowsOf(vmm, "bomb")[0].against);
    expect(factors[0]).toMatchObject({ lossPercent: { estimate: 50, n: 3 } });
    for (const [i, factor] of [3, 1.1].entries()) {
      expect(factors[i]?.p99Factor).toMatchObject({ n: 3 });
      const { p99Factor } = factors[i] ?? {};
      // The same factor under every seed: there is no doubt about it.
      if (typeof p99Factor === "object")
        for (const end of [p99Factor.estimate, p99Factor.low, p99Factor.high]) expect(end).toBeCloseTo(factor, 9);
    }
  });

  it("compares neither the host where all are alike nor a VM that does other work there", () => {
    expect(rowsOf("esx", "calm").map(({ against }) => against)).toEqual([undefined, undefined]);
    expect(rowsOf("esx", "bomb")[1].against).toBeUndefined();
  });

  it("says so where neighbours finish nothing", () => {
    const [others] = rowsOf("esx host swap alone", "bomb");
    expect(others.against).toMatchObject({ lossPercent: { estimate: 100 }, p99Factor: "no request is finished" });
    expect(others.latencyP99Ms).toBeUndefined();
    expect(JSON.parse(JSON.stringify(others))).toEqual(others);
  });

  it("is a section with a chart and a table of each block, or a sentence", () => {
    const { blocks } = isolationSection({ results } as unknown as Run);
    expect(blocks.map(({ kind }) => kind)).toEqual(["paragraph", "chart", "table", "table"]);
    const text = JSON.stringify(blocks[1]);
    expect(text).toContain("hog in VM 3, esx: 3.00 times.");
    expect(text).toContain("hog in VM 3, esx host swap alone: no request is finished.");
    expect(isolationSection({ results: { name: "r", cells: [] } } as unknown as Run).blocks).toHaveLength(1);
  });

  it.each([
    [{ first: 3, last: 3 }, "VM 3"],
    [{ first: 1, last: 3, workload: "hog" }, "hog in VMs 1 to 3"],
    [{ first: 0, last: 0, driver: { fromUs: "never" } } as const, "VM 0 with no balloon driver"],
    [
      { first: 0, last: 0, driver: { fromUs: 9e6, stuckFromUs: 4e7 } },
      "VM 0 with a balloon driver that starts at 9 s, its balloon driver stuck from 40 s on",
    ],
    [
      { first: 0, last: 0, driver: { pagesPerSecond: 64 }, memory: {} },
      "VM 0 with memory settings of its own, a balloon driver of 64 pages/s",
    ],
    [{ first: 0, last: 0, statistics: { missing: true } } as const, "VM 0 with no statistics"],
    [
      { first: 0, last: 0, statistics: { staleFromUs: 5e5, delayUs: 3e7, overstatedPages: 384 } },
      "VM 0 with statistics that stay as at 0.5 s, statistics 30 s old, statistics of 1.5 MiB too much",
    ],
  ])("says in words what is particular: %j", (group, title) => {
    expect(groupTitle(group)).toBe(title);
  });
});
