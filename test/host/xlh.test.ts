import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ScanHints } from "../../src/vmm/memory/ksm-scanner.ts";
import { bootContents } from "../../src/guest/memory-manager.ts";
import { staticPartition } from "../../src/vmm/allocation/static-partition.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { ksm } from "../../src/vmm/memory/ksm.ts";
import { HintStack, xlh } from "../../src/vmm/memory/xlh.ts";
import { addGuest, buildHost, checkFrames, SHAPE } from "./fixtures.ts";
import { fullScan, type KsmHost, ksmHost } from "./ksm-host.ts";

/** Hints for these pages of the first VM, the first of them first. */
function hintsFor({ memory }: KsmHost, ...pages: readonly number[]): ScanHints {
  const hints = new HintStack(memory, Math.max(1, pages.length));
  for (const ppn of pages.toReversed()) hints.push(memory.vms[0], ppn);
  return hints;
}

describe("a stack of hints", () => {
  it("gives the newest first and loses the oldest when it is full", () => {
    const { memory } = ksmHost([new Uint32Array(50)]);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(fc.option(fc.nat(49))), (capacity, steps) => {
        const stack = new HintStack(memory, capacity);
        const expected: number[] = [];
        let lost = 0;
        for (const step of steps) {
          if (step === null) {
            const [taken, wanted] = [stack.take(), expected.pop()];
            expect(taken).toBe(wanted !== undefined);
            if (taken) expect(stack.ppn).toBe(wanted);
          } else {
            stack.push(memory.vms[0], step);
            expected.push(step);
            if (expected.length > capacity) lost += expected.splice(0, 1).length;
          }
          expect([stack.length, stack.lost]).toEqual([expected.length, lost]);
        }
      }),
      { seed: 5 },
    );
  });
});

describe("KSM with hints", () => {
  it("merges a hinted page at its first visit, with a shared page or another hinted one", () => {
    const host = ksmHost([Uint32Array.of(1, 2, 1, 3, 2, 1)]);
    host.scanner.scanHints(hintsFor(host, 0, 2, 1, 5), 10);
    expect([host.scanner.pagesShared, host.scanner.pagesSharing, host.scanner.pagesScanned]).toEqual([1, 2, 4]);
    checkFrames(host.memory);
  });

  it("visits no more pages than it may, and leaves the other hints", () => {
    const host = ksmHost([Uint32Array.of(1, 1, 1, 1)]);
    const hints = hintsFor(host, 0, 1, 2, 3);
    host.scanner.scanHints(hints, 3);
    expect([host.scanner.pagesScanned, host.scanner.pagesSharing]).toEqual([3, 2]);
    expect([hints.take(), hints.ppn, hints.take()]).toEqual([true, 3, false]);
  });

  it("finds the same as without in the end, whatever is hinted on the way", () => {
    const step = fc.oneof(
      fc.record({ scan: fc.integer({ min: 1, max: 20 }) }),
      fc.record({ hints: fc.array(fc.nat(39), { minLength: 1, maxLength: 12 }) }),
      fc.record({ write: fc.nat(39), content: fc.integer({ min: 1, max: 9 }) }),
    );
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 40, maxLength: 40 }),
        fc.array(step),
        (contents, steps) => {
          const host = ksmHost([Uint32Array.from(contents)]);
          const now = [...contents];
          const [vm] = host.memory.vms;
          for (const one of steps) {
            if ("scan" in one) host.scanner.scan(one.scan);
            else if ("hints" in one) host.scanner.scanHints(hintsFor(host, ...one.hints), one.hints.length);
            else {
              now[one.write] = one.content;
              host.memory.write(vm, one.write, one.content);
            }
            checkFrames(host.memory);
          }
          for (let pass = 0; pass < 3; pass++) fullScan(host);
          expect(now.map((_, ppn) => host.memory.read(vm, ppn))).toEqual(now);
          expect(host.scanner.pagesSharing + host.memory.frames.private + host.memory.frames.shared).toBe(40);
          expect(host.memory.frames.saved).toBe(40 - new Set(now).size);
          const alone = now.filter((content) => now.indexOf(content) === now.lastIndexOf(content)).length;
          expect(host.scanner.pagesUnshared).toBe(alone);
        },
      ),
      { seed: 11 },
    );
  });

  it("merges what two guests read from one image long before a pass is over", () => {
    const shape = { ...SHAPE, residentFilePages: 0, imagePages: 40 };
    const saved = [true, false].map((hinted) => {
      const parts = [ksm({ pagesToScan: 10 })];
      const memory = hinted ? [xlh(), ...parts] : parts;
      const host = buildHost({ ...kvm, memory, allocation: staticPartition({}) }, 200);
      const guests = [0, 1].map(() => addGuest(host, shape, bootContents(shape, host.ids), 96));
      for (let page = 0; page < 20; page++) for (const { cache } of guests) cache.read(page);
      // Half of 10 pages in each of 8 rounds are hinted ones: the 40 that were read.
      for (let round = 0; round < 8; round++) for (const mechanism of host.mechanisms) mechanism.work();
      checkFrames(host.memory);
      return [host.memory.frames.saved, host.memory.pagesScanned];
    });
    expect(saved).toEqual([
      [20, 80],
      [0, 80],
    ]);
  });
});
