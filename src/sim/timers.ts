/** Whom the periodic timer interrupts, and when: that is up to the VMM. */
import type { Vmm } from "../vmm/contract.ts";
import { TIMER_PERIOD_US, TIMERS_AT_ONCE } from "./host-events.ts";

/** Which vCPUs get timer interrupts: all, those that have something to do, or those that have a pCPU. */
export type TimersOf = "all" | "awake" | "running";

export interface GuestTimers {
  readonly to: TimersOf;
  /** Interrupts of a guest in one event, and how long after the last event the next one comes. */
  readonly ticks: number;
  readonly everyUs: number;
  /** How long after `nowUs` a guest that is up from then on has its first; `part`: of a period, where guests do not share a timer. */
  firstAfterUs(nowUs: number, part: number): number;
}

export function guestTimers({ cpu, scheduler }: Vmm): GuestTimers {
  const events = cpu.definition.timerEvents?.(cpu.parameters);
  // Each wakes domains that are blocked, so that it matters when it comes.
  if (events?.to === "all")
    return { ...events, ticks: 1, firstAfterUs: (nowUs) => events.everyUs - (nowUs % events.everyUs) };
  const everyUs = TIMER_PERIOD_US * TIMERS_AT_ONCE;
  const to = scheduler.definition.ofKernel === undefined ? (events?.to ?? "all") : "running";
  return { to, ticks: TIMERS_AT_ONCE, everyUs, firstAfterUs: (_, part) => everyUs * part };
}
