/** What policies see of VMs that start late, or leave, and what their balloon drivers do. */
import { describe, expect, it } from "vitest";
import { definePolicy } from "../../src/vmm/memory/policies/define-policy.ts";
import type { Action, Observations } from "../../src/vmm/memory/policies/policy-contract.ts";
import type { CompiledWorkload, GuestShape } from "../../src/workload/compiled-workload.ts";
import { buildMs, cost, guest, MS, PAGES, run, xenWith } from "./late-guests.ts";
import { SCRIPTED } from "./fixtures.ts";

const all = (pages: number, count: number): number[] => Array<number>(count).fill(pages);
const evictAt5s = (ms: number): readonly Action[] => (ms === 5000 ? [{ kind: "evict", vm: "vm1", rule: "test" }] : []);

describe("the balloon driver of a VM that starts late", () => {
  interface Seen {
    readonly s: number;
    readonly canBalloon: boolean;
    readonly pages: number;
  }

  /** What a policy sees of a VM that is asked for at 10 s, with such a driver; it is to have half its memory until 20 s, then all. */
  function seen(driver: NonNullable<GuestShape["driver"]>): readonly Seen[] {
    const log: Seen[] = [];
    const halving = definePolicy<Record<string, never>, number>({
      ...SCRIPTED,
      name: "halving",
      signals: ["vm.driver"],
      decide: (_, { vms }, state, nowUs) => {
        const late = vms.find(({ name }) => name === "vm1");
        if (late === undefined || nowUs < 0) return { actions: [], state };
        log.push({ s: Math.round(nowUs / 1e6), canBalloon: late.canBalloon, pages: late.actual / 4 });
        const kib = nowUs < 19.5e6 ? late.maximum / 2 : late.maximum;
        return { actions: [{ kind: "target", vm: "vm1", kib, rule: "halving" }], state };
      },
    });
    run(xenWith(halving()), [guest(), guest(10e6, { driver })], 2 * PAGES);
    return log;
  }

  const sizesAt = (log: readonly Seen[], from: number, to: number): readonly number[] =>
    log.filter(({ s }) => s >= from && s < to).map(({ pages }) => pages);

  it("without faults takes and gives what it is told", () => {
    const log = seen({});
    expect(sizesAt(log, 13, 20)).toEqual(all(PAGES / 2, 7));
    expect(sizesAt(log, 22, 40)).toEqual(all(PAGES, 18));
  });

  it("starts that long after its VM is up, and never without one", () => {
    const log = seen({ fromUs: 4e6 });
    const up = 10 + buildMs(PAGES) / 1000;
    const first = log.find(({ canBalloon }) => canBalloon)?.s ?? 0;
    expect(first).toBe(Math.ceil(up + 4));
    expect(sizesAt(log, 11, first)).toEqual(all(PAGES, first - 11));
    expect(sizesAt(log, first + 2, 20)).toEqual(all(PAGES / 2, 18 - first));
    const without = seen({ fromUs: "never" });
    expect(without.some(({ canBalloon }) => canBalloon)).toBe(false);
    expect(sizesAt(without, 11, 40)).toEqual(all(PAGES, 29));
  });

  it("does not answer any more from when it is stuck", () => {
    expect(sizesAt(seen({ stuckFromUs: 18e6 }), 18, 40)).toEqual(all(PAGES / 2, 22));
    expect(sizesAt(seen({ stuckFromUs: 5e6 }), 11, 40)).toEqual(all(PAGES, 29));
  });

  it("moves no more than it can in a second", () => {
    const sizes = sizesAt(seen({ pagesPerSecond: 100 }), 12, 40);
    const moves = sizes.slice(1).map((pages, i) => Math.abs(pages - sizes[i]));
    expect(Math.max(...moves)).toBeLessThanOrEqual(101);
    // Xen's driver waits twice as long after each batch that it cannot fill: 1, 2, 4 s, of the 8 s down and the 20 s up.
    expect(new Set(moves)).toEqual(new Set([0, 100]));
    expect(Math.min(...sizes)).toBeLessThanOrEqual(PAGES - 300);
    expect(sizes.at(-1)).toBeGreaterThanOrEqual(Math.min(...sizes) + 200);
  });
});

describe("what a policy is shown of a host on which VMs come and go", () => {
  type HostSeen = Observations["host"] & { readonly ms: number; readonly vms: readonly string[] };

  /** A policy that looks every 20 ms, and does what it is told at a time. */
  function looking(at: (nowMs: number) => readonly Action[], guests: readonly CompiledWorkload[], pages: number) {
    const log: HostSeen[] = [];
    const part = definePolicy<Record<string, never>, undefined>({
      name: "looking",
      summary: "",
      side: "host",
      source: "",
      grade: "A",
      cadenceUs: 20e3,
      balloons: false,
      signals: ["host.free"],
      parameters: {},
      start: () => undefined,
      decide: (_, { host, vms }, state, nowUs) => {
        if (nowUs >= 0) log.push({ ...host, ms: nowUs / 1000, vms: vms.map(({ name }) => name) });
        return { actions: nowUs >= 0 ? at(Math.round(nowUs / 1000)) : [], state };
      },
    });
    run(xenWith(part()), guests, pages);
    return log;
  }

  it("is the memory promised to a VM while it is built, and the VM once it is up", () => {
    const log = looking(() => [], [guest(), guest(10e6)], 3 * PAGES);
    const up = 10_000 + buildMs(PAGES);
    const building = log.filter(({ ms }) => ms > 10_000.1 && ms < up - 0.1);
    expect(building.length).toBeGreaterThan(2);
    for (const { reserved, free, vms } of building)
      expect([reserved, free, vms]).toEqual([PAGES * 4, 2 * PAGES * 4, ["vm0"]]);
    const after = log.filter(({ ms }) => ms > up + 0.1);
    expect(after.length).toBeGreaterThan(100);
    for (const { reserved, free, vms } of after) expect([reserved, free, vms]).toEqual([0, PAGES * 4, ["vm0", "vm1"]]);
    expect(log.filter(({ ms }) => ms < 10_000).every(({ reserved }) => reserved === 0)).toBe(true);
  });

  it("is the memory that a VM left, until a pCPU has cleaned it frame by frame", () => {
    const log = looking(evictAt5s, [guest(), guest()], 2 * PAGES);
    const perFrameMs = cost("page.zero") / MS;
    for (const { ms, scrubbing, free } of log) {
      const cleaned = Math.floor((ms - 5000) / perFrameMs);
      const left = ms > 5000.1 ? Math.max(0, PAGES - cleaned) : 0;
      // A frame more or less: event times are whole cycles.
      expect(Math.abs(scrubbing / 4 - left)).toBeLessThanOrEqual(1);
      expect(free + scrubbing).toBe(ms > 5000.1 ? PAGES * 4 : 0);
    }
    expect(log.some(({ scrubbing }) => scrubbing > 0)).toBe(true);
    expect(log.at(-1)?.scrubbing).toBe(0);
  });
});
