/** The simulated dbench against counts of the real one's load file and source. */
import { expect, it } from "vitest";
import { dbench, DBENCH_RUNS, MEGABYTES_A_RUN } from "../../src/analysis/validation/esx02-dbench.ts";
import { Op } from "../../src/workload/operation-stream.ts";

const CLIENTS = 40;
const { guest, stream } = dbench({ megahertz: 733 });
const { op, a, b } = stream;
const clientPages = (guest.filePages - 1006) / CLIENTS;

/** Pages of the first client's files that an operation goes over. */
function* ofFirstClient(): Generator<{ readonly op: number; readonly first: number; readonly pages: number }> {
  for (let i = 0; i < stream.length; i++) {
    const files = op[i] === Op.ReadFile || op[i] === Op.WriteFile || op[i] === Op.DeleteFile;
    if (files && a[i] < clientPages) yield { op: op[i], first: a[i], pages: b[i] };
  }
}

/** Megabytes that the operations of one kind go over. */
function moved(kind: number): number {
  let pages = 0;
  for (const step of ofFirstClient()) if (step.op === kind) pages += step.pages;
  return (pages * 4096) / 1e6;
}

it("moves as many bytes a client as dbench.c says: 132 MB, 37.1 of them read (client.txt)", () => {
  expect(Math.abs((MEGABYTES_A_RUN * DBENCH_RUNS) / CLIENTS / 132 - 1)).toBeLessThan(0.03);
  expect(moved(Op.ReadFile) + moved(Op.WriteFile)).toBeCloseTo((MEGABYTES_A_RUN * DBENCH_RUNS) / CLIENTS, 6);
  // What is read of new files, which are in memory, is written here.
  expect(moved(Op.ReadFile)).toBeLessThan(37.1);
  expect(moved(Op.WriteFile)).toBeGreaterThan(95.1);
});

it("has at most 24.1 MB of files at a time, writes none that it has not, and leaves nothing behind", () => {
  const there = new Set<number>();
  let most = 0;
  for (const step of ofFirstClient()) {
    for (let page = step.first; page < step.first + step.pages; page++) {
      if (step.op === Op.WriteFile) there.add(page);
      else expect(there.has(page)).toBe(true);
      if (step.op === Op.DeleteFile) there.delete(page);
    }
    most = Math.max(most, there.size);
  }
  expect(Math.abs((most * 4096) / 24.11e6 - 1)).toBeLessThan(0.03);
  expect(there.size).toBe(0);
});
