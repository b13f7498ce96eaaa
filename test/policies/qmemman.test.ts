import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { domainOf, qmemmanTargets } from "../../src/vmm/memory/policies/qmemman-balance.ts";
import { qmemman, type QmemmanState } from "../../src/vmm/memory/policies/qmemman.ts";
import type { Observations } from "../../src/vmm/memory/policies/policy-contract.ts";
import { anyObservations, decideOnce, host, MIB, parametersOf, targetsIn, vm } from "./observations.ts";

const parameters = parametersOf(qmemman);
/** A domain of `actual` MiB that uses `used` of them. */
const domain = (name: string, used: number, actual: number, maximum = 4000) =>
  vm(name, { actual: actual * MIB, minimum: 0, maximum: maximum * MIB }, { available: (actual - used) * MIB });
const THREE = [domain("dom0", 1000, 2000), domain("a", 600, 1500), domain("b", 1500, 1600)];
const targetsOf = (vms: Observations["vms"], free: number): number[] =>
  qmemmanTargets(
    vms.map((of) => domainOf(parameters, of)),
    free * MIB,
  ).map((kib) => kib / MIB);

describe("qmemman", () => {
  it("prefers 1.3 times what is used, and 350 MiB more for dom0", () => {
    const preferred = THREE.map((of) => domainOf(parameters, of).preferred / MIB);
    [1650, 780, 1950].forEach((mib, i) => {
      expect(preferred[i]).toBeCloseTo(mib, 6);
    });
    expect(domainOf(parameters, domain("c", 10, 400)).preferred).toBe(200 * MIB);
  });

  it("hands out everything in proportion to what is preferred", () => {
    const targets = targetsOf(THREE, 500);
    // Given to 0.1 MiB; all of it is 0.999 times 500 + 2000 + 1500 + 1600.
    [2107.5, 996.3, 2490.7].forEach((mib, i) => {
      expect(Math.abs(targets[i] - mib)).toBeLessThanOrEqual(0.05 + 1 / 1024);
    });
    expect(targets.reduce((sum, mib) => sum + mib, 0)).toBeCloseTo(0.999 * 5600, 6);
  });

  it("shares again what a domain at its maximum cannot take", () => {
    const [full, other] = targetsOf([domain("a", 1000, 1400, 1500), domain("b", 1000, 1400)], 1000);
    expect(full).toBe(1500);
    expect(other).toBeCloseTo(0.999 * (1300 + 1200 - 200), 6);
  });

  it("divides among the needy what the others have too much when there is not enough", () => {
    const [rich, poor, poorer, almost] = targetsOf(
      [domain("a", 1000, 1500), domain("b", 2000, 2000), domain("c", 1000, 1000), domain("d", 1000, 1305)],
      0,
    );
    expect(rich).toBeCloseTo(1300, 6);
    // 200 MiB in proportion 2600 to 1300; the surplus of 5 MiB is not worth taking.
    expect(poor).toBeCloseTo(0.999 * (2000 + (200 * 2) / 3), 6);
    expect(poorer).toBeCloseTo(0.999 * (1000 + 200 / 3), 6);
    expect(almost).toBeCloseTo(1305, 6);
  });

  it("leaves small gains alone", () => {
    const almost = [domain("a", 1000, 1311), domain("b", 1000, 1311)];
    expect(decideOnce(qmemman, { host: host({ free: 50 * MIB }), vms: almost }).actions).toEqual([]);
    expect(decideOnce(qmemman, { host: host({ free: 34 * MIB }), vms: almost }).actions).not.toEqual([]);
    expect(decideOnce(qmemman, { host: host({ free: 250 * MIB }), vms: almost }).actions).not.toEqual([]);
  });

  it("never divides more than there is", () => {
    fc.assert(
      fc.property(anyObservations, ({ host: { free }, vms }) => {
        // Without lower bounds of their own, which may ask for more than there is.
        const domains = vms.map((of) => domainOf(parameters, { ...of, minimum: 0 }));
        const targets = qmemmanTargets(domains, free);
        const all = domains.reduce((sum, { actual }) => sum + actual, free);
        expect(targets.reduce((sum, kib) => sum + kib, 0)).toBeLessThanOrEqual(all + 1);
      }),
    );
  });
});

/** Rounds of 0.1 s; `move` is what each domain does between them. */
function rounds(
  seen: Observations,
  count: number,
  move: (seen: Observations, targets: Record<string, number>) => Observations,
) {
  let state: QmemmanState = qmemman.policy.start(parameters);
  let now = seen;
  const log: string[] = [];
  let targets: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const decision = qmemman.policy.decide(parameters, now, state, i * 0.1e6);
    state = decision.state;
    targets = { ...targets, ...targetsIn(decision.actions) };
    for (const action of decision.actions) {
      if (action.kind === "grant" || action.kind === "refuse") log.push(`${i} ${action.kind}`);
      else if ("vm" in action) log.push(`${i} ${action.rule} ${action.vm}`);
    }
    now = move(now, targets);
  }
  return log;
}

/** Every domain is at once what it was told to be. */
function obey(now: Observations, targets: Record<string, number>): Observations {
  return { ...now, vms: now.vms.map((of) => ({ ...of, actual: targets[of.name] ?? of.actual })) };
}

/** The host gains this much in every round. */
function gaining(mib: number) {
  return (now: Observations): Observations => ({ ...now, host: { ...now.host, free: now.host.free + mib * MIB } });
}

describe("qmemman, step by step", () => {
  const seen = { host: host({ free: 50 * MIB }), vms: [domain("a", 1000, 3000), domain("b", 2000, 2100)] };
  const request = (mib: number) => ({ ...seen, request: { least: mib * MIB, most: mib * MIB } });

  it("shrinks donors before anybody grows", () => {
    expect(rounds(seen, 4, obey)).toEqual(["0 shrink a", "1 grow b"]);
  });

  it("waits for five polls, and then counts on a donor that does not move no longer", () => {
    const log = rounds(seen, 12, (now) => now);
    expect(log).toEqual(["0 shrink a", "6 poll a", "6 grow b"]);
  });

  it("gives nothing to a domain that has gone while donors were waited for", () => {
    const log = rounds(seen, 12, (now) => ({ ...now, vms: now.vms.filter(({ name }) => name === "a") }));
    expect(log.some((line) => line.endsWith(" b"))).toBe(false);
    expect(log[0]).toBe("0 shrink a");
  });

  it("refuses what the domains cannot give, and what they give too slowly", () => {
    expect(rounds(request(2000), 1, (now) => now)).toEqual(["0 refuse"]);
    expect(rounds(request(1000), 31, gaining(9))).toEqual(["0 request a", "30 refuse"]);
    // 1000 MiB and 0.781 % of it, at 10 MiB in a round.
    expect(rounds(request(1000), 102, gaining(10))).toEqual(["0 request a", "101 grant"]);
  });
});
