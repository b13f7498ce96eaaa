import { describe, expect, it } from "vitest";
import { crosvm, crosvmChange, type CrosvmState } from "../../src/vmm/memory/policies/crosvm.ts";
import { decideOnce, GIB, host, MIB, parametersOf, targetsIn, vm } from "./observations.ts";

const TOTAL = 16 * GIB;
const hostWith = (available: number) => host({ total: TOTAL, free: available - GIB, reclaimable: GIB });
const guest = (actual: number, available: number) =>
  vm("a", { actual, minimum: 0, maximum: 8 * GIB }, { available: available * MIB });
/** Critical level of the host that the vectors assume. */
const critical = { hostCriticalPercent: (100 * 1000 * MIB) / TOTAL };
const aim = (actual: number, guestMib: number, hostMib: number): number | undefined => {
  const seen = { host: hostWith(hostMib * MIB), vms: [guest(actual, guestMib)] };
  return targetsIn(decideOnce(crosvm, seen, critical).actions).a;
};
/** What is remembered after a look at a guest of so many KiB. */
function stateAfter(actual: number, state = crosvm.policy.start(parametersOf(crosvm))): CrosvmState {
  const seen = { host: hostWith(3000 * MIB), vms: [guest(actual, 2000)] };
  return crosvm.policy.decide(parametersOf(crosvm), seen, state, 0).state;
}

describe("crosvm", () => {
  it("deflates by half of the imbalance", () => {
    expect(crosvmChange({ guest: 500, host: 2000, bias: 0 }, 10)).toBe(-750);
    expect(aim(4 * GIB, 900, 3000)).toBeCloseTo(4 * GIB + 750 * MIB, 3);
  });

  it("drives neither side further than its margin and 10 MiB", () => {
    expect(crosvmChange({ guest: 100, host: -2000, bias: 0 }, 10)).toBe(110);
    expect(crosvmChange({ guest: -2000, host: 100, bias: 0 }, 10)).toBe(-110);
    expect(crosvmChange({ guest: -200, host: -200, bias: 0 }, 10)).toBe(0);
  });

  it("leaves changes of up to 1 % of the smaller margin alone, unless that is below 1 MiB", () => {
    expect(aim(4 * GIB, 500, 1102)).toBeUndefined();
    expect(aim(4 * GIB, 500, 1103)).toBeCloseTo(4 * GIB + 1.5 * MIB, 3);
    expect(aim(4 * GIB, 400.5, 1000.6)).toBeCloseTo(4 * GIB + 0.05 * MIB, 3);
  });

  it("takes three quarters of the guest for a full balloon, and a larger one once it has seen it", () => {
    expect(aim(2.1 * GIB, 4000, 1000)).toBeCloseTo(2.1 * GIB - 1800 * MIB, 3);
    const larger = stateAfter(GIB);
    expect(larger.get("a")).toMatchObject({ fullKib: 7 * GIB, fullPercent: 100 });
    expect(stateAfter(4.5 * GIB, larger).get("a")).toMatchObject({ fullKib: 7 * GIB, fullPercent: 50 });
    expect(stateAfter(5 * GIB).get("a")).toMatchObject({ fullKib: 6 * GIB, fullPercent: 50 });
  });

  it("gives a guest its bias in proportion to its balloon", () => {
    const seen = { host: hostWith(3000 * MIB), vms: [guest(5 * GIB, 2400)] };
    const { actions } = decideOnce(crosvm, seen, { ...critical, guestBiasMib: 200 });
    // The balloon of 3 GiB is half of the largest: a bias of 100 MiB.
    expect(targetsIn(actions).a).toBeCloseTo(5 * GIB + 50 * MIB, 3);
  });

  it("lowers the critical level of a guest that was below it at two looks in a row with balloon to spare", () => {
    const parameters = { ...parametersOf(crosvm), ...critical };
    const levelAfter = (actual: number, ...available: number[]): number => {
      let state = crosvm.policy.start(parameters);
      for (const mib of available) {
        const seen = { host: hostWith(3000 * MIB), vms: [guest(actual, mib)] };
        ({ state } = crosvm.policy.decide(parameters, seen, state, 0));
      }
      return (state.get("a")?.criticalKib ?? NaN) / MIB;
    };
    expect(levelAfter(4 * GIB, 350, 300)).toBe(350);
    expect(levelAfter(4 * GIB, 350, 300, 340)).toBe(300);
    expect(levelAfter(4 * GIB, 350, 450, 300)).toBe(400);
    // A balloon of 6 GiB of 8 is full.
    expect(levelAfter(2 * GIB, 350, 300)).toBe(400);
  });
});
