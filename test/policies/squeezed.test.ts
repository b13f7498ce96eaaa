import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { MemoryRequest, Observations, VmObservations } from "../../src/vmm/memory/policies/policy-contract.ts";
import {
  squeezed,
  squeezedGamma,
  type SqueezedState,
  squeezedSurplus,
  squeezedTargets,
} from "../../src/vmm/memory/policies/squeezed.ts";
import { anyObservations, decideOnce, GIB, host, MIB, parametersOf, targetsIn, vm } from "./observations.ts";

const parameters = parametersOf(squeezed);
const domain = (name: string, actual: number, minimum: number, maximum: number) =>
  vm(name, { actual, minimum, maximum });
const DOMAINS = [
  domain("1", 2_097_152, 1_048_576, 4_194_304),
  domain("2", 4_194_304, 1_048_576, 4_194_304),
  domain("3", 1_048_576, 524_288, 1_048_576),
];

describe("squeezed", () => {
  it("gives every domain the same fraction of its range", () => {
    expect(squeezedSurplus(DOMAINS, 524_288, 73_728)).toBe(5_169_128);
    expect(squeezedGamma(5_169_128, 6_815_744)).toBeCloseTo(0.75841, 6);
    const targets = squeezedTargets(DOMAINS, 524_288, 73_728);
    [3_434_327, 3_434_327, 921_913].forEach((kib, i) => {
      expect(Math.abs(targets[i] - kib)).toBeLessThan(1);
    });
  });

  it("keeps 72 MiB free, and releases before anybody grows", () => {
    const { actions } = decideOnce(squeezed, { host: host({ free: 524_288 }), vms: DOMAINS });
    const targets = targetsIn(actions);
    expect(Object.keys(targets)).toEqual(["2", "3"]);
    expect(Math.abs(targets["2"] - 3_434_327)).toBeLessThan(1);
    expect(Math.abs(targets["3"] - 921_913)).toBeLessThan(1);
  });

  it("has a gamma of 0 where no domain has a range", () => {
    const fixed = [domain("a", GIB, GIB, GIB)];
    expect(squeezedTargets(fixed, GIB, 0)).toEqual([GIB]);
  });

  it("waits for the scrubber", () => {
    const seen = { host: host({ free: 524_288, scrubbing: 4096 }), vms: DOMAINS };
    const { actions, nextInUs } = decideOnce(squeezed, seen);
    expect([actions, nextInUs]).toEqual([[], 250_000]);
  });

  it("leaves less than 512 KiB too much alone, and not less than is wanted", () => {
    const free = 73_728;
    const movedAt = [511, 512, -1].map((more) => {
      const { actions } = decideOnce(squeezed, { host: host({ free: free + more }), vms: DOMAINS });
      return actions.length > 0;
    });
    expect(movedAt).toEqual([false, true, true]);
  });

  it("never promises more than there is, and in a round that releases lets nobody grow", () => {
    fc.assert(
      fc.property(anyObservations, (seen) => {
        const { actions } = decideOnce(squeezed, seen);
        const targets = targetsIn(actions);
        const moved = seen.vms.filter(({ name }) => name in targets);
        const grows = moved.some(({ name, actual }) => targets[name] > actual + 4);
        const releases = moved.some(({ name, actual }) => targets[name] < actual - 4);
        expect(grows && releases).toBe(false);
        if (!grows) return;
        const promised = moved.reduce((sum, { name, actual }) => sum + targets[name] - actual, 0);
        // Sizes are known to within 4 KiB, and the surplus leaves out twice that per domain.
        const tolerance = 12 * seen.vms.length;
        const wanted = 72 * MIB;
        expect(promised).toBeLessThanOrEqual(seen.host.free + seen.host.scrubbing - wanted + tolerance);
      }),
    );
  });
});

/** Domains whose drivers move at `rate` KiB/s within limits of their own; frames conserve. */
interface Driver {
  readonly rate: number;
  readonly least?: number;
  readonly most?: number;
  /** Moves only in every second period of 10 s. */
  readonly intermittent?: boolean;
}

function simulate(
  start: readonly VmObservations[],
  free: number,
  drivers: readonly Driver[],
  seconds: number,
  request?: MemoryRequest,
) {
  let vms = [...start];
  let hostFree = free;
  let state: SqueezedState = squeezed.policy.start(parameters);
  let nextUs = 0;
  const flags: string[] = [];
  const answers: string[] = [];
  const frees: number[] = [];
  for (let nowUs = 0; nowUs <= seconds * 1e6 && answers.length === 0; nowUs += 0.25e6) {
    if (nowUs >= nextUs) {
      const seen: Observations = { host: host({ free: hostFree }), vms, ...(request && { request }) };
      const decision = squeezed.policy.decide(parameters, seen, state, nowUs);
      state = decision.state;
      nextUs = nowUs + (decision.nextInUs ?? squeezed.policy.cadenceUs);
      const targets = targetsIn(decision.actions);
      vms = vms.map((of) => ({ ...of, target: targets[of.name] ?? of.target }));
      for (const action of decision.actions) {
        if (action.kind === "flag") flags.push(`${action.vm} ${action.as}`);
        if (action.kind === "grant") answers.push(`grant ${Math.round(action.kib)}`);
        if (action.kind === "refuse") answers.push(action.reason);
      }
    }
    vms = vms.map((of, i) => {
      const { rate, least = 0, most = Infinity, intermittent = false } = drivers[i];
      if (intermittent && Math.floor(nowUs / 10e6) % 2 === 1) return of;
      const aim = Math.max(least, Math.min(most, of.target));
      const step = Math.max(-rate / 4, Math.min(rate / 4, aim - of.actual));
      hostFree -= step;
      return { ...of, actual: of.actual + step };
    });
    frees.push(hostFree);
  }
  return { vms, hostFree, flags, answers, leastFree: Math.min(...frees) };
}

const FAST = { rate: 200 * MIB };

describe("squeezed, with drivers", () => {
  it("reaches the division of the formula, and free memory never dips below what is wanted", () => {
    const { vms, leastFree } = simulate(DOMAINS, 524_288, [FAST, FAST, FAST], 60);
    [3_434_327, 3_434_327, 921_913].forEach((kib, i) => {
      expect(Math.abs(vms[i].actual - kib)).toBeLessThan(512);
    });
    expect(leastFree).toBeGreaterThanOrEqual(73_728 - 12);
  });

  it("lets the others absorb what a stuck domain does not give", () => {
    const { vms, flags } = simulate(DOMAINS, 524_288, [FAST, { rate: 0 }, FAST], 90);
    expect(flags).toEqual(["2 uncooperative"]);
    expect(vms[1].actual).toBe(4_194_304);
    // What is left for 1 and 3: 524 288 + 1 048 568 + 524 280 - 73 728 over a range of 3 670 016.
    const gamma = 2_023_408 / 3_670_016;
    expect(Math.abs(vms[0].actual - (1_048_576 + gamma * 3_145_728))).toBeLessThan(512);
    expect(Math.abs(vms[2].actual - (524_288 + gamma * 524_288))).toBeLessThan(512);
  });

  it("counts on a domain again when it moves again", () => {
    // 72 MiB at 4 MiB/s: 10 s, a pause of 10 s in which it is left out, and 8 s.
    const slow = { rate: 4 * MIB, intermittent: true };
    const { vms, flags } = simulate([domain("a", 2 * GIB, GIB, 2 * GIB)], 0, [slow], 60);
    expect(Math.abs(vms[0].actual - (2 * GIB - 72 * MIB))).toBeLessThan(512);
    expect(flags).toEqual(["a uncooperative"]);
  });

  it("frees what a new VM needs, by the same fraction for it", () => {
    const one = [domain("a", 2 * GIB, GIB, 2 * GIB)];
    // Surplus 72 MiB + 1 GiB - 8 KiB - 72 MiB - 256 MiB over ranges of 1 GiB and 256 MiB.
    const gamma = (GIB - 8 - 256 * MIB) / (GIB + 256 * MIB);
    const amount = 256 * MIB + gamma * 256 * MIB;
    const { answers, hostFree } = simulate(one, 72 * MIB, [FAST], 60, { least: 256 * MIB, most: 512 * MIB });
    expect(answers).toEqual([`grant ${Math.round(amount)}`]);
    expect(hostFree).toBeGreaterThanOrEqual(72 * MIB + amount);
  });

  it("says who refused, or that it cannot be done", () => {
    const one = [domain("a", 2 * GIB, GIB, 2 * GIB)];
    const request = { least: 512 * MIB, most: 512 * MIB };
    const refused = simulate(one, 72 * MIB, [{ rate: 0 }], 60, request);
    expect(refused.answers).toEqual(["these domains refused: a"]);
    const limited = simulate(one, 72 * MIB, [{ rate: 200 * MIB, least: 1.9 * GIB }], 60, request);
    expect(limited.answers).toEqual(["these domains refused: a"]);
    const tooMuch = simulate(one, 72 * MIB, [FAST], 60, { least: 2 * GIB, most: 2 * GIB });
    expect(tooMuch.answers).toEqual(["cannot free this much"]);
  });
});
