import { describe, expect, it } from "vitest";
import { esx02Sharing } from "../../src/analysis/validation/esx02-sharing.ts";
import { loadPublishedFigures } from "../../src/analysis/validation/published-figures.ts";
import { satori09 } from "../../src/analysis/validation/satori09.ts";
import { SimulatedBench } from "../../src/analysis/validation/simulated-bench.ts";
import { uksm18 } from "../../src/analysis/validation/uksm18.ts";
import type { ValidationRow, ValidationSet } from "../../src/analysis/validation/validation-set.ts";

const rowOf = ({ rows }: ValidationSet, id: string): ValidationRow => {
  const found = rows.find((row) => row.id === id);
  if (found === undefined) throw new Error(`no row ${id}`);
  return found;
};

describe("sets on page sharing", () => {
  it("find every zero page of the guests of Waldspurger's Figure 4 but the one that stays", () => {
    const bench = new SimulatedBench();
    // 2.9 MB of each guest: 742 pages of zeros.
    for (const vms of [1, 2]) {
      const mib = rowOf(esx02Sharing, `esx02.f4.zero-pages.${vms}`).simulate(bench);
      expect(mib * 256).toBe(742 * vms - 1);
    }
  }, 120_000);

  it("hold all three curves of that figure against the models, zeros of one guest alone as calibration", () => {
    const published = [...loadPublishedFigures().keys()].filter((id) => id.startsWith("esx02.f4."));
    const rows = esx02Sharing.rows.filter(({ id }) => id.startsWith("esx02.f4."));
    expect(rows.map(({ id }) => id).sort()).toEqual(published.sort());
    expect(rowOf(esx02Sharing, "esx02.f4.zero-pages.1").role).toBe("calibration");
    expect(rowOf(esx02Sharing, "esx02.f4.zero-pages.2").role).toBe("prediction");
  });

  it("call a figure that follows from how guests are made no prediction", () => {
    expect(rowOf(satori09, "share.satori").role).toBe("calibration");
  });

  it("say that UKSM saves more than KSM for the same CPU time, of guests at rest", () => {
    expect(rowOf(uksm18, "share.uksm.static").simulate(new SimulatedBench())).toBeGreaterThan(1);
  }, 120_000);
});
