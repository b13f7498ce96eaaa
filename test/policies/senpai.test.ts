import { describe, expect, it } from "vitest";
import { senpai, senpaiBackoff, senpaiProbe, type SenpaiState } from "../../src/vmm/memory/policies/senpai.ts";
import { GIB, host, MIB, parametersOf, vm } from "./observations.ts";

const parameters = parametersOf(senpai);

/** Limits in KiB, second by second, of a VM that has stalled for `stalls[i]` microseconds in all at second i. */
function limits(stalls: readonly number[], resident = GIB): (number | undefined)[] {
  let state: SenpaiState = senpai.policy.start(parameters);
  return stalls.map((stallUs, second) => {
    const seen = { host: host({}), vms: [vm("a", { actual: GIB, minimum: 0, maximum: GIB }, { resident, stallUs })] };
    const decision = senpai.policy.decide(parameters, seen, state, second * 1e6);
    state = decision.state;
    const [action] = decision.actions;
    return action?.kind === "cap" ? action.kib : undefined;
  });
}

describe("Senpai", () => {
  it("lowers limits by at most 1 %", () => {
    const changes = [0, 1000, 5000, 10_000].map((stall) => senpaiProbe(parameters, stall));
    [0.01, 0.01, 0.0004, 0.0001].forEach((change, i) => {
      expect(changes[i]).toBeCloseTo(change, 12);
    });
  });

  it("raises limits with the square of the stall, at most to the double", () => {
    const changes = [20_000, 50_000, 200_000, 1_000_000].map((stall) => senpaiBackoff(parameters, stall));
    [0.01, 0.0625, 1, 1].forEach((change, i) => {
      expect(changes[i]).toBeCloseTo(change, 12);
    });
  });

  it("starts where the VM is, probes after 6 s without a stall, and backs off at once", () => {
    const none = undefined;
    const probed = Math.floor((GIB * 0.99) / 4) * 4;
    const raised = Math.floor((probed * 1.0625) / 4) * 4;
    expect(limits([0, 0, 0, 0, 0, 0, 0, 50_000, 50_000])).toEqual([
      GIB,
      none,
      none,
      none,
      none,
      none,
      probed,
      raised,
      none,
    ]);
  });

  it("keeps limits between 100 MiB and 100 GiB", () => {
    expect(limits([0], MIB)).toEqual([100 * MIB]);
    expect(limits([0], 200 * GIB)).toEqual([100 * GIB]);
  });
});
