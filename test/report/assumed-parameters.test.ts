import { describe, expect, it } from "vitest";
import { planMatrix } from "../../src/experiment/plan.ts";
import { assumedParameters } from "../../src/report/sections/assumed-parameters.ts";

const MATRIX = `name: m
machines: [xeon-2.4-sosp03]
seeds: [1]
blocks:
  - name: b
    vmms: [esx, esx-6, xen-pv, { esx-6: { allocation.highPercent: 300, allocation.slowGain: 0.3 }, as: other }]
    workloads: [typical-server]
    vms: [4]
    overcommit: [0.9, 2]
  - name: c
    vmms: [{ esx: { allocation.slowGain: 0.46 }, as: esx }]
    workloads: [typical-server]
    vms: [4]
    overcommit: [0.9, 2]
    varies: { block: b, input: activity averages, side: higher, from: "0.23", to: "0.46" }
`;

async function rows(): Promise<readonly (readonly unknown[])[]> {
  const { manifest } = await planMatrix(MATRIX, "m.yaml");
  const [table, ...others] = assumedParameters(manifest.blocks);
  expect(others).toEqual([]);
  return table.kind === "table" ? table.rows : [];
}

describe("numbers of VMMs that no source gives", () => {
  it("are in the report with their values, whose they are, and what they rest on", async () => {
    const shares = (await rows()).filter(([name]) => String(name).startsWith("allocation.proportional-shares."));
    const gain = "allocation.proportional-shares.slowGain";
    const high = "allocation.proportional-shares.highPercent";
    expect(shares.filter(([name]) => name === gain || name === high)).toEqual([
      [gain, 0.23, "1", "esx, esx-6", expect.stringContaining("not published")],
      [high, 400, "%", "esx, esx-6", expect.stringContaining("300")],
      [gain, 0.3, "1", "other", "set for this VMM"],
      [high, 300, "%", "other", "set for this VMM"],
    ]);
    const hysteresis = shares.filter(([name]) => String(name).endsWith(".hysteresisPercent"));
    expect(hysteresis.map(([, value, , vmms]) => [value, vmms])).toEqual([[8, "all with the part"]]);
    const names = new Set(shares.map(([name]) => String(name).split(".")[2]));
    expect(names).toEqual(
      new Set(["slowGain", "fastGain", "hysteresisPercent", "highPercent", "pageOutPagesPerSecond"]),
    );
  });

  it("leave out what a source gives, and inputs that are varied", async () => {
    const all = await rows();
    expect(all.some(([name]) => String(name).endsWith("idleMemoryTax"))).toBe(false);
    expect(all.some(([, value]) => value === 0.46)).toBe(false);
    expect(assumedParameters([])).toEqual([]);
  });
});
