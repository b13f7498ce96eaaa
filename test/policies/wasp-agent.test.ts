import { describe, expect, it } from "vitest";
import {
  waspAgent,
  type WaspAgentState,
  waspLimit,
  waspReservation,
  waspSwapLimit,
} from "../../src/vmm/memory/policies/wasp-agent.ts";
import { GIB, host, MIB, parametersOf, vm } from "./observations.ts";

const NODE = { total: 16 * GIB, swapTotal: 8 * GIB };
const sizes = { actual: 3 * GIB, minimum: 3 * GIB, maximum: 3 * GIB };
const VMS = [
  vm("small", sizes, { resident: GIB }),
  vm("large", sizes, { resident: 2.5 * GIB }),
  vm("swapped", sizes, { resident: 1.5 * GIB, hostSwapped: 1.2 * GIB }),
  vm("unimportant", sizes, { resident: 2.2 * GIB, shares: 10 }),
];

/** What is done at each second of a host that swaps `rate` pages in and out a second. */
function run(
  seconds: number,
  rates: (second: number) => readonly [number, number],
  { used = 8 * GIB, swapUsed = 0, vms = VMS, parameters = parametersOf(waspAgent) } = {},
): string[] {
  let state: WaspAgentState = waspAgent.policy.start(parameters);
  let [swappedInPages, swappedOutPages] = [0, 0];
  const log: string[] = [];
  for (let second = 0; second <= seconds; second++) {
    const now = host({ ...NODE, free: NODE.total - used, swapUsed, swappedInPages, swappedOutPages });
    const decision = waspAgent.policy.decide(parameters, { host: now, vms }, state, second * 1e6);
    state = decision.state;
    for (const action of decision.actions) {
      if (action.kind === "evict") log.push(`${second} evict ${action.vm}`);
      if (action.kind === "admission") log.push(`${second} ${action.open ? "open" : "close"}`);
    }
    const [ins, outs] = rates(second);
    swappedInPages += ins;
    swappedOutPages += outs;
  }
  return log;
}

describe("wasp-agent", () => {
  it("has the limits of its documentation's node", () => {
    expect(waspLimit(NODE, 0.8) / GIB).toBeCloseTo(22.4, 12);
    expect(waspSwapLimit(3 * GIB, 2 * GIB, NODE)).toBe(GIB);
    // What is set aside in full is not swapped.
    expect(waspSwapLimit(2 * GIB, 2 * GIB, NODE)).toBe(0);
    expect(waspReservation(3 * GIB, 150)).toBe(2 * GIB);
  });

  it("moves nobody away while only one direction exceeds 1000 pages/s", () => {
    expect(run(30, () => [1500, 900])).toEqual([]);
    expect(run(30, () => [900, 1500])).toEqual([]);
  });

  it("needs 5 s of samples, moves one VM away at a time, and begins to watch anew", () => {
    expect(run(17, () => [1500, 1100])).toEqual(["5 close", "5 evict swapped", "11 evict swapped", "17 evict swapped"]);
  });

  it("admits VMs again when the traffic is over", () => {
    expect(run(14, (second) => (second < 5 ? [1500, 1100] : [0, 0]))).toEqual([
      "5 close",
      "5 evict swapped",
      "11 open",
    ]);
  });

  it("moves a VM away when memory and swap are full", () => {
    const full = { used: 15 * GIB, swapUsed: 7.4 * GIB };
    expect(run(5, () => [0, 0], { ...full, swapUsed: 7.3 * GIB + 100 * MIB })).toEqual([]);
    expect(run(5, () => [0, 0], { ...full, swapUsed: 7.5 * GIB })).toEqual(["5 close", "5 evict swapped"]);
  });

  it("chooses whom by limit, then reservation, then priority, then size, or size first as a variant", () => {
    const parameters = parametersOf(waspAgent);
    const without = (...gone: string[]) => VMS.filter(({ name }) => !gone.includes(name));
    const victim = (vms: typeof VMS, largestFirst = false) =>
      run(5, () => [2000, 2000], { vms, parameters: { ...parameters, largestFirst } })[1];
    expect(victim(VMS)).toBe("5 evict swapped");
    expect(victim(without("swapped"))).toBe("5 evict unimportant");
    expect(victim(without("swapped"), true)).toBe("5 evict large");
    expect(victim(without("swapped", "unimportant"))).toBe("5 evict large");
    expect(victim(without("swapped", "unimportant", "large"))).toBe("5 evict small");
  });
});
