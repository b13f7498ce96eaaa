/**
 * When a host's allocation is called: when its time has come, and when the alarm is raised. An alarm may bring the next call forward, as
 * the allocation says then, but puts none off; an event that was overtaken so is stale.
 */
import { type MachineProfile, microsecondsToCycles } from "../machine/profile.ts";
import { nextCallUs } from "../vmm/allocation/answers.ts";
import type { Allocation } from "../vmm/host-contract.ts";
import type { EventQueue } from "./event-queue.ts";
import { Event } from "./host-events.ts";

export class AllocationCalls {
  readonly #allocation: Allocation;
  readonly #events: EventQueue;
  readonly #profile: MachineProfile;
  readonly #rebalance: () => void;
  /** In cycles; the first event comes with the first instant. */
  #next = 0;

  constructor(allocation: Allocation, events: EventQueue, profile: MachineProfile, rebalance: () => void) {
    this.#allocation = allocation;
    this.#events = events;
    this.#profile = profile;
    this.#rebalance = rebalance;
  }

  onEvent(now: number): void {
    if (now !== this.#next) return;
    this.#next = Infinity;
    this.#rebalance();
    this.#callAgain(now);
  }

  onAlarm(now: number): void {
    this.#rebalance();
    if (this.#allocation.periodUs > 0) this.#callAgain(now);
  }

  #callAgain(now: number): void {
    const at = now + microsecondsToCycles(this.#profile, nextCallUs("allocation", this.#allocation));
    if (this.#next <= at) return;
    this.#next = at;
    this.#events.add(at, Event.Rebalance);
  }
}
