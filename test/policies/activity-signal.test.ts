/** How much of VMs is active, as a policy is shown it. */
import { describe, expect, it } from "vitest";
import { cause } from "../../src/core/ledger.ts";
import { InputError } from "../../src/core/input-error.ts";
import { primitiveCost } from "../../src/machine/profile.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { hostSwap } from "../../src/vmm/memory/host-swap.ts";
import { definePolicy } from "../../src/vmm/memory/policies/define-policy.ts";
import { defineTuner } from "../../src/vmm/memory/policies/define-tuner.ts";
import { hyperV } from "../../src/vmm/memory/policies/hyper-v.ts";
import type { Signal, VmObservations } from "../../src/vmm/memory/policies/policy-contract.ts";
import { buildHost, profile, SCRIPTED } from "../host/fixtures.ts";

const KIB_PER_PAGE = 4;
const PAGES = 1000;

/** What a policy that reads this sees of its first VM at each call. */
function reading(signals: readonly Signal[], cadenceUs = 1e6) {
  const seen: VmObservations[] = [];
  const part = definePolicy<Record<string, never>, number>({
    ...SCRIPTED,
    name: "reading",
    cadenceUs,
    signals,
    decide: (_, { vms }, state) => {
      seen.push(vms[0]);
      return { actions: [], state };
    },
  });
  return { part, seen };
}

/** A VM that has written all of its pages, and uses `used` of them in every second but the first; what its policy sees. */
function watch(signals: readonly Signal[], seconds: number, used: (second: number) => number, cadenceUs = 1e6) {
  const { part, seen } = reading(signals, cadenceUs);
  const host = buildHost({ ...kvm, memory: [hostSwap()], allocation: part({}) }, 2 * PAGES);
  const vm = host.memory.addVm(PAGES);
  for (let ppn = 0; ppn < PAGES; ppn++) host.memory.write(vm, ppn, ppn + 1);
  for (let nowUs = 0; nowUs <= seconds * 1e6; nowUs += host.allocation.periodUs) {
    host.allocation.rebalance(nowUs);
    for (let ppn = 0; ppn < used(nowUs / 1e6); ppn++) host.memory.touch(vm, ppn);
  }
  const paid = host.memory.payer.cyclesOf(cause("vmm.memory.activity-sample"));
  return { active: seen.map(({ active }) => (active === undefined ? undefined : active / KIB_PER_PAGE)), paid };
}

describe("the activity of a VM", () => {
  it("is all of it at first, and then what samples of 30 s say", () => {
    const { active } = watch(["vm.active"], 61, (second) => (second < 30 ? PAGES : 0));
    expect(active.slice(0, 60)).toEqual(Array(60).fill(PAGES));
    // In the second half minute nothing was touched: the slow average, quick to rise and slow to fall, goes 23 % of the way.
    expect(active[60]).toBeCloseTo(0.77 * PAGES, 9);
  });

  it("is estimated as well as 100 pages of a thousand allow", () => {
    const { active } = watch(["vm.active"], 31, () => 300);
    // 100 of 1000 without replacement: sqrt(0.3 x 0.7 / 100 x 900 / 999) is 4.3 % of the pages.
    expect(Math.abs((active[30] ?? NaN) - 300)).toBeLessThan(4 * 43.5);
  });

  it("is sampled by the VMs' time, however seldom the policy is called", () => {
    const { active } = watch(["vm.active"], 180, (second) => (second < 30 ? PAGES : 0), 90e6);
    // Two periods without a touch, and five: 0.77^2 and 0.77^5 of the pages.
    expect(active.map((pages) => Math.round(pages ?? NaN))).toEqual([1000, 593, 271]);
  });

  it("costs a change of a mapping for each sampled page that is touched, where a policy asks, and nothing elsewhere", () => {
    const asked = watch(["vm.active"], 89, () => PAGES);
    expect(asked.paid).toBe(3 * 100 * primitiveCost(profile, "page.map"));
    const others = watch(["vm.actual"], 89, () => PAGES);
    expect([others.paid, others.active[80]]).toEqual([0, undefined]);
  });

  it("has a period and gains of its own, which only policies have that go by it", () => {
    const names = Object.keys(reading(["vm.active"]).part.definition.parameters);
    expect(names).toEqual(expect.arrayContaining(["samplePeriodSeconds", "slowGain", "fastGain"]));
    expect(Object.keys(hyperV.definition.parameters)).not.toContain("samplePeriodSeconds");
  });

  it("has no parameter that a policy has, too: one of the two would be lost", () => {
    const parameter = { summary: "", default: 5, source: "", grade: "A" } as const;
    const of = (name: string, signals: readonly Signal[]) =>
      definePolicy({
        ...SCRIPTED,
        name: "own",
        signals,
        parameters: { [name]: parameter },
        decide: (_, __, state) => ({ actions: [], state }),
      });
    expect(() => of("samplePeriodSeconds", ["vm.active"])).toThrow(InputError);
    expect(() => of("samplePeriodSeconds", ["vm.active"])).toThrow(
      "policy own: parameter samplePeriodSeconds: the host has one of this name; expected another name, or hostParameters",
    );
    expect(of("samplePeriodSeconds", []).definition.parameters).toHaveProperty("samplePeriodSeconds", parameter);
    expect(() => of("minimumPercent", [])).toThrow("policy own: parameter minimumPercent: the host has one");
  });

  it("is not for who only tells page sharing how fast to scan", () => {
    const tuner = definePolicy({
      ...SCRIPTED,
      name: "tuner",
      balloons: false,
      tunesSharing: true,
      signals: ["vm.active"],
      decide: (_, __, state) => ({ actions: [], state }),
    });
    expect(() => defineTuner(tuner)).toThrow(InputError);
    expect(() => defineTuner(tuner)).toThrow("policy tuner: reads vm.active; expected a policy that does nothing but");
  });
});
