import * as fc from "fast-check";
import { expect, it } from "vitest";
import { BitSet } from "../../src/core/bit-set.ts";
import { DirtyQueue } from "../../src/guest/dirty-queue.ts";
import { PageDescriptors } from "../../src/guest/page-descriptors.ts";
import { MachineFrames } from "../../src/machine/frames.ts";

it("a queue of dirty pages gives each back once, in order, however long it gets", () => {
  const step = fc.oneof(fc.constant("take" as const), fc.nat(1000));
  fc.assert(
    fc.property(fc.array(fc.array(step, { maxLength: 100 }), { maxLength: 10 }), (rounds) => {
      const queue = new DirtyQueue(1001);
      const list: [number, number][] = [];
      for (const [now, one] of rounds.flat().entries()) {
        if (one !== "take") {
          queue.add(one, now);
          if (!list.some(([page]) => page === one)) list.push([one, now]);
        } else if (list.length > 0) expect(queue.take()).toBe(list.shift()?.[0]);
        expect([queue.length, queue.oldest]).toEqual([list.length, list[0]?.[1] ?? Infinity]);
      }
    }),
  );
});

it("a set of bits holds what a set of numbers does", () => {
  const step = fc.tuple(fc.constantFrom("add", "delete", "addRange", "deleteRange"), fc.nat(99), fc.nat(100));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const bits = new BitSet(0);
      bits.grow(100);
      const set = new Set<number>();
      for (const [kind, number, to] of steps) {
        const range = Array.from({ length: Math.max(0, to - number) }, (_, i) => number + i);
        if (kind === "add") bits.add(number);
        else if (kind === "delete") bits.delete(number);
        else bits[kind](number, to);
        for (const one of kind.endsWith("Range") ? range : [number]) {
          if (kind.startsWith("add")) set.add(one);
          else set.delete(one);
        }
      }
      const sorted = [...set].sort((a, b) => a - b);
      for (let number = 0; number < 100; number++) {
        expect(bits.has(number)).toBe(set.has(number));
        expect(bits.next(number)).toBe(sorted.find((one) => one >= number) ?? -1);
      }
      bits.grow(1000);
      expect([bits.next(0), bits.next(100), bits.next(5000)]).toEqual([sorted[0] ?? -1, -1, -1]);
      bits.clear();
      expect(bits.has(99)).toBe(false);
    }),
  );
});

it("descriptors keep what is in them when they grow, and never outgrow the guest", () => {
  const descriptors = new PageDescriptors(100_000);
  for (let page = 0; page < 100_000; page += 7) {
    descriptors.cover(page);
    descriptors.item[page] = page;
    expect(descriptors.room).toBeLessThanOrEqual(Math.max(1024, (page + 1) * 1.25));
  }
  for (let page = 0; page < 100_000; page += 7) expect(descriptors.item[page]).toBe(page);
  descriptors.cover(99_999);
  expect(descriptors.room).toBe(100_000);
});

it("frames that nobody uses take no memory, and the VMM's own neither", () => {
  const frames = new MachineFrames(2 ** 26);
  frames.addOverhead(2 ** 20);
  for (let content = 0; content < 5000; content++) frames.allocate(content);
  expect(frames.content.length).toBeLessThanOrEqual(5000 * 1.25);
  expect(frames.content.subarray(0, 5000)).toEqual(Uint32Array.from({ length: 5000 }, (_, content) => content));
});
