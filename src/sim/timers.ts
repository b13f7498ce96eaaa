/** Whom the clock of a guest kernel interrupts, and when: that is up to the kernel and to the VMM. */
import { SECOND_US } from "../core/time.ts";
import type { KernelVersion } from "../guest/kernel-version.ts";
import type { TimerEvents, Vmm } from "../vmm/contract.ts";
import { timerEventsOf } from "../vmm/made-part.ts";

/** Ticks of the clock that are charged together on a host, where it does not matter when each comes. */
const TICKS_AT_ONCE = 10;

/** Those that do not wake anybody come while a vCPU runs, so that their number follows from how long it does. */
export function timerEvents({ cpu, scheduler }: Vmm, kernel: KernelVersion): TimerEvents {
  const ofVmm = timerEventsOf(cpu, kernel);
  if (ofVmm !== undefined) return ofVmm;
  // A kernel whose processes the guests are has one clock on each processor; a VMM that is its process shows each guest one.
  const onProcessors = scheduler.definition.ofKernel !== undefined && cpu.definition.isBare === true;
  return { to: kernel.dynamicTicks || onProcessors ? "running" : "all", everyUs: SECOND_US / kernel.hz };
}

export interface GuestTimers extends TimerEvents {
  /** Interrupts of a guest in one event, at most, and how long after the last event the next one comes. */
  readonly ticks: number;
  readonly eventUs: number;
  /** Events are a bit in memory that the guest and its VMM share: one that has not been taken yet is the next one, too. */
  readonly isBit: boolean;
  /** How long after `nowUs` a guest that is up from then on has its first; `part`: of a period, where guests do not share a timer. */
  firstAfterUs(nowUs: number, part: number): number;
}

export function guestTimers(vmm: Vmm, kernel: KernelVersion): GuestTimers {
  const events = timerEvents(vmm, kernel);
  const { everyUs } = events;
  // Those of a VMM wake domains that are blocked, so that it matters when each comes.
  if (events.to === "all" && vmm.cpu.definition.timerEvents !== undefined)
    return { ...events, ticks: 1, eventUs: everyUs, isBit: true, firstAfterUs: (nowUs) => everyUs - (nowUs % everyUs) };
  const eventUs = everyUs * TICKS_AT_ONCE;
  return { ...events, ticks: TICKS_AT_ONCE, eventUs, isBit: false, firstAfterUs: (_, part) => eventUs * part };
}
