import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decisionsText } from "../../src/report/decisions-text.ts";
import { foldDecisions } from "../../src/report/folded-decisions.ts";
import type { TimedDecision } from "../../src/sim/decision-log.ts";

function pageOut(time_s: number, vm: number, pages: number, free_mib = 0, mechanism = "host-swap"): TimedDecision {
  const outcome = { mechanism, asked_pages: 32, swapped_out_pages: pages };
  return { time_s, by: "mom", rule: "no frame is free", vm, action: "page out", outcome, inputs: { free_mib } };
}

const state = (time_s: number): TimedDecision => ({
  time_s,
  by: "esx",
  rule: "free memory is below the boundary",
  action: "state",
  outcome: { state: "hard" },
  inputs: {},
});

const anyDecision = fc.record({
  gap: fc.double({ min: 0, max: 0.4, noNaN: true }),
  vm: fc.nat(3),
  pages: fc.nat(32),
  isState: fc.boolean(),
  compresses: fc.boolean(),
});
const anyLog = fc.array(anyDecision, { maxLength: 60 }).map((all) => {
  let now = 0;
  return all.map(({ gap, vm, pages, isState, compresses }) => {
    now += gap;
    return isState ? state(now) : pageOut(now, vm, pages, 0, compresses ? "compression" : "host-swap");
  });
});

/** Pages swapped out by each VM and mechanism, for each part of the log between two changes of state. */
function pagesBetweenStates(decisions: readonly TimedDecision[]): Record<string, number>[] {
  const parts: Record<string, number>[] = [{}];
  for (const { action, vm, outcome } of decisions) {
    if (action === "state") parts.push({});
    else {
      const part = parts[parts.length - 1];
      const key = `${vm} ${outcome.mechanism}`;
      part[key] = (part[key] ?? 0) + Number(outcome.swapped_out_pages);
    }
  }
  return parts;
}

describe("a log of decisions for reading", () => {
  it("has what is paged out of a VM within a second in a line, and every decision is in one", () => {
    const log = [
      pageOut(50.9, 0, 30, 0.5),
      pageOut(50.91, 1, 20),
      pageOut(50.92, 0, 2, 0.25),
      pageOut(51.01, 0, 7),
      state(51.02),
      pageOut(51.03, 0, 8),
    ];
    const lines = decisionsText("t", log).trim().split("\n").slice(-5);
    expect(lines).toEqual([
      "    50.900  vm0   page out: 2 times until 50.920, mechanism host-swap, asked 64 pages, swapped out 32 pages <- no frame is " +
        "free (mom): free 0.5 MiB",
      "    50.910  vm1   page out: mechanism host-swap, asked 32 pages, swapped out 20 pages <- no frame is free (mom): free 0 MiB",
      "    51.010  vm0   page out: mechanism host-swap, asked 32 pages, swapped out 7 pages <- no frame is free (mom): free 0 MiB",
      "    51.020  host  state hard <- free memory is below the boundary (esx)",
      "    51.030  vm0   page out: mechanism host-swap, asked 32 pages, swapped out 8 pages <- no frame is free (mom): free 0 MiB",
    ]);
    expect(decisionsText("t", log)).toContain("6 decisions: 5 page out, 1 state\n");
  });

  it("loses no decision and no page, and no other decision moves to the other side of one", () => {
    fc.assert(
      fc.property(anyLog, (log) => {
        const folded = foldDecisions(log);
        expect(folded.reduce((sum, { times = 1 }) => sum + times, 0)).toBe(log.length);
        expect(pagesBetweenStates(folded)).toEqual(pagesBetweenStates(log));
        for (const { time_s, until_s = time_s } of folded) expect(Math.floor(until_s)).toBe(Math.floor(time_s));
      }),
    );
  });
});
