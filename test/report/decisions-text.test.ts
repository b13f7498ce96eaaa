import { describe, expect, it } from "vitest";
import { countText, decisionsText } from "../../src/report/decisions-text.ts";
import type { TimedDecision } from "../../src/sim/decision-log.ts";

const DECISIONS: readonly TimedDecision[] = [
  {
    time_s: -60,
    by: "static-partition",
    rule: "a VM's least memory is set aside",
    vm: 3,
    action: "refuse",
    outcome: { refused_vms: 2 },
    inputs: { needed_mib: 1024, free_mib: 819.19921875 },
  },
  {
    time_s: 12.3456,
    by: "wasp-agent",
    rule: "traffic",
    action: "admission",
    outcome: { open: false },
    inputs: { swapped_in_pages_per_s: 1234.56, state: "hard", gamma: 0.12345 },
  },
  {
    time_s: 15,
    by: "proportional-shares",
    rule: "enough for all",
    vm: 0,
    action: "target",
    outcome: { moved_pages: 4096, target_mib: 96.4609375 },
    inputs: {},
  },
];

describe("a log of decisions as text", () => {
  it("has a line a decision: when, whom, what, and why", () => {
    const [, body] = decisionsText("esx, seed 1", DECISIONS).split(/figures\.\n\n/);
    expect(body.split("\n")).toEqual([
      "   -60.000  vm3   refused 2 VMs <- a VM's least memory is set aside (static-partition): needed 1,024 MiB, free 819.2 MiB",
      "    12.346  host  admission: open no <- traffic (wasp-agent): swapped in 1,234.56 pages/s, state hard, gamma 0.123",
      "    15.000  vm0   target 96.46 MiB, moved 4,096 pages <- enough for all (proportional-shares)",
      "",
    ]);
  });

  it("says one thing as one thing", () => {
    const outcome = { refused_vms: 1, moved_pages: 1, broken_regions: 1, free_mib: 1, wait_s: 1 };
    expect(decisionsText("esx", [{ ...DECISIONS[0], outcome, inputs: {} }])).toContain(
      "refused 1 VM, moved 1 page, broken 1 region of 2 MiB, free 1 MiB, wait 1 s <- ",
    );
  });

  it("begins with whose it is and how many decisions of each kind there are, most first", () => {
    expect(decisionsText("esx, seed 1", DECISIONS)).toMatch(/^Decisions about memory: esx, seed 1\n\n3 decisions: /);
    expect(countText([...DECISIONS, DECISIONS[2]])).toBe("4 decisions: 2 target, 1 refuse, 1 admission");
    expect(countText([])).toBe("0 decisions");
  });
});
