import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FreePages } from "../../src/guest/free-pages.ts";
import { PageDescriptors } from "../../src/guest/page-descriptors.ts";
import { MachineFrames } from "../../src/machine/frames.ts";

const TOTAL = 12;

describe("free pages that have never been used are linked late", () => {
  it("and come in the order of a list that had all of them from the start", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom("head", "any", "add"), fc.nat(TOTAL - 1))), (steps) => {
        const free = new FreePages(new PageDescriptors(TOTAL));
        const list = Array.from({ length: TOTAL }, (_, page) => page);
        for (const [step, page] of steps) {
          if (step === "add" && !list.includes(page)) {
            free.add(page);
            list.unshift(page);
          } else if (step !== "add" && list.length > 0) {
            const taken = step === "head" ? list[0] : list[page % list.length];
            free.remove(taken);
            list.splice(list.indexOf(taken), 1);
          }
          expect([free.head, free.length]).toEqual([list[0] ?? -1, list.length]);
        }
      }),
    );
  });
});

describe("machine frames that have never been used", () => {
  it("come in order, after those freed last, also when the VMM's own are added in between", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom("take", "free", "overhead"), fc.nat())), (steps) => {
        const frames = new MachineFrames(TOTAL);
        const list = Array.from({ length: TOTAL }, (_, mpn) => mpn);
        const used: number[] = [];
        for (const [step, number] of steps) {
          if (step === "take" && list.length > 0) {
            const mpn = frames.allocate(used.length);
            expect(mpn).toBe(list.shift());
            used.push(mpn);
          } else if (step === "free" && used.length > 0) {
            const [mpn] = used.splice(number % used.length, 1);
            frames.drop(mpn);
            list.unshift(mpn);
          } else if (step === "overhead") frames.addOverhead(number % 5);
          for (const mpn of used) expect(frames.references(mpn)).toBe(1);
          expect(frames.free + frames.private + frames.overhead).toBe(frames.total);
          expect(frames.free).toBe(list.length);
        }
      }),
    );
  });
});
