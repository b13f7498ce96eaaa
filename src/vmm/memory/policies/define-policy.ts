/** A policy as a part: what a matrix names in the slot `allocation`, with the parameters of the host it runs on. */
import { ACTIVITY_PARAMETERS } from "../../allocation/activity-parameters.ts";
import { PolicyAllocation } from "../../allocation/policy-allocation.ts";
import { definePart, type Parameter, type Parameters, type PartFactory, TUNABLE_SHARING } from "../../contract.ts";
import { InputError } from "../../../core/input-error.ts";
import { suggestion } from "../../../core/nearest-name.ts";
import { gradeProblem } from "../../part-parameter.ts";
import {
  ACTIVE,
  COLD,
  type Policy,
  type PolicyHostParameters,
  SHARING,
  type Signal,
  SIGNALS,
  STATISTICS_PERIOD_SECONDS,
} from "./policy-contract.ts";

/** Calling it configures the part; `policy` is the rule itself. */
export interface PolicyFactory<P extends Parameters, S> extends PartFactory<"allocation", P & PolicyHostParameters> {
  readonly policy: Policy<P, S>;
}

/** What holds for every policy: the range of a VM's size, how old guest statistics may be, and who is admitted. */
const HOST_PARAMETERS: { readonly [K in keyof PolicyHostParameters]: Parameter<PolicyHostParameters[K]> } = {
  minimumPercent: {
    summary: "Smallest size of a VM, of configured memory",
    default: 35,
    unit: "%",
    min: 1,
    max: 100,
    source: "assumption: what the largest balloon leaves of a VM",
    grade: "A",
  },
  statisticsPeriodSeconds: {
    summary: "Time between two reports of a guest on its memory",
    default: STATISTICS_PERIOD_SECONDS,
    unit: "s",
    min: 0.1,
    source: "libvirt asks a virtio balloon every few seconds",
    grade: "A",
  },
  admissionRatio: {
    summary: "Most configured memory that is admitted, of the host's memory; 0: no such limit",
    default: 0,
    unit: "1",
    min: 0,
    source: "see admission.ts for the ratios of real systems",
    grade: "A",
  },
  admissionReserveMib: {
    summary: "Memory of the host that is not admitted to VMs",
    default: 0,
    unit: "MiB",
    min: 0,
    source: "see admission.ts for the reserves of real systems",
    grade: "A",
  },
};

/**
 * Define a policy. A module from outside the package that exports one can be named in a matrix like any other part.
 * Throws an {@link InputError} when something is missing: such a module may be JavaScript, which no compiler has read.
 */
export function definePolicy<P extends Parameters, S>(policy: Policy<P, S>): PolicyFactory<P, S> {
  requireWhole(policy);
  const ofHost = { ...HOST_PARAMETERS, ...(policy.signals.includes(ACTIVE) && ACTIVITY_PARAMETERS) };
  requireOwnNames(policy, ofHost);
  const part = definePart<"allocation", P & PolicyHostParameters>({
    slot: "allocation",
    name: policy.name,
    summary: policy.summary,
    parameters: {
      ...policy.parameters,
      ...ofHost,
      ...policy.hostParameters,
    } as PolicyFactory<P, S>["definition"]["parameters"],
    signalsFrom: policy.signals.flatMap((signal) => SHOWN_BY[signal] ?? []),
    ...(policy.tunesSharing === true && { tunesSharing: true }),
    ...(policy.countsOnSwap === true && { requiresPart: "host-swap" }),
    ...(policy.signals.includes("vm.shares") && { honoursMemorySettings: "shares" }),
    problem: (parameters) => policy.problem?.(parameters),
    create: (parameters, context) => new PolicyAllocation(policy, parameters, context),
  });
  return Object.assign(part, { policy });
}

function requireOwnNames({ name, parameters }: Pick<Policy, "name" | "parameters">, ofHost: object): void {
  const taken = Object.keys(parameters).find((own) => Object.hasOwn(ofHost, own));
  if (taken === undefined) return;
  throw new InputError(
    `policy ${name}: parameter ${taken}: the host has one of this name; expected another name, or hostParameters for another default`,
  );
}

/** Memory parts without which there is nothing to show. Only a host that can page by force looks at the age of pages. */
const SHOWN_BY: { readonly [S in Signal]?: string } = { [COLD]: "host-swap", [SHARING]: TUNABLE_SHARING };

function requireWhole<P extends Parameters, S>(policy: Partial<Policy<P, S>> | undefined): void {
  const { name, grade, cadenceUs, parameters, signals, tunesSharing, problem: check, start, decide } = policy ?? {};
  const unknown = Array.isArray(signals) ? signals.find((signal) => !SIGNALS.includes(signal)) : undefined;
  const problems: readonly (readonly [boolean, string])[] = [
    [typeof name === "string" && name !== "", "name: expected a text"],
    [gradeProblem(grade) === undefined, gradeProblem(grade) ?? ""],
    [Number.isFinite(cadenceUs) && Number(cadenceUs) >= 1, "cadenceUs: expected a number of microseconds, at least 1"],
    [typeof parameters === "object" && parameters !== null, "parameters: expected an object, {} for none"],
    [Array.isArray(signals), "signals: expected a list of what the policy reads"],
    [
      unknown === undefined,
      `signals: there is no signal "${String(unknown)}"; ${suggestion(String(unknown), SIGNALS)}`,
    ],
    [[undefined, true].includes(tunesSharing), "tunesSharing: expected true, or nothing"],
    [check === undefined || typeof check === "function", "problem: expected a function that gives a text or nothing"],
    [typeof start === "function", "start: expected a function that gives the first state"],
    [typeof decide === "function", "decide: expected a function that gives { actions, state }"],
  ];
  const problem = problems.find(([fine]) => !fine);
  const called = typeof name === "string" && name !== "" ? name : "without a name";
  if (problem !== undefined) throw new InputError(`policy ${called}: ${problem[1]}`);
}
