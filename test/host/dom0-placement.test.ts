/** Which processor dom0 is put on, where domains stay on the one that they are put on (BVT). */
import { describe, expect, it } from "vitest";
import type { MachineProfile } from "../../src/machine/profile.ts";
import { runHost } from "../../src/sim/host.ts";
import type { MeasureOperations } from "../../src/sim/operation-prices.ts";
import { bvt } from "../../src/vmm/scheduler/bvt.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import type { CompiledWorkload } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { profile, SMALL_GUEST } from "./fixtures.ts";

const { cache: _, ...uncached } = profile;
const TWO: MachineProfile = { ...uncached, cores: 2 };
const XEN = { ...xenPv, memory: [], scheduler: bvt() };
const PACKETS = 100;
const FRONT = 10_000;
const BACK = 400_000;
const COMPUTE = 100_000_000;
const priced: MeasureOperations = () => ({
  "send-packet": { frontend: { "guest.kernel": FRONT }, backend: { "io.backend": BACK } },
});

/** Has dom0 send packets, and computes besides. */
function busyAndSending(name: string): CompiledWorkload {
  const stream = new OperationStreamBuilder();
  stream.add(Op.Request, 0, 0, 0);
  for (let i = 0; i < PACKETS; i++) stream.add(Op.Send, 1448);
  stream.add(Op.Request, 0, 0, 0);
  for (let i = 0; i < COMPUTE / 100_000; i++) stream.add(Op.Compute, 100_000);
  return { name, guest: { ...SMALL_GUEST, threads: 2 }, stream: stream.finish(), durationUs: 0, warmupUs: 0 };
}
const idle: CompiledWorkload = { ...busyAndSending("idle"), stream: new OperationStreamBuilder().finish() };

/** Cycles that a host with these domains runs until all have done their work. */
function elapsed(guests: readonly CompiledWorkload[], machine: MachineProfile): number {
  const { metrics } = runHost(XEN, machine, guests, guests.length * SMALL_GUEST.memoryPages, priced);
  return Math.round(metrics.elapsed_ms * machine.megahertz * 1000);
}

describe("dom0 is the first domain that is put on a processor", () => {
  const own = COMPUTE + PACKETS * FRONT;

  it("so that a single domain has one of two to itself", () => {
    const cycles = elapsed([busyAndSending("guest")], TWO);
    expect(cycles).toBeGreaterThanOrEqual(own);
    expect(cycles).toBeLessThan(own + BACK + 1_000_000);
  });

  it("and the first of two domains has, while the second one shares dom0's", () => {
    const alone = elapsed([busyAndSending("first"), idle], TWO);
    expect(alone).toBeLessThan(own + BACK + 1_000_000);
    expect(elapsed([idle, busyAndSending("second")], TWO)).toBeGreaterThanOrEqual(own + PACKETS * BACK);
  });

  it("and shares a single processor with all", () => {
    expect(elapsed([busyAndSending("guest")], { ...TWO, cores: 1 })).toBeGreaterThanOrEqual(own + PACKETS * BACK);
  });
});
