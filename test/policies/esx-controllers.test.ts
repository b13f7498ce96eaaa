import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { composeVmm } from "../../src/vmm/compose.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { esx2Controller } from "../../src/vmm/memory/policies/esx-2-controller.ts";
import { esx4Controller } from "../../src/vmm/memory/policies/esx-4-controller.ts";
import { esx5Controller } from "../../src/vmm/memory/policies/esx-5-controller.ts";
import { esx6Controller } from "../../src/vmm/memory/policies/esx-6-controller.ts";
import type { EsxParameters, EsxState } from "../../src/vmm/memory/policies/esx-entitlements.ts";
import type { Action, Observations, VmObservations } from "../../src/vmm/memory/policies/policy-contract.ts";
import { PARTS } from "../../src/vmm/parts.ts";
import { IDLE_TAX_RHO, MIN_FREE } from "../host/esx-vectors.ts";
import { anyObservations, decideOnce, GIB, host, MIB, parametersOf, targetsIn, vm } from "./observations.ts";

type Controller = typeof esx2Controller;
const CONTROLLERS = [esx2Controller, esx4Controller, esx5Controller, esx6Controller];
const KIB_PER_PAGE = 4;

/** A controller that is called again and again. */
function running(factory: Controller, parameters: Readonly<Record<string, number>> = {}) {
  const all = parametersOf(factory, parameters as Partial<EsxParameters>);
  let state: EsxState = factory.policy.start(all);
  let nowUs = 0;
  return {
    figures: (seen: Observations, of?: VmObservations) =>
      factory.policy.figures?.(all, seen, state, nowUs, of) as Record<string, number>,
    /** What it does, so many microseconds after the last time. */
    call(seen: Observations, afterUs = 1e6) {
      nowUs += afterUs;
      const decision = factory.policy.decide(all, seen, state, nowUs);
      ({ state } = decision);
      return decision;
    },
  };
}

/** What each VM is entitled to, MiB, for who sees the host for the first time. */
function entitled(factory: Controller, seen: Observations, parameters = {}): readonly number[] {
  const { figures } = running(factory, parameters);
  return seen.vms.map((one) => figures(seen, one).entitled_mib);
}

const withFree = (free: number, total: number, vms: readonly VmObservations[] = []): Observations => ({
  host: host({ total, free, swapTotal: total }),
  vms,
});

describe("states of free memory", () => {
  it.each(MIN_FREE)(
    "aim at a sliding MinFree from ESXi 5 on: with %i GB at %f MB, and 4 times that from ESXi 6 on",
    (gib, mib) => {
      const seen = withFree(gib * GIB, gib * GIB);
      expect(running(esx5Controller).figures(seen).free_goal_mib).toBeCloseTo(mib, 1);
      expect(running(esx6Controller).figures(seen).free_goal_mib / 4).toBeCloseTo(mib, 1);
    },
  );

  it("aim at 6 % up to ESX 4.1", () => {
    for (const factory of [esx2Controller, esx4Controller])
      expect(running(factory).figures(withFree(0, 100 * GIB)).free_goal_mib).toBeCloseTo(6144, 6);
  });

  it("take from a VM on a host of 64 GB at 812.6, 406.3 and 203.2 MB from ESXi 5 on", () => {
    const rich = { actual: 40 * GIB, minimum: 0, maximum: 40 * GIB };
    const reserved = { actual: 20 * GIB, minimum: 20 * GIB, maximum: 20 * GIB };
    const vms = [vm("rich", rich), vm("reserved", reserved)];
    const kinds = (factory: Controller, mib: number): readonly string[] =>
      decideOnce(factory, withFree(mib * MIB, 64 * GIB, vms)).actions.flatMap(({ kind }) =>
        kind === "break" ? [] : [kind],
      );
    const steps = [812.7, 812.5, 406.2, 203.1];
    // All of it comes from the one that has nothing reserved.
    expect(steps.map((mib) => kinds(esx5Controller, mib))).toEqual([
      [],
      ["target"],
      ["target", "cap"],
      ["target", "cap", "block"],
    ]);
    expect(steps.map((mib) => kinds(esx6Controller, mib))).toEqual([[], ["target"], ["cap"], ["cap", "block"]]);
  });

  it("break large pages from 1269.8 MB on with ESXi 6, and from 2 % on with ESX 2, VM by VM", () => {
    const size = { actual: 30 * GIB, minimum: 0, maximum: 40 * GIB };
    const vms = [vm("a", size, { resident: 20 * GIB }), vm("b", size), vm("c", size, { resident: 25 * GIB })];
    const order = (factory: Controller, mib: number) => {
      const { call } = running(factory);
      const seen = withFree(mib * MIB, 64 * GIB, vms);
      return [1, 2, 3, 4, 5].map(() =>
        call(seen)
          .actions.flatMap((action) => (action.kind === "break" ? [action.vm] : []))
          .join(),
      );
    };
    expect(order(esx6Controller, 1270)).toEqual(["", "", "", "", ""]);
    // Whoever is furthest above what it is entitled to comes first.
    expect(order(esx6Controller, 1269)).toEqual(["b", "c", "a", "", ""]);
    expect(order(esx2Controller, 0.02 * 65_536 + 1)).toEqual(["", "", "", "", ""]);
    expect(order(esx2Controller, 0.02 * 65_536 - 1)).toEqual(["b", "c", "a", "", ""]);
  });

  /** In percent of memory, or of MinFree: the reference, section 6.3 of Waldspurger 2002 and articles. */
  const PERCENT = [
    [6, 4, 2, 1],
    [6, 0.64 * 6, 0.32 * 6, 0.16 * 6],
    [100, 64, 32, 16],
    [400, 100, 64, 32, 16],
  ];
  const ROUNDING = 1e-6;
  const MIN_FREE_64_GB = 0.06 * 4096 + 0.04 * 8192 + 0.02 * 16_384 + 0.01 * 36_864;

  it.each(CONTROLLERS.map((factory, i) => [factory.policy.name, factory, PERCENT[i]] as const))(
    "of %s are left upwards only beyond a better one's boundary by the margin, whatever free memory does",
    (_, factory, percent) => {
      const base = percent[0] > 50 ? MIN_FREE_64_GB : 65_536;
      const limits = percent.map((part) => (part * base) / 100);
      const walk = fc.array(fc.double({ min: 0, max: 1.5, noNaN: true }), { minLength: 1, maxLength: 40 });
      fc.assert(
        fc.property(walk, fc.integer({ min: 0, max: 50 }), (parts, hysteresisPercent) => {
          const { figures, call } = running(factory, { hysteresisPercent });
          let state = 0;
          for (const part of parts) {
            const free = part * limits[0];
            const seen = withFree(free * MIB, 64 * GIB);
            const next = limits.findIndex((limit) => Math.abs(limit - figures(seen).boundary_mib) < ROUNDING);
            call(seen);
            for (let worse = 1; worse < limits.length; worse++)
              if (free < limits[worse] - ROUNDING) expect(next).toBeGreaterThanOrEqual(worse);
            if (next > state) expect(free).toBeLessThan(limits[next] + ROUNDING);
            for (let passed = next; passed < state; passed++)
              expect(free).toBeGreaterThan(limits[passed] * (1 + hysteresisPercent / 100) - ROUNDING);
            // It does not stay in a state while free memory is beyond the next better one's boundary by the margin.
            if (next > 0) expect(free).toBeLessThanOrEqual(limits[next - 1] * (1 + hysteresisPercent / 100) + ROUNDING);
            state = next;
          }
        }),
      );
    },
  );
});

/** A VM that uses `resident` MiB of 4 GiB, `active` of them active; as much as that has been swapped out as there is room for. */
const using = (name: string, resident: number, active: number, rest: Partial<VmObservations> = {}) =>
  vm(
    name,
    { actual: 4 * GIB, minimum: 0, maximum: 4 * GIB },
    {
      resident: resident * MIB,
      hostSwapped: 4 * GIB - resident * MIB,
      active: active * MIB,
      ...rest,
    },
  );

/** Just so much free that all that the VMs have is to be divided: 6 % of 64 GiB. */
const steady = (...vms: readonly VmObservations[]): Observations => withFree(0.06 * 64 * GIB, 64 * GIB, vms);

describe("what VMs are entitled to", () => {
  // rho = S / (P (f + 4 (1 - f))) for S = P.
  it.each(IDLE_TAX_RHO)(
    "is what they have, where a VM of which a part of %s is active has %s of the pages of one that uses all",
    (part, rho) => {
      // Equal shares: at equilibrium both pay the same, so that the pages of the one are those of the other times its rho.
      const other = 3000;
      const own = other * rho;
      const [a, b] = entitled(esx2Controller, steady(using("a", own, part * own), using("b", other, other)));
      expect(a / own).toBeCloseTo(1, 3);
      expect(b / other).toBeCloseTo(1, 3);
      // With fewer shares for the same pages it has too much.
      const [less] = entitled(
        esx2Controller,
        steady(using("a", own, part * own, { shares: 500 }), using("b", other, other)),
      );
      expect(less).toBeLessThan(0.95 * own);
    },
  );

  it("is by hand: the same price for both, active pages at 1 and idle ones at 4", () => {
    // 1000 and 3000 active of 2000 and 3500 MiB: a + b = 5500; 1000 + 4 (a - 1000) = 3000 + 4 (b - 3000), so that b = a + 1500.
    expect(entitled(esx2Controller, steady(using("a", 2000, 1000), using("b", 3500, 3000))).map(Math.round)).toEqual([
      2000, 3500,
    ]);
    // The same with 4000 and 1500 in hand: memory moves from the one to the other.
    expect(entitled(esx2Controller, steady(using("a", 4000, 1000), using("b", 1500, 3000))).map(Math.round)).toEqual([
      2000, 3500,
    ]);
    // Twice the shares: 3000 + 4 (b - 3000) = 2 (1000 + 4 (a - 1000)), so that b = 2 a + 750 and 3 a = 4750.
    const of = (shares: number) =>
      entitled(esx2Controller, steady(using("a", 2000, 1000), using("b", 3500, 3000, { shares }))).map(Math.round);
    expect(of(2000)).toEqual([1583, 3917]);
    // Four times: b = 4 a - 750 would be 4250, more than it has ever had: 4096.
    expect(of(4000)).toEqual([5500 - 4096, 4096]);
  });

  it("settles where the published experiment with an idle and a busy VM does (Waldspurger 2002, Figure 7)", () => {
    const mb256 = { actual: 256 * MIB, minimum: 0, maximum: 256 * MIB };
    const of = (active: number, resident: number) =>
      vm("x", mb256, { resident: resident * MIB, hostSwapped: (256 - resident) * MIB, active: active * MIB });
    const pair = (total: number, ...actives: readonly [number, number]) => {
      const vms = actives.map((active, i) => ({ ...of(active, total / 2), name: `vm${i}` }));
      return steady(...vms);
    };
    const [idle, busy] = entitled(esx2Controller, pair(101.3 + 243.4, 9.5, 200.6));
    expect(Math.abs(idle - 101.3)).toBeLessThan(2);
    expect(Math.abs(busy - 243.4)).toBeLessThan(2);
    expect(entitled(esx2Controller, pair(358, 9.5, 175.6), { idleMemoryTax: 0 })).toEqual([179, 179]);
  });

  it("grows with a VM's size, as shares of ESX do", () => {
    const small = vm("s", { actual: GIB, minimum: 0, maximum: GIB }, { active: GIB });
    const large = vm("l", { actual: 3 * GIB, minimum: 0, maximum: 3 * GIB }, { active: 3 * GIB });
    const seen = withFree(0.06 * 64 * GIB - 2 * GIB, 64 * GIB, [small, large]);
    expect(entitled(esx2Controller, seen)).toEqual([512, 1536]);
  });

  it("is bounded by minimum and by what was ever used, and no more in all than there is", () => {
    const active = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 6, maxLength: 6 });
    fc.assert(
      fc.property(anyObservations, active, fc.constantFrom(...CONTROLLERS), (seen, parts, factory) => {
        const vms = seen.vms.map((one, i) => ({ ...one, active: parts[i] * one.resident }));
        const of = { ...seen, vms };
        const goal = running(factory).figures(of).free_goal_mib * MIB;
        const { free, scrubbing, reserved } = seen.host;
        const total = vms.reduce((sum, { resident }) => sum + resident, free + scrubbing - reserved - goal);
        const given = entitled(factory, of).map((mib) => mib * MIB);
        const least = vms.reduce((sum, { minimum }) => sum + minimum, 0);
        const most = vms.reduce((sum, { maximum }) => sum + maximum, 0);
        const sum = given.reduce((all, kib) => all + kib, 0);
        // A page for each VM is lost to rounding.
        if (most <= total) expect(sum).toBeCloseTo(most, 3);
        else if (least <= total) expect(sum).toBeLessThanOrEqual(total + 1);
        if (least <= total && most > total) expect(sum).toBeGreaterThan(total - KIB_PER_PAGE * (vms.length + 1));
        given.forEach((kib, i) => {
          expect(kib).toBeGreaterThanOrEqual(vms[i].minimum - 1e-6);
          expect(kib).toBeLessThanOrEqual(vms[i].maximum + 1e-6);
        });
      }),
      { seed: 42 },
    );
  });

  it("stays for a balance period, and is divided anew at once when the state changes or a VM comes", () => {
    const seen = (active: number, free: number, ...more: VmObservations[]) =>
      withFree(free * GIB, 64 * GIB, [using("a", 2000, active), using("b", 3500, 3000), ...more]);
    const { call, figures } = running(esx2Controller);
    const of = (now: Observations) => Math.round(figures(now, now.vms[0]).entitled_mib);
    call(seen(1000, 3.84));
    // 2000 active: b = a + 750.
    const later = seen(2000, 3.84);
    for (let second = 0; second < 14; second++) {
      call(later);
      expect(of(later)).toBe(2000);
    }
    call(later);
    expect(of(later)).toBe(2375);
    const soft = seen(1000, 2.5);
    expect(of(soft)).toBeLessThan(2000);
    const another = seen(1000, 3.84, using("c", 1000, 0));
    call(later);
    expect(of(another)).toBeLessThan(2000);
  });

  it("has the policy called at the end of the period, which need not be that of a look at free memory", () => {
    const { call } = running(esx2Controller, { balancePeriodSeconds: 0.25 });
    const next = [1, 0.1e6, 0.1e6, 0.05e6].map((afterUs) => call(steady(using("a", 2000, 0)), afterUs).nextInUs);
    expect(next).toEqual([0.1e6, 0.1e6, 0.05e6, 0.1e6]);
  });
});

const GENERATION_2 = { high: 0.062, soft: 0.03, hard: 0.015, low: 0.005 };
const ruleOf = (actions: readonly Action[]) => actions.map(({ rule, kind }) => `${kind} ${rule}`);

/** Three equal VMs, two of which have more than they are entitled to; one of these two has no driver. */
function three(part: number, swap = 1): Observations {
  const size = { actual: 4 * GIB, minimum: 0, maximum: 4 * GIB };
  const seen = withFree(part * 10 * GIB, 10 * GIB, [
    vm("a", size),
    vm("b", size, { canBalloon: false }),
    vm("c", { ...size, actual: GIB }),
  ]);
  return { ...seen, host: { ...seen.host, swapTotal: swap * 10 * GIB } };
}

/** What is done to which VM, but for large pages. */
const at = (factory: Controller, part: number, swap = 1) =>
  decideOnce(factory, three(part, swap)).actions.flatMap(({ kind, ...of }) =>
    "vm" in of && kind !== "break" ? [`${of.vm} ${kind}`] : [],
  );

/** Pages that are taken by force. */
const paged = (seen: Observations, parameters = {}) =>
  decideOnce(esx2Controller, seen, parameters).actions.flatMap((action) =>
    action.kind === "cap"
      ? [((seen.vms.find(({ name }) => name === action.vm)?.resident ?? NaN) - action.kib) / KIB_PER_PAGE]
      : [],
  );

describe("memory that is taken", () => {
  it("comes from balloons, and by force where there is none; by force from everybody when free memory is lower", () => {
    const grows = "c target";
    expect(at(esx2Controller, GENERATION_2.high)).toEqual([grows]);
    expect(at(esx2Controller, GENERATION_2.soft).sort()).toEqual(["a target", "b cap", grows]);
    expect(at(esx2Controller, GENERATION_2.hard).sort()).toEqual(["a cap", "a target", grows]);
    expect(at(esx2Controller, GENERATION_2.low).sort()).toEqual(["a block", "a cap", "a target", "b block", grows]);
  });

  it("comes from nobody by force where the host has no swap space, but from balloons that stand still otherwise", () => {
    // MinFree of 10 GB: 6 % of 4 and 4 % of 6 are 0.48 GB, of which low is 16 %: 0.77 % of the host.
    expect(at(esx6Controller, 0.007).sort()).toEqual(["a block", "a cap", "b block", "c target"]);
    expect(at(esx6Controller, 0.007, 0).sort()).toEqual(["a target", "c target"]);
  });

  it("goes at the speed of background paging, and no further than the goal and what the VM is entitled to", () => {
    // 4096 pages a second, in ten steps.
    expect(paged(three(GENERATION_2.hard))).toEqual([410]);
    // 4.5 % of 10 GiB are missing: 117,965 pages, which the first one has to give.
    expect(paged(three(GENERATION_2.hard), { pageOutPagesPerSecond: 1e7 }).map(Math.round)).toEqual([117_965]);
    // A VM 40 MiB beyond what it is entitled to gives these 10,240 pages and no more.
    const a = vm("a", { actual: 1000 * MIB, minimum: 960 * MIB, maximum: 1000 * MIB });
    const b = vm("b", { actual: 9000 * MIB, minimum: 9000 * MIB, maximum: 9000 * MIB });
    const both = withFree(0.015 * 10 * GIB, 10 * GIB, [a, b]);
    expect(paged(both, { pageOutPagesPerSecond: 1e7 })).toEqual([10_240]);
  });

  it("is no longer taken, and VMs run again, when the state is better", () => {
    const { call } = running(esx2Controller);
    call(three(GENERATION_2.low));
    const after = call(three(0.07)).actions;
    const others = ruleOf(after).filter((rule) => !rule.startsWith("target"));
    expect(others.sort()).toEqual([
      "block high: let run again",
      "block high: let run again",
      "cap high: paged no longer",
    ]);
    const caps = after.flatMap((action) => (action.kind === "cap" ? [action.kib] : []));
    expect(caps).toEqual([4 * GIB]);
    expect(ruleOf(call(three(0.07)).actions).filter((rule) => !rule.startsWith("target"))).toEqual([]);
  });

  it("lets balloons stand where they are, while ESXi 6 pages", () => {
    const moving = vm("a", { actual: 4 * GIB, minimum: 0, maximum: 4 * GIB }, { target: 2 * GIB });
    const poor = vm("b", { actual: 4 * GIB, minimum: 4 * GIB, maximum: 4 * GIB });
    const seen = withFree(0.008 * 10 * GIB, 10 * GIB, [moving, poor]);
    const { actions } = decideOnce(esx6Controller, seen);
    expect(targetsIn(actions)).toEqual({ a: 4 * GIB });
    expect(ruleOf(actions)).toContain("target hard: balloon stands still");
  });
});

/** A VM that uses `resident` of 1000 MiB and has `balloon` of them in its balloon. */
const one = (resident: number, balloon: number) =>
  vm("a", { actual: (1000 - balloon) * MIB, minimum: 0, maximum: 1000 * MIB }, { resident: resident * MIB });
const other = vm("b", { actual: 9 * GIB, minimum: 9 * GIB, maximum: 9 * GIB });
/** The first VM is entitled to so many MiB in all. */
const hostFor = (entitledMib: number, resident: number, balloon: number) =>
  withFree((614.4 + entitledMib - resident) * MIB, 10 * GIB, [one(resident, balloon), other]);
/** Size of the first VM that is asked for, MiB; NaN: none. */
const target = (now: Observations, call: ReturnType<typeof running>["call"]) =>
  Math.round((targetsIn(call(now, 15e6).actions).a ?? NaN) / MIB);

describe("a balloon", () => {
  it("takes what the guest uses beyond what it is entitled to, and goes on where it got pages that were never used", () => {
    const { call } = running(esx2Controller);
    expect(target(hostFor(500, 800, 0), call)).toBe(700);
    // 200 MiB have come, but all of them pages that the guest had not touched: there are 300 more to come.
    expect(target(hostFor(500, 800, 200), call)).toBe(500);
    // All of the next 200 were in use.
    expect(target(hostFor(500, 600, 400), call)).toBe(500);
  });

  it("gives back what the VM is entitled to once, whether the guest uses it or not", () => {
    const { call } = running(esx2Controller);
    call(hostFor(600, 800, 0), 15e6);
    call(hostFor(600, 600, 400), 15e6);
    // It is to have 700; the balloon gives back 100, which the guest does not touch for a while.
    expect(target(hostFor(700, 600, 400), call)).toBe(700);
    expect(target(hostFor(700, 600, 300), call)).toBeNaN();
    expect(target(hostFor(700, 650, 300), call)).toBeNaN();
  });
});

const problems = (set: Readonly<Record<string, unknown>>) =>
  composeVmm(kvm, set, PARTS).problems.map(({ message }) => message);

describe("what it can be told", () => {
  it("is a sample period of 30 s, and of 60 s since ESX 3", () => {
    expect(CONTROLLERS.map((factory) => parametersOf(factory).samplePeriodSeconds)).toEqual([30, 60, 60, 60]);
  });

  it("is the boundary of the high state where articles do not agree", () => {
    const seen = withFree(0, 64 * GIB);
    expect(running(esx6Controller, { highPercent: 300 }).figures(seen).free_goal_mib).toBeCloseTo(3 * 1269.8, 0);
    expect(problems({ allocation: { "esx-5-controller": { highPercent: 300 } } })).toEqual([
      expect.stringContaining('esx-5-controller has no parameter "highPercent"'),
    ]);
  });

  it("is within bounds, in a sentence", () => {
    expect(problems({ allocation: { "esx-6-controller": { idleMemoryTax: 1 } } })).toEqual([
      "esx-6-controller idleMemoryTax: expected a number from 0 to 0.99, not 1",
    ]);
    expect(problems({ allocation: { "esx-2-controller": { hysteresisPercent: -1 } } })).toEqual([
      "esx-2-controller hysteresisPercent: expected a number of % from 0 to 100, not -1",
    ]);
    expect(problems({ allocation: "esx-7-controller" })).toEqual([expect.stringContaining('did you mean "esx-')]);
  });
});
