import { describe, expect, it } from "vitest";
import { InputError } from "../../src/core/input-error.ts";
import { definePolicy } from "../../src/vmm/memory/policies/define-policy.ts";
import { squeezed } from "../../src/vmm/memory/policies/squeezed.ts";

/** A policy in JavaScript has been read by no compiler. */
describe("a policy that is not whole", () => {
  const { policy } = squeezed;
  const wrong: readonly [string, object, string][] = [
    ["no name", { name: undefined }, "policy without a name: name: expected a text"],
    ["no cadence", { cadenceUs: 0 }, `policy ${policy.name}: cadenceUs: expected a number of microseconds, at least 1`],
    ["an endless cadence", { cadenceUs: Number.NaN }, "cadenceUs: expected"],
    ["no signals", { signals: undefined }, "signals: expected a list"],
    ["no start", { start: undefined }, "start: expected a function"],
    ["a check that is none", { problem: "none" }, "problem: expected a function"],
    ["no rule", { decide: undefined }, "decide: expected a function"],
  ];
  for (const [what, change, sentence] of wrong) {
    it(`is refused where it is defined: ${what}`, () => {
      const incomplete = { ...policy, ...change };
      expect(() => definePolicy(incomplete)).toThrow(InputError);
      expect(() => definePolicy(incomplete)).toThrow(sentence);
    });
  }
});
