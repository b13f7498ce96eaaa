/** VMs that a policy does not let run: requests wait, and nobody else does. */
import { describe, expect, it } from "vitest";
import { runHost } from "../../src/sim/host.ts";
import { checkAction } from "../../src/vmm/allocation/policy-actions.ts";
import { esx } from "../../src/vmm/esx.ts";
import { hostSwap } from "../../src/vmm/memory/host-swap.ts";
import { definePolicy } from "../../src/vmm/memory/policies/define-policy.ts";
import type { Action } from "../../src/vmm/memory/policies/policy-contract.ts";
import { VmMemory } from "../../src/vmm/host-memory/vm-memory.ts";
import type { CompiledWorkload } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { profile, SCRIPTED, SMALL_GUEST } from "../host/fixtures.ts";

/** A request of a millisecond each second, so long after the second has begun; 30 of them. */
function asking(durationUs: number, afterUs: number): CompiledWorkload {
  const stream = new OperationStreamBuilder();
  for (let second = 0; second < 30; second++) {
    stream.add(Op.Request, second, afterUs, 1);
    stream.add(Op.Compute, profile.megahertz * 1000);
  }
  return { name: "asking", guest: SMALL_GUEST, stream: stream.finish(), durationUs, warmupUs: 0 };
}

/** Blocks these VMs from one second to another. */
function blocking(vms: readonly string[], from: number, to: number) {
  return definePolicy<Record<string, never>, number>({
    ...SCRIPTED,
    name: "blocking",
    balloons: false,
    decide: (_, __, state, nowUs) => ({
      state,
      actions: vms.map(
        (vm): Action => ({
          kind: "block",
          vm,
          blocked: nowUs >= from * 1e6 && nowUs < to * 1e6,
          rule: "test",
        }),
      ),
    }),
  })();
}

function figures(vms: readonly string[], from: number, to: number, durationUs = 31e6) {
  const vmm = { ...esx, memory: [hostSwap()], allocation: blocking(vms, from, to) };
  // At other times, so that they do not wait for each other.
  const work = [asking(durationUs, 1e5), asking(durationUs, 6e5)];
  return runHost(vmm, profile, work, 3 * SMALL_GUEST.memoryPages, () => ({}));
}

describe("a VM that is blocked", () => {
  it("does not run until it is let run again: its requests wait so long, and no other", () => {
    const free = figures([], 0, 0).metrics;
    const { metrics } = figures(["vm0"], 10, 20);
    expect(free.requests_done).toBe(60);
    expect(metrics.requests_done).toBe(60);
    // Requests at 10.1, 11.1, ... 19.1 s of the one wait until 20 s: 9.9 + 8.9 + ... + 0.9 s, and each for those before it.
    const waits = Array.from({ length: 10 }, (_, i) => 9900 - 1000 * i + i);
    const added = 60 * (metrics.latency_mean_ms - free.latency_mean_ms);
    const expected = waits.reduce((sum, ms) => sum + ms, 0);
    // What a request takes besides its millisecond is a microsecond or so of the kernel's, and 45 are queued up.
    expect(Math.abs(added - expected)).toBeLessThan(1);
  });

  it("for good leaves its requests undone", () => {
    expect(figures(["vm0"], 10, Infinity).metrics.requests_done).toBe(30 + 10);
  });

  it("ends the run with a sentence where work is to be done and nobody may do it", () => {
    expect(() => figures(["vm0", "vm1"], 10, Infinity, 0)).toThrow(
      "blocking has blocked all VMs that have work left for an hour; expected it to let one run again, or the work never ends",
    );
    expect(figures(["vm0", "vm1"], 10, 20, 0).metrics.requests_done).toBe(60);
  });

  it("is none that others need", () => {
    const dom0 = new VmMemory(0, 10, {}, 0);
    const block: Action = { kind: "block", vm: "dom0", blocked: true, rule: "test" };
    expect(() => checkAction({ name: "mine" }, block, { vmNamed: () => dom0 })).toThrow(
      'policy mine, rule "test": dom0 cannot be blocked: it has the drivers; expected a VM',
    );
  });
});
