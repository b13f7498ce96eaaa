/**
 * A policy as a memory part, if all it does is to say how fast pages are scanned for sharing: so that it goes with any policy
 * that allocates memory.
 */
import { InputError } from "../../../core/input-error.ts";
import { definePart, type Parameters, type PartFactory, TUNABLE_SHARING } from "../../contract.ts";
import { SharingTuner } from "../sharing-tuner.ts";
import type { PolicyFactory } from "./define-policy.ts";
import { ACTIVE, COLD, type Policy, type Signal } from "./policy-contract.ts";

/** What only whoever allocates memory is shown. */
const OF_ALLOCATION: readonly Signal[] = ["dom0", COLD, ACTIVE];

/** What a policy does that only one that allocates memory can do, or does not do that a tuner has to. */
function whatIsMore(
  policy: Pick<Policy, "tunesSharing" | "balloons" | "answersRequests" | "countsOnSwap" | "signals">,
) {
  if (policy.tunesSharing !== true) return "does not say tunesSharing";
  if (policy.balloons) return "moves balloons";
  if (policy.answersRequests === true) return "answers requests for memory";
  if (policy.countsOnSwap === true) return "counts on swap";
  const alone = policy.signals.find((signal) => OF_ALLOCATION.includes(signal));
  return alone && `reads ${alone}`;
}

/** Throws an {@link InputError} for a policy that does not set the speed of page sharing, or does more. */
export function defineTuner<P extends Parameters, S>({ policy }: PolicyFactory<P, S>): PartFactory<"memory", P> {
  const { name, summary, parameters } = policy;
  const what = whatIsMore(policy);
  if (what !== undefined) {
    throw new InputError(
      `policy ${name}: ${what}; expected a policy that does nothing but to tune page sharing, to be a memory part`,
    );
  }
  return definePart<"memory", P>({
    slot: "memory",
    stage: "scan rate",
    name,
    summary,
    role: "the speed of page sharing",
    requiresPart: TUNABLE_SHARING,
    tunesSharing: true,
    parameters,
    problem: (values) => policy.problem?.(values),
    create: (values, context) => new SharingTuner(policy, values, context),
  });
}
