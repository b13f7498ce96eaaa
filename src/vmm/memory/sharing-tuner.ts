/** A policy at work in the slot `memory`, beside whoever allocates memory: it sets how fast pages are scanned for sharing. */
import { SECOND_US } from "../../core/time.ts";
import { HostView } from "../allocation/policy-observations.ts";
import { RunningPolicy } from "../allocation/running-policy.ts";
import { WrongAnswer } from "../allocation/wrong-answer.ts";
import type { Parameters } from "../contract.ts";
import type { HostContext, MemoryMechanism } from "../host-contract.ts";
import { type Policy, STATISTICS_PERIOD_SECONDS } from "./policies/policy-contract.ts";

export class SharingTuner<P extends Parameters, S> implements MemoryMechanism {
  readonly name: string;
  readonly kind = "tuning";
  readonly #running: RunningPolicy<P, S>;
  readonly #view: HostView;
  #periodUs: number;
  /** It is called for the first time when the guests begin to work. */
  #nowUs = 0;

  constructor(policy: Policy<P, S>, parameters: P, { memory, mechanisms }: HostContext) {
    this.name = policy.name;
    this.#periodUs = policy.cadenceUs;
    this.#running = new RunningPolicy(policy, parameters, memory);
    this.#view = new HostView(memory, {
      ...(policy.signals.some((signal) => signal.startsWith("guest.")) && {
        reportsEveryUs: STATISTICS_PERIOD_SECONDS * SECOND_US,
      }),
      get swapSpace() {
        return mechanisms.some(({ kind }) => kind === "forced");
      },
      dom0: false,
      scrubUs: 0,
      cold: undefined,
      activity: false,
    });
    memory.sharingIsTuned = true;
  }

  /** Time until the policy is called next. */
  get periodUs(): number {
    return this.#periodUs;
  }

  work(): void {
    const nowUs = this.#nowUs;
    const { call, actions } = this.#running.call(this.#view.observe(nowUs), nowUs, this.#view);
    for (const { action } of actions) {
      if (action.kind !== "sharing") {
        throw new WrongAnswer(
          `policy ${this.name}, rule "${action.rule}": the action "${action.kind}" is none of a memory part; expected it in the slot allocation`,
        );
      }
      if (this.#running.tuneSharing(action)) this.#running.tell(call, action);
    }
    this.#periodUs = this.#running.waitUs(nowUs);
    this.#nowUs += this.#periodUs;
  }

  reclaim(): number {
    return 0;
  }
}
