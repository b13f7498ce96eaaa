import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Parameters } from "../../src/vmm/contract.ts";
import type { PolicyFactory } from "../../src/vmm/memory/policies/define-policy.ts";
import * as library from "../../src/vmm/parts.ts";
import { anyObservations, parametersOf } from "./observations.ts";

const policies = Object.values(library as Record<string, unknown>).filter(
  (value): value is PolicyFactory<Parameters, unknown> => typeof value === "function" && "policy" in value,
);

describe("every policy", () => {
  it("is in the registry of parts", () => {
    expect(policies.length).toBeGreaterThan(0);
  });

  for (const factory of policies) {
    const { policy } = factory;
    const parameters = parametersOf(factory);

    it(`${policy.name} says where its defaults come from`, () => {
      for (const { source, grade } of Object.values(factory.definition.parameters)) {
        expect(source).toBeTruthy();
        expect(["S", "D", "P", "2", "A"]).toContain(grade);
      }
    });

    it(`${policy.name} gives finite amounts within each VM's range, the same for the same input, and changes no input`, () => {
      fc.assert(
        fc.property(fc.array(anyObservations, { minLength: 1, maxLength: 4 }), (rounds) => {
          let state = policy.start(parameters);
          rounds.forEach((seen, i) => {
            const before = JSON.stringify(seen);
            const decision = policy.decide(parameters, seen, state, i * policy.cadenceUs);
            expect(policy.decide(parameters, seen, state, i * policy.cadenceUs)).toEqual(decision);
            expect(JSON.stringify(seen)).toBe(before);
            state = decision.state;
            for (const action of decision.actions) {
              if (action.kind === "sharing") {
                expect(policy.tunesSharing).toBe(true);
                expect(Number.isInteger(action.pagesToScan) && action.pagesToScan >= 0).toBe(true);
                expect(Number.isFinite(action.sleepMs) && action.sleepMs > 0).toBe(true);
              }
              if (!("kib" in action)) continue;
              expect(Number.isFinite(action.kib)).toBe(true);
              expect(action.kib).toBeGreaterThanOrEqual(0);
              if (action.kind !== "target") continue;
              const vm = seen.vms.find(({ name }) => name === action.vm);
              expect(action.kib).toBeGreaterThanOrEqual((vm?.minimum ?? NaN) - 1e-6);
              expect(action.kib).toBeLessThanOrEqual((vm?.maximum ?? NaN) + 1e-6);
            }
          });
        }),
      );
    });

    it(`${policy.name} explains itself by finite figures with units, of each VM and of the host, and changes no input`, () => {
      fc.assert(
        fc.property(fc.array(anyObservations, { minLength: 1, maxLength: 4 }), (rounds) => {
          let state = policy.start(parameters);
          rounds.forEach((seen, i) => {
            const nowUs = i * policy.cadenceUs;
            const before = JSON.stringify(seen);
            for (const vm of [undefined, ...seen.vms]) {
              const figures = policy.figures?.(parameters, seen, state, nowUs, vm) ?? {};
              for (const [name, value] of Object.entries(figures)) {
                expect(name).toMatch(/_(mib|percent|s|ms)$|^(gamma|active_domains)$/);
                expect(Number.isFinite(value)).toBe(true);
              }
            }
            expect(JSON.stringify(seen)).toBe(before);
            ({ state } = policy.decide(parameters, seen, state, nowUs));
          });
        }),
        { numRuns: 30 },
      );
    });
  }
});
