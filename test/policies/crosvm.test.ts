import { describe, expect, it } from "vitest";
import { crosvm, crosvmChange } from "../../src/vmm/memory/policies/crosvm.ts";
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

  it("never makes the balloon larger than three quarters of the guest", () => {
    expect(aim(2.1 * GIB, 4000, 1000)).toBe(2 * GIB);
  });

  it("gives a guest its bias in proportion to its balloon", () => {
    const seen = { host: hostWith(3000 * MIB), vms: [guest(5 * GIB, 2400)] };
    const { actions } = decideOnce(crosvm, seen, { ...critical, guestBiasMib: 200 });
    // The balloon of 3 GiB is half of the largest: a bias of 100 MiB.
    expect(targetsIn(actions).a).toBeCloseTo(5 * GIB + 50 * MIB, 3);
  });

  it("lowers the critical level of a guest that was twice below it with balloon to spare", () => {
    const parameters = { ...parametersOf(crosvm), ...critical };
    let state = crosvm.policy.start(parameters);
    for (const available of [350, 300]) {
      const seen = { host: hostWith(3000 * MIB), vms: [guest(4 * GIB, available)] };
      ({ state } = crosvm.policy.decide(parameters, seen, state, 0));
    }
    expect(state.get("a")).toEqual({ criticalKib: 350 * MIB });
  });
});
