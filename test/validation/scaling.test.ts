import { describe, expect, it } from "vitest";
import { loadPublishedFigures } from "../../src/analysis/validation/published-figures.ts";
import { SimulatedBench } from "../../src/analysis/validation/simulated-bench.ts";
import { sosp03Scaling } from "../../src/analysis/validation/sosp03-scaling.ts";

const bench = new SimulatedBench();
const published = loadPublishedFigures();

function simulated(id: string): number {
  const row = sosp03Scaling.rows.find((each) => each.id === id);
  if (row === undefined) throw new Error(`no row ${id}`);
  return row.simulate(bench);
}

/** Throughput that so many domains lose of two processors, with slices of 5 ms. */
function lost(count: number): number {
  return 2 - simulated(`xen03.f6.xen5ms.${count}`);
}

describe("many domains under BVT", () => {
  it.each([4, 8, 16])(
    "%i that compute lose what Figure 6 shows, with short and with long slices and as processes of one kernel",
    (count) => {
      for (const host of ["xen5ms", "xen50ms", "linux"]) {
        const id = `xen03.f6.${host}.${count}`;
        expect(Math.abs(simulated(id) / (published.get(id)?.value ?? 0) - 1)).toBeLessThan(0.03);
      }
      expect(simulated(`xen03.f6.xen5ms.${count}`)).toBeLessThan(simulated(`xen03.f6.xen50ms.${count}`));
    },
  );

  it("lose as much when two share a processor as when eight do: a turn of Xen 1.x is one allowance, and after it none finds its lines", () => {
    // The source has half as much for two, as with turns that last until one is ahead of the other by an allowance.
    expect(lost(4) / lost(16)).toBeCloseTo(1, 1);
  });

  it("share processors by weights 1 to 8", () => {
    let sum = 0;
    for (let weight = 1; weight <= 8; weight++) {
      const percent = simulated(`xen03.f5.ir.diff.w${weight}`);
      // 4 % as in the source, and a few tuples of the hundred that the least of them gets done.
      expect(Math.abs(percent - (100 * weight) / 36)).toBeLessThan(0.04 * ((100 * weight) / 36) + 0.8);
      sum += percent;
    }
    expect(sum).toBeCloseTo(100, 9);
  });

  it("asks the bench for a host once, and for one with other weights again", () => {
    const host = { machine: "xeon-2.4-sosp03", vmm: "xen-pv-1", guests: [{ workload: "sosp03-udp-idle", count: 2 }] };
    const alike = bench.host({ ...host, seconds: 20 });
    expect(bench.host({ ...host, seconds: 20 })).toBe(alike);
    expect(alike.vms).toBeUndefined();
    const weighted = [{ ...host.guests[0], shares: [1, 2] }];
    const { vms } = bench.host({ ...host, guests: weighted, seconds: 20 });
    expect(vms?.rows.map(([vm]) => vm)).toEqual([0, 1]);
  });

  it("takes a figure for every row, and no row is a calibration", () => {
    for (const { id, role } of sosp03Scaling.rows) {
      expect(published.has(id), id).toBe(true);
      expect(role).toBe("prediction");
    }
  });
});
