import { describe, expect, it } from "vitest";
import { microsecondsToCycles, primitiveCost } from "../../src/machine/profile.ts";
import { runHost } from "../../src/sim/host.ts";
import { type CompositionProblem, composeVmm } from "../../src/vmm/compose.ts";
import { paravirtual } from "../../src/vmm/cpu/paravirtual.ts";
import { PARTS } from "../../src/vmm/parts.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import { xenPv1 } from "../../src/vmm/xen-pv-1.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import type { CompiledWorkload } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { SMALL_GUEST, profile } from "./fixtures.ts";

const ONE_CPU = { ...profile, cores: 1 };

function guest(seconds: number, fill: (stream: OperationStreamBuilder) => void = () => {}): CompiledWorkload {
  const stream = new OperationStreamBuilder();
  fill(stream);
  // Not at the very end: what has just come is not run any more.
  return { name: "test", guest: SMALL_GUEST, stream: stream.finish(), durationUs: 1e6 * seconds + 1000, warmupUs: 0 };
}

/** Cycles that a domain without work runs in so many seconds. */
function idleCycles(vmm: Vmm, seconds: number): number {
  const { cycles } = runHost(vmm, ONE_CPU, [guest(seconds)], 4096);
  const all = Object.values(cycles).reduce((sum, each) => sum + each, 0);
  return all - cycles.idle;
}

/** How often another domain is put on the processor, in so many seconds: one computes, two have no work. */
function switches(seconds: number): number {
  const computes = guest(seconds, (stream) => {
    stream.add(Op.Request, 0, 0, 0);
    stream.add(Op.Compute, microsecondsToCycles(profile, 4e6));
  });
  const guests = [computes, guest(seconds), guest(seconds)];
  const { cycles } = runHost(xenPv1, ONE_CPU, guests, guests.length * SMALL_GUEST.memoryPages);
  return cycles["vmm.vcpu-switch"] / primitiveCost(profile, "xen.domain-switch");
}

function problemsOf(timerMs: number): readonly CompositionProblem[] {
  return composeVmm(xenPv1, { "cpu.timerMs": timerMs }, PARTS).problems;
}

describe("timer events", () => {
  it("of Xen 1.x come to a blocked domain fifty times a second, and to one of a later Xen not at all", () => {
    const once = idleCycles({ ...xenPv1, cpu: paravirtual({ timerMs: 1000 }) }, 1);
    expect(once).toBeGreaterThan(0);
    expect(idleCycles(xenPv1, 1)).toBe(50 * once);
    expect(idleCycles(xenPv1, 3)).toBe(150 * once);
    expect(idleCycles({ ...xenPv1, cpu: paravirtual({ timerMs: 10 }) }, 1)).toBe(100 * once);
    expect(idleCycles({ ...xenPv1, cpu: xenPv.cpu }, 3)).toBe(0);
  });

  it("come a thousand times a second at most, or not at all", () => {
    for (const timerMs of [0, 1, 20]) expect(problemsOf(timerMs)).toEqual([]);
    for (const timerMs of [1e-7, 0.5]) {
      expect(problemsOf(timerMs).map(({ message }) => message)).toEqual([
        `paravirtual timerMs: expected 0 or at least 1 ms, not ${timerMs}`,
      ]);
    }
  });

  it("wake all domains of Xen 1.x in the same instant, so that those that are blocked run one after the other", () => {
    // To one, to the other, and back to who computes: three switches, where two timers would make four.
    expect(switches(3) - switches(1)).toBe(2 * 50 * 3);
  });
});
