import * as fc from "fast-check";
import { expect, it } from "vitest";
import { AllocationCalls } from "../../src/sim/allocation-calls.ts";
import { EventQueue } from "../../src/sim/event-queue.ts";
import { Event } from "../../src/sim/host-events.ts";
import type { Allocation } from "../../src/vmm/host-contract.ts";
import { profile } from "./fixtures.ts";

const CYCLES = profile.megahertz;
/** Times in microseconds. */
const UNTIL = 1000;
const STEP = 1 / 32;

/** Calls by the clock of an allocation that says `waits[i]` in its i-th call, and the alarms at their times. */
function callsOf(waits: readonly number[], alarms: readonly number[]): number[] {
  const events = new EventQueue();
  const calls: number[] = [];
  let now = 0;
  const allocation = {
    name: "timed",
    get periodUs() {
      return waits[(calls.length - 1) % waits.length];
    },
  } as Allocation;
  const times = new AllocationCalls(allocation, events, profile, () => calls.push(now / CYCLES));
  events.add(0, Event.Rebalance);
  for (const at of alarms) events.add(at * CYCLES, Event.Second);
  while (events.take() && events.time <= UNTIL * CYCLES) {
    now = events.time;
    if (events.kind === Event.Rebalance) times.onEvent(now);
    else times.onAlarm(now);
  }
  return calls;
}

/** The same without events, in steps: of two appointments the earlier holds. */
function expected(waits: readonly number[], alarms: readonly number[]): number[] {
  const calls: number[] = [];
  let next = 0;
  const call = (at: number): number => {
    calls.push(at);
    return at + waits[(calls.length - 1) % waits.length];
  };
  for (let at = 0; at <= UNTIL; at += STEP) {
    if (at === next) next = call(at);
    else if (alarms.includes(at)) next = Math.min(next, call(at));
  }
  return calls;
}

it("an alarm brings the next call of an allocation forward, and puts none off", () => {
  // By hand: the alarm at 13 answers 2, so that the call of 15 takes the place of that of 20, and is followed by that of 25.
  expect(callsOf([20, 2, 10, 1000], [13])).toEqual([0, 13, 15, 25]);
  expect(callsOf([20, 100, 1000], [13])).toEqual([0, 13, 20]);
});

it("calls are those of whoever keeps a single appointment", () => {
  const waits = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 20 });
  const alarms = fc.uniqueArray(fc.integer({ min: 1, max: UNTIL }), { maxLength: 30 });
  fc.assert(
    fc.property(waits, alarms, (us, at) => {
      // Each at another fraction of a microsecond, so that none comes in the same instant as a call by the clock.
      const between = at.map((each, alarm) => each - (1 + alarm) * STEP);
      expect(callsOf(us, between)).toEqual(expected(us, between));
    }),
  );
});
