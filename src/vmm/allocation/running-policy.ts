/**
 * A policy that is called again and again, whichever slot it is in: its state from call to call, the time of the next call, and
 * what it returns, checked before anything is done.
 */
import { event } from "../../core/ledger.ts";
import { type Parameters, TUNABLE_SHARING } from "../contract.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { Figures } from "../host-memory/memory-decision.ts";
import type { VmMemory } from "../host-memory/vm-memory.ts";
import type { Action, Decision, Observations, Policy, SharingAction } from "../memory/policies/policy-contract.ts";
import { checkAction, type VmsByName } from "./policy-actions.ts";
import { actionTaken, type PolicyCall } from "./policy-decisions.ts";
import { WrongAnswer } from "./wrong-answer.ts";

export interface CheckedAction {
  readonly action: Action;
  /** Whom it is about, if about one. */
  readonly vm: VmMemory | undefined;
}

interface CheckedDecision<S> {
  readonly call: PolicyCall<S>;
  readonly actions: readonly CheckedAction[];
  readonly watchesAges: boolean;
  /** KiB. */
  readonly alarmBelow: number;
}

export class RunningPolicy<P extends Parameters, S> {
  readonly #policy: Policy<P, S>;
  readonly #parameters: P;
  readonly #memory: HostMemory;
  #state: S;
  #nextUs = -Infinity;

  constructor(policy: Policy<P, S>, parameters: P, memory: HostMemory) {
    this.#policy = policy;
    this.#parameters = parameters;
    this.#memory = memory;
    this.#state = answerOf(policy.name, "start", () => policy.start(parameters));
  }

  /** Event times are whole cycles: a call may come a fraction of a microsecond early. */
  isDue(nowUs: number): boolean {
    return nowUs + 1 >= this.#nextUs;
  }

  /** Time until it is called next. */
  waitUs(nowUs: number): number {
    return Math.max(1, this.#nextUs - nowUs);
  }

  /** Throws a {@link WrongAnswer} for a decision that cannot be carried out, and an Error when the policy throws. */
  call(seen: Observations, nowUs: number, vms: VmsByName): CheckedDecision<S> {
    const { name, cadenceUs } = this.#policy;
    const call = { seen, before: this.#state, nowUs };
    const { actions, state, nextInUs, watchesAges = true, alarmBelow = 0 } = this.#decide(call);
    this.#state = state;
    if (nextInUs !== undefined && !(Number.isFinite(nextInUs) && nextInUs > 0))
      throw new WrongAnswer(`policy ${name}: nextInUs is ${nextInUs}; expected a time in microseconds, above 0`);
    if (!(alarmBelow >= 0))
      throw new WrongAnswer(`policy ${name}: alarmBelow is ${alarmBelow}; expected KiB, at least 0`);
    this.#nextUs = nowUs + (nextInUs ?? cadenceUs);
    const checked = actions.map((action) => ({ action, vm: checkAction(this.#policy, action, vms) }));
    for (const { kind } of actions) this.#memory.payer.add(event(`policy.${kind}`), 0);
    return { call, actions: checked, watchesAges, alarmBelow };
  }

  #decide({ seen, before, nowUs }: PolicyCall<S>): Decision<S> {
    const { name } = this.#policy;
    const decision = answerOf(name, "decide", () => this.#policy.decide(this.#parameters, seen, before, nowUs));
    if (Array.isArray(decision?.actions)) return decision;
    throw new WrongAnswer(`policy ${name}: decide returns no list of actions; expected { actions: [...], state }`);
  }

  /** Returns whether anything is to be done that is not done already. Throws a {@link WrongAnswer} where nobody can be told. */
  tuneSharing({ rule, run, pagesToScan, sleepMs }: Action & SharingAction): boolean {
    const { sharer } = this.#memory;
    const before = sharer?.speed;
    if (sharer?.tune === undefined || before === undefined) {
      throw new WrongAnswer(
        `policy ${this.#policy.name}, rule "${rule}": the host has no page sharing that can be told how fast to scan; expected a VMM with ${TUNABLE_SHARING}`,
      );
    }
    sharer.tune({ run, pagesToScan, sleepMs });
    const { speed = before } = sharer;
    return speed.run !== before.run || speed.pagesToScan !== before.pagesToScan || speed.sleepMs !== before.sleepMs;
  }

  /** Whoever keeps a log of decisions is told of an action, and what came of it. */
  tell(call: PolicyCall<S>, action: Action, taken?: Figures): void {
    this.#memory.observer?.decided(
      answerOf(this.#policy.name, "figures", () => actionTaken(this.#policy, this.#parameters, call, action, taken)),
    );
  }
}

/** A mistake that the language finds is told with its place; whoever throws an Error has said what it is about. */
function placeOf({ name, stack = "" }: Error): string {
  const place = name === "Error" ? undefined : /^\s+at .*?([^/\\(\s]+:\d+:\d+)\)?$/m.exec(stack)?.[1];
  return place === undefined ? "" : ` (${place})`;
}

/**
 * What a function of a policy returns. Throws a {@link WrongAnswer} that names both when it answers later, and an Error when it
 * throws: what a policy found wrong is told apart from what is wrong with what it returns.
 */
function answerOf<T>(policy: string, name: string, call: () => T): T {
  let answer: T;
  try {
    answer = call();
  } catch (error) {
    const reason = error instanceof Error ? `${error.message}${placeOf(error)}` : String(error);
    throw new Error(`policy ${policy}: ${name} failed: ${reason}`, { cause: error });
  }
  if (!(answer instanceof Promise)) return answer;
  // Nobody waits for it, and nobody is to be told a second time that it failed.
  answer.catch(() => undefined);
  throw new WrongAnswer(
    `policy ${policy}: ${name} is asynchronous; expected a function that answers at once, without async`,
  );
}
