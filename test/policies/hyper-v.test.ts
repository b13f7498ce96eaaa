import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hyperV, hyperVFloor, hyperVReport } from "../../src/vmm/memory/policies/hyper-v.ts";
import { anyObservations, decideOnce, GIB, host, MIB, parametersOf, targetsIn, vm } from "./observations.ts";

/** A VM of 4 GiB with a floor of 488 MiB: demand is the commit charge and that. */
const machine = (name: string, actual: number, committed: number, shares = 50) =>
  vm(
    name,
    { actual: actual * MIB, minimum: 512 * MIB, maximum: 4 * GIB },
    { shares, committed: (committed - 488) * MIB, available: 4 * GIB },
  );
/** Drivers that report from the start. */
const REPORTING = { firstReportSeconds: 0 };
const targets = (free: number, ...vms: ReturnType<typeof machine>[]) => {
  const { actions } = decideOnce(hyperV, { host: host({ free: free * MIB }), vms }, REPORTING);
  return Object.fromEntries(Object.entries(targetsIn(actions)).map(([name, kib]) => [name, kib / MIB]));
};

describe("Hyper-V Dynamic Memory", () => {
  it("has the floors of the driver's ranges", () => {
    expect([64, 256, 1024, 4096, 16_384, 131_072].map(hyperVFloor)).toEqual([40, 104, 232, 488, 1000, 4584]);
  });

  it("reports the balloon as committed", () => {
    expect(hyperVReport({ committed: GIB, ballooned: GIB, maximum: 4 * GIB })).toBe(2 * GIB + 488 * MIB);
  });

  it("gives every VM its demand and 20 %: a pressure of 83 %", () => {
    const { a } = targets(4096, machine("a", 1000, 2000));
    expect([a, Math.round((100 * 2000) / a)]).toEqual([2400, 83]);
    expect(targets(0, machine("a", 4000, 2000))).toEqual({ a: 2400 });
    expect(targets(0, machine("a", 2400, 2000))).toEqual({});
  });

  it("gives by weight where there is not enough, demand before buffers", () => {
    const light = machine("light", 2400, 2000, 10);
    const heavy = machine("heavy", 2000, 3000, 90);
    // 4400 in all: demand of the heavy one 3000, and 1400 are left for the light one.
    expect(targets(0, light, heavy)).toEqual({ light: 1400, heavy: 3000 });
    // 600 more: its demand of 2000, and no buffers.
    expect(targets(600, light, heavy)).toEqual({ light: 2000, heavy: 3000 });
    // And 600 more for the buffer of the heavy one, 100 for the other.
    expect(targets(1300, light, heavy)).toEqual({ light: 2100, heavy: 3600 });
  });

  it("shrinks a guest in steps of 2 MiB, and leaves it what the floor needs", () => {
    const tight = vm(
      "a",
      { actual: 4 * GIB, minimum: 512 * MIB, maximum: 4 * GIB },
      { committed: 0, available: (488 + 101) * MIB },
    );
    expect(targets(0, tight)).toEqual({ a: 4096 - 100 });
  });

  it("leaves a VM as it is until its driver has been there for 45 s", () => {
    const seen = { host: host({ free: 4 * GIB }), vms: [machine("a", 1000, 2000)] };
    const parameters = parametersOf(hyperV);
    let state = hyperV.policy.start(parameters);
    const changes: number[] = [];
    for (let second = 10; second <= 60; second++) {
      const decision = hyperV.policy.decide(parameters, seen, state, second * 1e6);
      state = decision.state;
      if (decision.actions.length > 0) changes.push(second);
    }
    expect(changes).toEqual([55, 56, 57, 58, 59, 60]);
  });

  it("never gives more than there is", () => {
    fc.assert(
      fc.property(anyObservations, (seen) => {
        const aims = targetsIn(decideOnce(hyperV, seen, REPORTING).actions);
        const claimants = seen.vms.filter(({ canBalloon, guest }) => canBalloon && guest !== undefined);
        const grown = claimants.map(({ name, actual }) => Math.max(0, (aims[name] ?? actual) - actual));
        const spare = claimants.reduce((sum, { resident, minimum }) => sum + resident - minimum, seen.host.free);
        expect(grown.reduce((sum, kib) => sum + kib, 0)).toBeLessThanOrEqual(Math.max(0, spare));
      }),
    );
  });
});
