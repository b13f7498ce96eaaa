/** The shipped experiment shows what strict and relaxed co-scheduling are about, and where they do not differ. */
import { beforeAll, describe, expect, it } from "vitest";
import { groupFigure, OTHERS } from "../../src/analysis/group-figures.ts";
import { planRun } from "../../src/experiment/plan.ts";
import { runCell } from "../../src/experiment/run-cell.ts";
import type { CellResult } from "../../src/sim/cell.ts";

const cells = new Map<string, CellResult>();
beforeAll(async () => {
  const { cells: planned } = await planRun("experiments/co-scheduling.yaml");
  for (const cell of planned) {
    if (cell.spec.seed === 1) cells.set(`${cell.spec.block}/${cell.spec.vmm.label}`, await runCell(cell));
  }
}, 120_000);

function cellOf(block: string, vmm: string): CellResult {
  const cell = cells.get(`${block}/${vmm}`);
  if (cell?.status !== "done") throw new Error(`${block}/${vmm}: ${cell?.reason}`);
  return cell;
}

/** Part of all cycles of the host, percent. */
function percentOf({ cycles }: CellResult, cause: string): number {
  const all = Object.values(cycles).reduce((sum, of) => sum + of, 0);
  return (100 * (cycles[cause] ?? 0)) / all;
}

describe("a server on two vCPUs", () => {
  // The service console of ESX 2 is a small neighbour.
  it("alone on two pCPUs hardly depends on co-scheduling", () => {
    const [strict, ...others] = ["esx strict", "esx relaxed", "esx none"].map((vmm) => cellOf("alone", vmm).metrics);
    for (const { requests_done: done, latency_p99_ms: p99, work_ms: work } of others) {
      expect(done).toBe(strict.requests_done);
      expect(Math.abs(p99 / strict.latency_p99_ms - 1)).toBeLessThan(0.05);
      expect(Math.abs(work / strict.work_ms - 1)).toBeLessThan(0.01);
    }
  });

  describe.each(["busy", "crowded"])("on a host that is %s", (block) => {
    const idle = (vmm: string): number => percentOf(cellOf(block, vmm), "idle");
    const spin = (vmm: string): number => percentOf(cellOf(block, vmm), "guest.kernel.spin");
    const neighbours = (vmm: string): number => groupFigure(cellOf(block, vmm), 0, "throughput_rps") ?? 0;
    const p99 = (vmm: string): number => groupFigure(cellOf(block, vmm), OTHERS, "latency_p99_ms") ?? 0;

    it("leaves pCPUs idle under strict co-scheduling that its neighbours could have used", () => {
      expect(idle("esx strict")).toBeGreaterThan(idle("esx relaxed") + 5);
      expect(neighbours("esx strict")).toBeLessThan(0.9 * neighbours("esx relaxed"));
    });

    it("spins least under strict co-scheduling, and most without any", () => {
      expect(spin("esx strict")).toBeLessThan(spin("esx relaxed"));
      expect(spin("esx relaxed")).toBeLessThan(spin("esx none"));
    });

    it("answers soonest under relaxed co-scheduling", () => {
      expect(p99("esx relaxed")).toBeLessThan(p99("esx strict"));
      expect(p99("esx relaxed")).toBeLessThan(p99("esx none"));
    });
  });
});
