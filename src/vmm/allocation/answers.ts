/**
 * What an allocation is asked, and whether its answer can be carried out. A part from outside the package may be JavaScript that no
 * compiler has read, and a number that is none would go through a whole simulation without a word.
 */
import type { Allocation, MemoryMechanism, StartAnswer, VmRequest } from "../host-contract.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import { BrokenContract, showAnswer } from "./wrong-answer.ts";

/** Shortest time, in microseconds, between two calls of a part: what comes more often would keep a simulation from ending. */
export const SHORTEST_US = 1;

function isPeriod(us: unknown): boolean {
  return typeof us === "number" && us >= SHORTEST_US;
}

/** Time until a part is called again, which it may say anew each time. */
export function nextCallUs(slot: "allocation" | "memory", part: Allocation | MemoryMechanism): number {
  const { name, periodUs } = part;
  if (isPeriod(periodUs)) return periodUs;
  throw new BrokenContract(
    `${slot} ${name}: periodUs is ${showAnswer(periodUs)} after a call; expected a number that is at least ${SHORTEST_US}`,
  );
}

/** Pages that each VM starts with, for the VMs that start. */
export function admitted(allocation: Allocation, requests: readonly VmRequest[], free: number): readonly number[] {
  const pages: unknown = allocation.admit(requests, free);
  if (!Array.isArray(pages) || pages.length > requests.length) {
    throw wrong(
      allocation,
      `admit returns ${showAnswer(pages)}; expected a list of pages, one number for each VM that starts`,
    );
  }
  const starting = pages as readonly unknown[];
  starting.forEach((of, vm) => requirePages(allocation, `admit: VM ${vm}`, of, requests[vm].pages));
  return pages as readonly number[];
}

/** What comes of asking for memory for one more VM. */
export function startAnswer(allocation: Allocation, request: VmRequest, nowUs: number): StartAnswer {
  const answer: unknown = allocation.start(request, nowUs);
  const { kind, pages, us, reason } = (answer ?? {}) as Readonly<Record<string, unknown>>;
  if (kind === "granted") requirePages(allocation, "start", pages, request.pages);
  else if (kind === "wait" ? !isPeriod(us) : kind !== "refused" || typeof reason !== "string") {
    throw wrong(
      allocation,
      `start returns ${showAnswer(answer)}; expected { kind: "granted", pages }, { kind: "wait", us } with at least ${SHORTEST_US} us, or { kind: "refused", reason }`,
    );
  }
  return answer as StartAnswer;
}

/** Set each VM's target, and start what reclaim the state of memory calls for, which the alarm asks for. */
export function rebalance(allocation: Allocation, host: Pick<HostMemory, "alarm" | "vms">, nowUs: number): void {
  const { alarm } = host;
  host.alarm = false;
  const result: unknown = allocation.rebalance(nowUs, alarm);
  if (result instanceof Promise)
    throw wrong(allocation, `rebalance returns ${showAnswer(result)}; expected it to be done when it returns`);
  for (const { target, number } of host.vms) {
    if (typeof target === "number" && target >= 0) continue;
    throw wrong(
      allocation,
      `target of VM ${number} is ${showAnswer(target)}; expected a number of pages that is not negative`,
    );
  }
}

function requirePages(allocation: Allocation, where: string, pages: unknown, most: number): void {
  if (typeof pages === "number" && pages >= 0 && pages <= most) return;
  throw wrong(
    allocation,
    `${where} is given ${showAnswer(pages)} pages; expected a number from 0 to ${most}, its memory`,
  );
}

function wrong({ name }: Allocation, rule: string): BrokenContract {
  return new BrokenContract(`allocation ${name}: ${rule}`);
}
