import { describe, expect, it } from "vitest";
import { selfballoonFloor, xenSelfballoon } from "../../src/vmm/memory/policies/xen-selfballoon.ts";
import { xenballoond, xenballoondFloor } from "../../src/vmm/memory/policies/xenballoond.ts";
import { decideOnce, GIB, host, MIB, parametersOf, targetsIn, vm } from "./observations.ts";

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

/** Pages that each guest is told to leave in frontswap, round by round; undefined: nothing. By guest: pages there in each round. */
function shrinks(
  rounds: readonly Readonly<Record<string, number | undefined>>[],
  parameters = {},
): readonly Readonly<Record<string, number>>[] {
  const all = parametersOf(xenSelfballoon, parameters);
  let state = xenSelfballoon.policy.start(all);
  return rounds.map((pages, i) => {
    const vms = Object.entries(pages).map(([name, held]) => {
      const sizes = { actual: GIB, minimum: 0, maximum: GIB };
      return vm(name, sizes, { committed: GIB, ...(held !== undefined && { frontswap: held * 4 }) });
    });
    const decision = xenSelfballoon.policy.decide(all, { host: host({}), vms }, state, i * 5e6);
    state = decision.state;
    return Object.fromEntries(
      decision.actions.flatMap((one) => (one.kind === "shrink-frontswap" ? [[one.vm, one.kib / 4]] : [])),
    );
  });
}

const ofA = (pages: readonly number[], parameters = {}): (number | undefined)[] =>
  shrinks(
    pages.map((a) => ({ a })),
    parameters,
  ).map(({ a }) => a);

/** How it goes on where the guest does as it is told, until it has none. */
function obeyed(first: number, parameters = {}): number[] {
  const pages = [first, first, first];
  for (;;) {
    const left = ofA([...pages, pages.at(-1) ?? 0], parameters).at(-1);
    if (left === undefined || pages.length > 500) return pages.slice(2);
    pages.push(left);
    if (left === 0) return pages.slice(2);
  }
}

describe("xen-selfballoon where the hypervisor keeps swap pages", () => {
  it("waits for three quiet rounds, and then brings a twentieth back in each", () => {
    // 1000 / 20 = 50; 950 / 20 = 47.5; 903 / 20 = 45.15; 858 / 20 = 42.9; 816 / 20 = 40.8.
    expect(ofA([1000, 1000, 1000, 1000, 950, 903, 858, 816])).toEqual([
      undefined,
      undefined,
      undefined,
      950,
      903,
      858,
      816,
      776,
    ]);
  });

  it("brings the last twenty back at once", () => {
    expect(ofA([41, 41, 41, 41, 39, 38])).toEqual([undefined, undefined, undefined, 39, 38, 37]);
    expect(ofA([22, 22, 22, 22, 21, 20])).toEqual([undefined, undefined, undefined, 21, 20, 0]);
    // A page each from 39 on: 39, 38 ... 20, and then all.
    expect(obeyed(41)).toEqual([41, ...Array.from({ length: 20 }, (_, i) => 39 - i), 0]);
  });

  it("begins to wait again when they have become more, or have all gone", () => {
    const grown = ofA([1000, 1000, 1000, 1000, 950, 951, 951, 951, 951]);
    expect(grown).toEqual([undefined, undefined, undefined, 950, 903, undefined, undefined, undefined, 904]);
    const emptied = ofA([100, 90, 80, 0, 100, 100, 100, 100]);
    expect(emptied).toEqual([undefined, undefined, undefined, undefined, undefined, undefined, undefined, 95]);
    expect(ofA([0, 0, 0, 0, 0])).toEqual([undefined, undefined, undefined, undefined, undefined]);
  });

  it("goes on while they become fewer by themselves", () => {
    expect(ofA([100, 90, 80, 70, 60])).toEqual([undefined, undefined, undefined, 67, 57]);
  });

  it("looks at each guest by itself, and leaves alone one of which nothing is kept", () => {
    const rounds = shrinks([
      { a: 40, b: 60, c: undefined },
      { a: 40, b: 61, c: undefined },
      { a: 40, b: 61, c: undefined },
      { a: 40, b: 61, c: undefined },
      { a: 38, b: 61, c: undefined },
    ]);
    expect(rounds).toEqual([{}, {}, {}, { a: 38 }, { a: 37, b: 58 }]);
  });

  it("has other numbers if it is told so, and can be switched off", () => {
    expect(ofA([100, 100, 100], { inertia: 1, frontswapHysteresis: 4 })).toEqual([undefined, 75, 75]);
    expect(ofA([100, 100, 100, 100, 100], { selfshrinking: false })).toEqual(Array(5).fill(undefined));
  });

  it("makes room for the pages to come back", () => {
    const sizes = { actual: GIB, minimum: 0, maximum: 4 * GIB };
    const vms = [vm("a", sizes, { committed: 2 * GIB, reserved: 10 * MIB, frontswap: 100 * MIB })];
    const target = (parameters = {}): number =>
      targetsIn(decideOnce(xenSelfballoon, { host: host({}), vms }, parameters).actions).a;
    expect(target()).toBe(2 * GIB + 110 * MIB);
    expect(target({ selfshrinking: false })).toBe(2 * GIB + 10 * MIB);
  });
});
