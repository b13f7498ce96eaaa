import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mom, momGrow, momShrink, type MomState } from "../../src/vmm/memory/policies/mom.ts";
import { anyObservations, decideOnce, GIB, host, parametersOf, targetsIn, vm } from "./observations.ts";

const parameters = parametersOf(mom);
const CURRENT = 4_194_304;
const guest = (unused: number, more: { minimum?: number; maximum?: number } = {}) => ({
  current: CURRENT,
  used: CURRENT - unused,
  minimum: 1_048_576,
  maximum: 8_388_608,
  ...more,
});

describe("MOM shrinks", () => {
  it("by at most 5 %: 5 % less than 4 GiB where the floor 2 516 582.4 is lower", () => {
    expect(momShrink(parameters, guest(2_097_152), 0.1)).toBeCloseTo(3_984_588.8, 3);
  });

  it("not below what is used and a tenth", () => {
    expect(momShrink(parameters, guest(314_572), 0.1)).toBeUndefined();
  });

  it("a guest into its own swap when the host is at 2 %", () => {
    expect(momShrink(parameters, guest(104_857), 0.02)).toBeCloseTo(3_984_588.8, 3);
  });

  it("not below its minimum", () => {
    expect(momShrink(parameters, guest(2_097_152, { minimum: 4_141_875 }), 0.1)).toBe(4_141_875);
  });
});

describe("MOM grows", () => {
  it("by 5 %", () => {
    expect(momGrow(parameters, guest(2_097_152))).toBeCloseTo(4_404_019.2, 3);
  });

  it("at once to what is used and a fifth", () => {
    expect(momGrow(parameters, guest(104_857))).toBeCloseTo(4_928_307.8, 1);
  });

  it("not for an eighth of a percent", () => {
    expect(momGrow(parameters, guest(2_097_152, { maximum: 4_199_546 }))).toBeUndefined();
  });
});

describe("MOM", () => {
  const sizes = { actual: CURRENT, minimum: 1_048_576, maximum: 8_388_608 };
  const seenWith = (free: number, unused = 2_097_152) => ({
    host: host({ total: 10 * GIB, free: free * 5 * GIB, reclaimable: free * 5 * GIB }),
    vms: [vm("a", sizes, { unused })],
  });

  it("counts caches of the host as free", () => {
    expect(targetsIn(decideOnce(mom, seenWith(0.1)).actions).a).toBeCloseTo(3_984_588.8, 3);
    expect(targetsIn(decideOnce(mom, seenWith(0.2)).actions).a).toBeCloseTo(4_404_019.2, 3);
  });

  it("acts every 10 s on the mean of 10 samples", () => {
    let state: MomState = mom.policy.start(parameters);
    const acted: string[] = [];
    // Plenty is free for 50 s; then nothing is.
    for (let i = 0; i < 20; i++) {
      const decision = mom.policy.decide(parameters, seenWith(i < 10 ? 0.5 : 0), state, i * 5e6);
      state = decision.state;
      for (const { rule } of decision.actions) acted.push(`${i * 5} s ${rule}`);
    }
    // 70 s: samples 5 to 14, mean 0.25; 80 s: samples 7 to 16, mean 0.15.
    expect(acted).toEqual([
      ...[0, 10, 20, 30, 40, 50, 60, 70].map((s) => `${s} s grow`),
      ...[80, 90].map((s) => `${s} s shrink`),
    ]);
  });

  it("skips a guest without statistics", () => {
    const { guest: _, ...silent } = vm("a", sizes);
    expect(decideOnce(mom, { host: host({ free: 0 }), vms: [silent] }).actions).toEqual([]);
  });

  it("lifts a guest below its minimum first, as a variant", () => {
    const small = vm("a", { actual: 1_000_000, minimum: 1_048_576, maximum: 8_388_608 }, { unused: 500_000 });
    const seen = { host: host({ free: 0 }), vms: [small] };
    expect(targetsIn(decideOnce(mom, seen).actions)).toEqual({});
    expect(targetsIn(decideOnce(mom, seen, { liftToMinimum: true }).actions)).toEqual({ a: 1_048_576 });
  });

  it("shrinks by no more than 5 %, changes nothing by less than 0.25 %, and moves all guests one way", () => {
    fc.assert(
      fc.property(anyObservations, (seen) => {
        const { actions } = decideOnce(mom, seen);
        const targets = targetsIn(actions);
        expect(new Set(actions.map(({ rule }) => rule)).size).toBeLessThanOrEqual(1);
        for (const { name, actual } of seen.vms) {
          const target = targets[name] ?? actual;
          expect(target).toBeGreaterThanOrEqual(0.95 * actual - 1e-6);
          if (name in targets) expect(Math.abs(target - actual)).toBeGreaterThan(0.0025 * actual);
        }
      }),
    );
  });
});
