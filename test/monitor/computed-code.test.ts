/** Kernel code of which only the length is known, made up of paths that are counted. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ComputedCode } from "../../src/guest/computed-code.ts";
import { type KernelPath, type KernelPathName, kernelPaths, nativeCycles } from "../../src/guest/kernel-paths.ts";
import type { Cpu } from "../../src/guest/virtual-hardware.ts";
import type { MachineProfile } from "../../src/machine/profile.ts";
import { XEON } from "./machines.ts";

const CALLS: readonly KernelPathName[] = ["syscall-stat", "syscall-open-close"];
const PACKETS: readonly KernelPathName[] = ["receive-packet", "send-packet"];
const cyclesOf = (names: readonly KernelPathName[]): number =>
  names.reduce((sum, name) => sum + nativeCycles(kernelPaths(XEON)[name], XEON), 0);

/** How often each path runs for code of such lengths, one after the other. */
function runsOf(lengths: readonly number[], profile: MachineProfile = XEON): Map<string, number> {
  const runs = new Map<string, number>();
  const cpu: Pick<Cpu, "runKernel"> = {
    runKernel: ({ name }: KernelPath, times) => void runs.set(name, (runs.get(name) ?? 0) + times),
  };
  const code = new ComputedCode(kernelPaths(profile), profile);
  for (const cycles of lengths) code.run(cpu as Cpu, cycles);
  return runs;
}

const lengths = fc.array(fc.integer({ min: 0, max: 3_000_000 }), { minLength: 1, maxLength: 30 });

describe("computed kernel code", () => {
  it("takes as long natively as it is said to, but for half a run", () => {
    fc.assert(
      fc.property(lengths, (each) => {
        const asked = each.reduce((sum, cycles) => sum + cycles, 0);
        let taken = 0;
        for (const [name, times] of runsOf(each)) taken += times * cyclesOf([name as KernelPathName]);
        expect(Math.abs(asked - taken)).toBeLessThanOrEqual(Math.max(cyclesOf(CALLS), cyclesOf(PACKETS)) / 2);
      }),
    );
  });

  /** Hu et al. 1999: 35 to 50 % of a web server's time is system calls, 25 to 40 % interrupts. */
  it("is system calls and packets in the proportion of their middles", () => {
    const runs = runsOf([100_000_000]);
    const calls = (runs.get("syscall-stat") ?? 0) * cyclesOf(CALLS);
    const packets = (runs.get("send-packet") ?? 0) * cyclesOf(PACKETS);
    expect(packets / calls).toBeCloseTo(32.5 / 42.5, 2);
  });

  it("ends where its paths take no time, or nobody knows how long", () => {
    for (const length of [0, undefined]) {
      const kernelPathsOf = Object.fromEntries(CALLS.map((name) => [name, length]));
      const costs = Object.fromEntries(Object.keys(XEON.costs).map((name) => [name, 0]));
      const profile = { ...XEON, costs, kernelPaths: { ...XEON.kernelPaths, ...kernelPathsOf } } as MachineProfile;
      expect(runsOf([1_000_000], profile).get("syscall-stat")).toBe(1);
    }
  });
});
