import { InputError } from "../../core/input-error.ts";
import { show } from "../part-parameter.ts";

/** What a user's policy returned cannot be carried out: wrong input, though it is found only while a host is simulated. */
export class WrongAnswer extends InputError {
  /** By what it says of itself: a module may have its `definePolicy` from another copy of the package, which has a class of its own. */
  readonly isWrongAnswer = true;

  static isOne(error: unknown): boolean {
    return error instanceof Error && "isWrongAnswer" in error;
  }
}

/** A part does not keep the contract of its slot. Unlike a policy, which names itself, it may be called like one of the package. */
export class BrokenContract extends WrongAnswer {
  readonly isBrokenContract = true;

  static override isOne(error: unknown): boolean {
    return error instanceof Error && "isBrokenContract" in error;
  }
}

/** A wrong answer, as a message shows it. Nobody waits for a promise any more: that it fails later is to end nothing else. */
export function showAnswer(answer: unknown): string {
  if (answer instanceof Promise) answer.catch(() => undefined);
  return show(answer);
}
