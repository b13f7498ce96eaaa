import { describe, expect, it } from "vitest";
import { selfballoonFloor, xenSelfballoon } from "../../src/vmm/memory/policies/xen-selfballoon.ts";
import { xenballoond, xenballoondFloor } from "../../src/vmm/memory/policies/xenballoond.ts";
import { decideOnce, GIB, host, MIB, targetsIn, vm } from "./observations.ts";

const sized = (actual: number, committed: number, reserved = 0) => ({
  host: host({}),
  vms: [vm("a", { actual, minimum: 0, maximum: 4 * GIB }, { committed, reserved })],
});

describe("xenballoond", () => {
  it("has the floors of its ranges", () => {
    expect([64, 256, 1024, 4096, 16_384].map(xenballoondFloor)).toEqual([40, 104, 232, 424, 808]);
  });

  it("grows at once and shrinks by a tenth of the way", () => {
    expect(targetsIn(decideOnce(xenballoond, sized(GIB, 2 * GIB)).actions)).toEqual({ a: 2 * GIB });
    expect(targetsIn(decideOnce(xenballoond, sized(3 * GIB, GIB)).actions)).toEqual({ a: 3 * GIB - 0.2 * GIB });
    const floor = 424 * MIB;
    const [{ a }] = [targetsIn(decideOnce(xenballoond, sized(GIB, 0)).actions)];
    expect(a).toBeCloseTo(GIB - (GIB - floor) / 10, 3);
  });

  it("is nine tenths of the way down after 22 s", () => {
    let actual = 4 * GIB;
    for (let second = 0; second < 22; second++)
      actual = targetsIn(decideOnce(xenballoond, sized(actual, GIB)).actions).a;
    expect((4 * GIB - actual) / (3 * GIB)).toBeCloseTo(0.9, 2);
  });
});

describe("xen-selfballoon", () => {
  it("has the floors of its ranges", () => {
    const floors = [8, 32, 256, 1024, 4096, 16_384].map((mb) => selfballoonFloor(mb, 0));
    [8, 24, 67, 127.9, 223.9, 607.9].forEach((mb, i) => {
      expect(floors[i]).toBeCloseTo(mb, 1);
    });
  });

  it("keeps the kernel's reserve and what is set, here a tenth of memory, on top of the commit charge, and shrinks by an eighth of the way", () => {
    const { actions } = decideOnce(xenSelfballoon, sized(3 * GIB, GIB, 112 * MIB), { reservedPercent: 10 });
    expect(targetsIn(actions).a).toBeCloseTo(3 * GIB - (2 * GIB - 112 * MIB - 0.4 * GIB) / 8, 3);
    expect(targetsIn(decideOnce(xenSelfballoon, sized(GIB, 2 * GIB)).actions)).toEqual({ a: 2 * GIB });
  });

  it("steps towards its goal and not to the floor, which adds the kernel's reserve", () => {
    // An eighth of the way from 1 GiB to 64 MiB is above the floor.
    expect(targetsIn(decideOnce(xenSelfballoon, sized(GIB, 64 * MIB)).actions)).toEqual({ a: 904 * MIB });
    // From 240 MiB it is 218 MiB; 67 MiB are reserved, so that 4029 MiB are usable and the floor is 67 + 99 + 3930 / 32 = 288.8.
    const { a } = targetsIn(decideOnce(xenSelfballoon, sized(240 * MIB, 0, 67 * MIB)).actions);
    expect(a / MIB).toBeCloseTo(288.8125, 6);
  });

  it("is nine tenths of the way down after 90 s", () => {
    let actual = 4 * GIB;
    for (let round = 0; round < 18; round++) {
      actual = targetsIn(decideOnce(xenSelfballoon, sized(actual, GIB)).actions).a;
    }
    expect((4 * GIB - actual) / (3 * GIB)).toBeGreaterThan(0.9);
  });
});
