import { describe, expect, it } from "vitest";
import { damonIsActive, damonReclaim } from "../../src/vmm/memory/policies/damon-reclaim.ts";
import { decideOnce, GIB, host, MIB, parametersOf, vm } from "./observations.ts";

const parameters = parametersOf(damonReclaim);
const sizes = { actual: GIB, minimum: 0, maximum: GIB };

/** Three VMs, with `cold` KiB untouched in one and three times that in another. */
function seen(cold: number) {
  const vms = [vm("a", sizes, { cold: 3 * cold }), vm("b", sizes, { cold }), vm("c", sizes)];
  return { host: host({ total: 10 * GIB, free: 3 * GIB }), vms };
}

/** KiB taken from the VMs of {@link seen}. */
function taken(cold: number): number[] {
  const { actions } = decideOnce(damonReclaim, seen(cold));
  return actions.map((action) => (action.kind === "reclaim" ? action.kib : NaN));
}

/** Whether the age of pages is watched on a host of 10 GiB of which so many are free. */
function watches(free: number): boolean | undefined {
  const { vms } = seen(MIB);
  return decideOnce(damonReclaim, { vms, host: host({ total: 10 * GIB, free: free * GIB }) }).watchesAges;
}

describe("DAMON reclaim", () => {
  it("works between its watermarks", () => {
    let active = false;
    const path = [60, 45, 39, 45, 51, 45, 39, 21, 19, 30].map((free) => {
      active = damonIsActive(parameters, active, free);
      return active;
    });
    expect(path).toEqual([false, false, true, true, false, false, true, true, false, true]);
  });

  it("has the age of pages watched only then", () => {
    expect([5.5, 3.9, 2.1, 1.9].map(watches)).toEqual([false, true, true, false]);
  });

  it("divides 10 ms of CPU time a second by what is cold in each VM", () => {
    const times = decideOnce(damonReclaim, seen(MIB)).actions.map((action) =>
      action.kind === "reclaim" ? action.mostUs : NaN,
    );
    expect(times).toEqual([7500, 2500]);
  });

  it("takes at most 128 MiB a second, of cold pages only", () => {
    expect(taken(64 * MIB)).toEqual([96 * MIB, 32 * MIB]);
    expect(taken(MIB)).toEqual([3 * MIB, MIB]);
  });
});
