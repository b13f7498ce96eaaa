import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { isOfController, memoryControl } from "../../src/analysis/memory-control.ts";
import { planMatrix } from "../../src/experiment/plan.ts";
import { runCell } from "../../src/experiment/run-cell.ts";
import type { CellResult } from "../../src/sim/cell.ts";

const folder = mkdtempSync(join(tmpdir(), "vmmbench-controller-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function run(vmm: string, machine: string): Promise<CellResult> {
  const block = `{ name: b, vmms: [${vmm}], workloads: [memory-spike], machines: [${machine}], seeds: [1], vms: [2], overcommit: [2] }`;
  const { cells } = await planMatrix(`name: m\nblocks: [${block}]\n`, join(folder, "m.yaml"));
  return runCell(cells[0]);
}

/** Percent of all cycles. */
function partOf({ cycles }: CellResult, causes: readonly string[]): number {
  const all = Object.values(cycles).reduce((sum, of) => sum + of, 0);
  return (100 * causes.reduce((sum, cause) => sum + cycles[cause], 0)) / all;
}

describe("the CPU time of who manages memory", () => {
  it("is on Xen that of the balloons, the hypercalls and mappings of their drivers among it", async () => {
    const cell = await run("{ xen-pv: { allocation: xenballoond }, as: xenballoond }", "xeon-2.4-sosp03");
    expect(cell.status).toBe("done");
    const causes = Object.keys(cell.cycles).filter((cause) => cause.startsWith("vmm.balloon"));
    expect(causes).toContain("vmm.balloon.hypercall");
    // Nothing else on Xen takes or gives memory: neither sharing nor swapping.
    expect(memoryControl([cell]).controllerCpuPercent).toBeCloseTo(partOf(cell, causes), 10);
    expect(partOf(cell, causes)).toBeGreaterThan(0);
  }, 120_000);

  it("has the code in it that guests give a host to learn what a page is worth", async () => {
    const memory = "memory: [hypercallbacks, host-swap]";
    const cell = await run(`{ kvm: { ${memory}, allocation: on-demand }, as: hypercallbacks }`, "x86-64-server");
    expect(cell.status).toBe("done");
    expect(cell.cycles["vmm.hypercallback"]).toBeGreaterThan(0);
    const causes = ["vmm.hypercallback", "vmm.host-swap.out"].filter((cause) => cause in cell.cycles);
    expect(memoryControl([cell]).controllerCpuPercent).toBeCloseTo(partOf(cell, causes), 10);
  }, 120_000);
});

/** A guest touches a page that has to be there first. */
const WAITED_FOR = [
  "vmm.compression.decompress",
  "vmm.frontswap.get",
  "vmm.host-swap.in",
  "vmm.host-swap.minor-fault",
  "vmm.large-pages.back",
  "vmm.memory.allocate",
  "vmm.page-sharing.cow-break",
  "vmm.patching.unpatch",
];

it("leaves out no cause of a memory part but what guests wait for", () => {
  const folders = ["src/vmm/host-memory", "src/vmm/memory", "src/vmm/allocation"];
  const files = folders
    .flatMap((folder) => readdirSync(folder).map((file) => `${folder}/${file}`))
    .filter((file) => file.endsWith(".ts"));
  const causes = files.flatMap((file) =>
    [...readFileSync(file, "utf8").matchAll(/\bcause\("(vmm\.[^"]+)"\)/g)].map(([, name]) => name),
  );
  expect(causes.length).toBeGreaterThan(15);
  expect([...new Set(causes)].filter((name) => !isOfController(name)).sort()).toEqual(WAITED_FOR);
});
