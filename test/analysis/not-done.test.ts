import { expect, it } from "vitest";
import { notDone, notDoneSentence } from "../../src/analysis/not-done.ts";
import type { CellResult } from "../../src/sim/cell.ts";
import { cell } from "../report/fixture.ts";

const of = (label: string, overcommit: number, status: CellResult["status"], reason?: string): CellResult => {
  const vmm = { base: "kvm", set: {}, label };
  const spec = { block: "b", vmm, workload: "w", machine: "m", seed: 1, vms: 4, overcommit };
  return cell(spec, { status, ...(reason !== undefined && { reason }) });
};

it("tells of each strategy how many of its cells have no result, and why", () => {
  const cells = [
    of("mom", 0.9, "done"),
    of("clairvoyant", 0.9, "skipped", "it works alone"),
    of("mom", 1.5, "failed", "no room"),
    of("mine", 0.9, "done"),
    of("clairvoyant", 1.5, "skipped", "it works alone"),
    of("mom", 2, "failed", "no room"),
    of("mom", 2.5, "failed", "boom"),
    of("mine", 1.5, "done"),
  ];
  expect(notDone(cells).map(notDoneSentence)).toEqual([
    "mom: 3 of 4 cells failed: no room (and 1 other reason)",
    "clairvoyant: no result, skipped: it works alone",
  ]);
});
