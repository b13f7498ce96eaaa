/** Messages there and back between interfaces that throttle their interrupts. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import type { MachineProfile } from "../../src/machine/profile.ts";
import { exchangeCycles } from "../../src/sim/message-exchange.ts";
import { XEON } from "./machines.ts";

const { profile: WALTERS } = loadMachine("machines/xeon-3.2-walters08.yaml");
const CYCLES = WALTERS.megahertz;

function throttled(intervalUs: number, sentDelayUs = 66): MachineProfile {
  return { ...WALTERS, network: { ...WALTERS.network, delayUs: 0, throttle: { intervalUs, sentDelayUs } } };
}

/** In microseconds, of a message that takes `oneWayUs` by itself. */
function exchange(oneWayUs: number, profile: MachineProfile): number {
  return exchangeCycles(Math.round(oneWayUs * CYCLES), 1, profile) / CYCLES;
}

const intervals = fc.integer({ min: 50, max: 500 });

describe("an exchange of messages", () => {
  /**
   * Of an interval I and a way of L there and L back, an answer comes too late for the interrupt of its interface for 2L of the I by which
   * the clocks may differ, and then a round takes two intervals. The mean number of rounds in an interval is 1 - (2L / I) / 2.
   */
  it("takes as long as follows from how the clocks stand to each other", () => {
    const shares = fc.double({ min: 0.02, max: 0.48, noNaN: true });
    fc.assert(
      fc.property(intervals, shares, (interval, share) => {
        const oneWay = Math.max(2, share * interval);
        const mean = interval / 2 / (1 - oneWay / interval);
        fc.pre(oneWay < interval / 2);
        expect(Math.abs(exchange(oneWay, throttled(interval, 0)) / mean - 1)).toBeLessThan(0.01);
      }),
      { numRuns: 30 },
    );
  });

  it("takes no less than by itself, and than half an interval, and no more than both together", () => {
    const ways = fc.integer({ min: 2, max: 2000 });
    fc.assert(
      fc.property(intervals, ways, fc.integer({ min: 0, max: 200 }), (interval, oneWay, sentDelay) => {
        const took = exchange(oneWay, throttled(interval, sentDelay));
        expect(took).toBeGreaterThan(0.999 * Math.max(oneWay, interval / 2));
        // Of each round at most one interval at either end is spent waiting.
        expect(took).toBeLessThan(1.001 * (oneWay + interval));
      }),
      { numRuns: 50 },
    );
  });

  /** T. Harbaugh, linux-kernel, 25 May 2004: 250.02 to 250.03 us one way for one to three bytes, 2,000 interrupts a second. */
  it("takes half an interval where the processors take next to nothing", () => {
    expect(Math.abs(exchange(2, throttled(500)) / 250 - 1)).toBeLessThan(0.005);
  });

  it("takes what it takes where interrupts are not throttled", () => {
    expect(exchangeCycles(12_345, 1, XEON)).toBe(12_345);
  });
});
