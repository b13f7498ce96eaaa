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

describe("machine frames", () => {
  it("count the pages that map them, however many, and know who has them", () => {
    const step = fc.tuple(
      fc.constantFrom("map", "unmap", "share", "allocate", "overhead", "back"),
      fc.nat(),
      fc.nat(600),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const frames = new MachineFrames(TOTAL);
        /** Pages that map each frame, and whether they may share it; 0 and "VMM": the VMM's. */
        const model = new Map<number, { count: number; kind: "private" | "shared" | "VMM" }>();
        for (const [kind, which, times] of steps) {
          const known = [...model.keys()];
          const mpn = known[which % Math.max(1, known.length)];
          const frame = model.get(mpn);
          if (kind === "allocate" && frames.free > 0) model.set(frames.allocate(7), { count: 1, kind: "private" });
          else if (kind === "overhead" && frames.free > 0) model.set(frames.takeForVmm(), { count: 0, kind: "VMM" });
          else if (frame === undefined) continue;
          else if (kind === "back" && frame.kind === "VMM") {
            frames.giveBack(mpn);
            model.delete(mpn);
          } else if (kind === "share" && frame.kind === "private") {
            frames.markShared(mpn);
            frame.kind = "shared";
          } else if (kind === "map" && frame.kind === "shared") {
            for (let i = 0; i < times; i++) frames.addReference(mpn);
            frame.count += times;
          } else if (kind === "unmap" && frame.kind !== "VMM") {
            for (let i = 0; i < times && model.has(mpn); i++) {
              expect(frames.drop(mpn)).toBe(frame.count === 1);
              if (--frame.count === 0) model.delete(mpn);
            }
          }
          for (let one = 0; one < frames.content.length && one < TOTAL; one++) {
            const { count, kind: owner } = model.get(one) ?? { count: 0, kind: "free" };
            expect(frames.references(one)).toBe(count);
            expect([frames.isFree(one), frames.isPrivate(one), frames.isShared(one)]).toEqual([
              owner === "free",
              owner === "private",
              owner === "shared",
            ]);
          }
          const sharers = [...model.values()].filter(({ kind: owner }) => owner === "shared");
          expect(frames.saved).toBe(sharers.reduce((sum, { count }) => sum + count - 1, 0));
          expect([frames.free, frames.shared]).toEqual([TOTAL - model.size, sharers.length]);
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
