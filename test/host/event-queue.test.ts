import * as fc from "fast-check";
import { expect, it } from "vitest";
import { EventQueue } from "../../src/sim/event-queue.ts";
import { LatencyHistogram } from "../../src/sim/latency-histogram.ts";

it("gives events back by time, and in order of entry at equal times, with takes in between", () => {
  const step = fc.option(fc.nat({ max: 12 }), { freq: 3, nil: undefined });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 600 }), (steps) => {
      const queue = new EventQueue();
      // A stable sort of what is pending is the specification.
      let pending: { time: number; entered: number }[] = [];
      steps.forEach((time, entered) => {
        if (time !== undefined) {
          queue.add(time, entered % 7, entered, entered * 2);
          pending.push({ time, entered });
          return;
        }
        pending = pending.toSorted((a, b) => a.time - b.time);
        const expected = pending.shift();
        expect(queue.take()).toBe(expected !== undefined);
        if (expected === undefined) return;
        const { time: at, entered: number } = expected;
        expect([queue.time, queue.kind, queue.subject, queue.detail]).toEqual([at, number % 7, number, number * 2]);
      });
      expect(queue.length).toBe(pending.length);
    }),
  );
});

it("finds quantiles within 0.4 % of the exact ones", () => {
  const latency = fc.double({ min: 1, max: 1e15, noNaN: true });
  fc.assert(
    fc.property(fc.array(latency, { minLength: 1, maxLength: 300 }), (values) => {
      const histogram = new LatencyHistogram();
      for (const value of values) histogram.add(value);
      const sorted = values.toSorted((a, b) => a - b);
      for (const q of [0.5, 0.9, 0.99, 1]) {
        const exact = sorted[Math.ceil(q * sorted.length) - 1];
        expect(Math.abs(histogram.quantile(q) - exact) / exact).toBeLessThanOrEqual(0.004);
      }
    }),
  );
});
