import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MemoryStall } from "../../src/sim/guest-statistics.ts";

/** Ticks of time covered by at least one interval, counted one by one. */
function covered(intervals: readonly (readonly [number, number])[], until: number): number {
  const ticks = Array.from({ length: until }, (_, tick) => tick);
  return ticks.filter((tick) => intervals.some(([begin, end]) => begin <= tick && tick < end)).length;
}

describe("time in which a guest waits for memory", () => {
  it("is counted once, however many threads wait, and tells every waiter", () => {
    const interval = fc.tuple(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 1, max: 30 }));
    fc.assert(
      fc.property(fc.array(interval, { maxLength: 8 }), fc.integer({ min: 0, max: 150 }), (waits, until) => {
        let now = 0;
        const stall = new MemoryStall(() => now, 1);
        const told: number[] = [];
        const waiters = waits.map((_, i) => stall.watch({ begin: () => told.push(i), done: () => told.push(-i - 1) }));
        for (now = 0; now <= until; now++) {
          waits.forEach(([begin, length], i) => {
            if (begin === now) waiters[i].begin();
            if (begin + length === now) waiters[i].done(now);
          });
        }
        now = until;
        const intervals = waits.map(([begin, length]): [number, number] => [begin, begin + length]);
        expect(stall.stallUs).toBe(covered(intervals, until));
        const begun = intervals.filter(([begin]) => begin <= until).length;
        const ended = intervals.filter(([, end]) => end <= until).length;
        expect([told.filter((i) => i >= 0).length, told.filter((i) => i < 0).length]).toEqual([begun, ended]);
      }),
    );
  });
});
