/** What a scheduler answers, and whether it can be carried out: what cannot would end nowhere, or far from here. */
import { BrokenContract, showAnswer } from "../vmm/allocation/wrong-answer.ts";
import type { Scheduler } from "../vmm/host-contract.ts";
import type { Vcpu } from "./vcpu.ts";

/** A scheduler has picked no vCPU, or none runs on a pCPU. */
export const NOBODY = -1;

/** `vcpu`: the one of the number that it has picked, if there is one; `running`: who runs on each pCPU. */
export function requirePick(
  { name, until }: Scheduler,
  picked: number,
  vcpu: Vcpu | undefined,
  running: Int32Array,
  now: number,
): void {
  const isReady = vcpu !== undefined && !vcpu.asleep && running[vcpu.cpu] !== picked;
  if (picked !== NOBODY && !isReady) {
    throw new BrokenContract(
      `scheduler ${name}: pick returns ${showAnswer(picked)}; expected a vCPU that has been told to be ready, or -1`,
    );
  }
  if (until > now) return;
  throw new BrokenContract(
    `scheduler ${name}: until is ${showAnswer(until)} after pick at cycle ${now}; expected a later cycle, or Infinity`,
  );
}

/** `at`: what one of these methods has answered. */
export function requireTime({ name }: Scheduler, method: "preemptsAt" | "runsUntil", at: number): void {
  if (typeof at === "number" && !Number.isNaN(at)) return;
  throw new BrokenContract(`scheduler ${name}: ${method} returns ${showAnswer(at)}; expected a cycle, or Infinity`);
}

/** Rounds after which whoever may run has long been found. */
const MOST_ROUNDS = 1000;

export function requireEnd({ name }: Scheduler, rounds: number): void {
  if (rounds <= MOST_ROUNDS) return;
  throw new BrokenContract(
    `scheduler ${name}: runsUntil stops again whom pick has just put on a pCPU, ${MOST_ROUNDS} times in one instant; ` +
      "expected a later cycle for who may run",
  );
}
