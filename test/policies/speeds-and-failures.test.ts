/** How fast policies react, and the ways in which users have seen them fail, in a closed loop with ideal guests. */
import { describe, expect, it } from "vitest";
import { crosvm } from "../../src/vmm/memory/policies/crosvm.ts";
import { mom } from "../../src/vmm/memory/policies/mom.ts";
import { proxmox } from "../../src/vmm/memory/policies/proxmox.ts";
import { qmemman } from "../../src/vmm/memory/policies/qmemman.ts";
import { senpai, senpaiProbe } from "../../src/vmm/memory/policies/senpai.ts";
import { squeezed } from "../../src/vmm/memory/policies/squeezed.ts";
import { oscillation, runLoop, targetsGiven } from "./closed-loop.ts";
import { GIB, MIB, parametersOf, vm } from "./observations.ts";

const machine = (name: string, actual: number, minimum: number, maximum: number, used: number) => ({
  vm: vm(name, { actual: actual * GIB, minimum: minimum * GIB, maximum: maximum * GIB }),
  used: used * GIB,
});

describe("speed", () => {
  it("of MOM: half of a VM in 140 s, and twice as much in 150 s", () => {
    const shrinking = runLoop(mom, { total: 100 * GIB, others: 86 * GIB }, [machine("a", 8, 1, 8, 0)], 140);
    expect(shrinking[130].actual.a).toBeGreaterThan(4 * GIB);
    expect(shrinking[140].actual.a).toBeLessThan(4.2 * GIB);
    const growing = runLoop(mom, { total: 100 * GIB, others: 0 }, [machine("a", 4, 1, 9, 0)], 150);
    expect(growing[141].actual.a).toBeGreaterThan(8 * GIB);
    expect(growing[139].actual.a).toBeLessThan(8 * GIB);
  });

  it("of Proxmox: 4 GiB in 410 s", () => {
    const rounds = runLoop(proxmox, { total: 100 * GIB, others: 90 * GIB }, [machine("a", 8, 4, 8, 1)], 420);
    expect(rounds[400].actual.a).toBeGreaterThan(4 * GIB);
    expect(rounds[401].actual.a).toBe(4 * GIB);
  });

  it("of Senpai: half in some 7 minutes", () => {
    const rounds = Math.ceil(Math.log(0.5) / Math.log(1 - senpaiProbe(parametersOf(senpai), 0)));
    const second = runLoop(senpai, { total: GIB, others: 0 }, [machine("a", 8, 1, 8, 1)], 450).findIndex(
      ({ actions }) => actions.some((action) => action.kind === "cap" && action.kib <= 4 * GIB),
    );
    expect(second).toBe(6 * rounds);
    expect(second / 60).toBeCloseTo(7, 0);
  });
});

describe("a failure that users reported", () => {
  it("squeezed: one balloon that stops a little off its target is left out, and the others do not swing", () => {
    const off = { ...machine("off", 3, 1, 4, 0), rests: (target: number) => target + MIB };
    const guests = [off, machine("b", 3, 1, 4, 0), machine("c", 3, 1, 4, 0)];
    const rounds = runLoop(squeezed, { total: 9 * GIB, others: 0 }, guests, 200);
    const flags = rounds.flatMap(({ actions }) => actions.filter(({ kind }) => kind === "flag"));
    expect(flags.map((flag) => "vm" in flag && flag.vm)).toEqual(["off"]);
    expect(targetsGiven(rounds, "b").length).toBeLessThanOrEqual(3);
    expect(oscillation(rounds.map(({ actual }) => actual.b))).toBeLessThan(1.1);
    // The mebibyte that the stuck one keeps is missing for nobody in the end.
    expect(Math.abs(rounds[200].free - 72 * MIB)).toBeLessThan(512);
  });

  it("Proxmox: a thrashing VM is shrunk to its minimum and stays there while others fill the host", () => {
    const rounds = runLoop(proxmox, { total: 32 * GIB, others: 27 * GIB }, [machine("a", 4, 1, 4, 3.5)], 3600);
    const atMinimum = rounds.filter(({ actual }) => actual.a === GIB);
    expect(atMinimum[0].second).toBe(301);
    expect(atMinimum).toHaveLength(3600 - 300);
  });

  it("Proxmox: where caches count as used, balloons grow for memory that the host could have at once", () => {
    const full = { total: 32 * GIB, others: 24 * GIB, rest: { reclaimable: 20 * GIB } };
    const guest = [machine("a", 4, 1, 8, 1)];
    const [now, before] = [false, true].map((cachesCountAsUsed) =>
      runLoop(proxmox, full, guest, 60, { cachesCountAsUsed }),
    );
    expect(now[60].actual.a).toBeGreaterThan(4 * GIB);
    expect(before[60].actual.a).toBeLessThan(4 * GIB);
  });

  it("qmemman: the domain that is largest gets most of what is to spare, whether it needs it or not", () => {
    const guests = [machine("large", 11, 0.2, 32, 8), machine("small", 1.5, 0.2, 32, 1)];
    const rounds = runLoop(qmemman, { total: 20 * GIB, others: 0 }, guests, 30);
    const [first, last] = [rounds[0], rounds[30]];
    const [large, small] = ["large", "small"].map((name) => last.actual[name] - 1.3 * (name === "large" ? 8 : 1) * GIB);
    expect(large / small).toBeCloseTo(8, 1);
    expect(last.free).toBeLessThan(first.free / 50);
  });

  it("MOM: a guest grows to its maximum when the host has memory, though nearly all of it is unused", () => {
    const rounds = runLoop(mom, { total: 64 * GIB, others: 8 * GIB }, [machine("a", 2, 1, 8, 0.2)], 600);
    expect(rounds[600].actual.a).toBe(8 * GIB);
  });

  it("crosvm: a guest without need leaves half of the imbalance with the host, round by round", () => {
    const rounds = runLoop(crosvm, { total: 16 * GIB, others: 6 * GIB }, [machine("a", 8, 0, 8, 1)], 60);
    const available = rounds.map(({ actual }) => actual.a - GIB - 400 * MIB);
    const spare = rounds.map(({ free }) => free - (16 * GIB * 5.2) / 100);
    const gaps = available.map((kib, i) => Math.abs(kib - spare[i]));
    expect(gaps[60]).toBeLessThan(0.03 * spare[60]);
    expect(oscillation(rounds.map(({ actual }) => actual.a))).toBeCloseTo(1, 6);
  });
});
