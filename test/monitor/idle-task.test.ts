/** A sender of Linux 2.2 sleeps for each acknowledgement, and its idle task has page tables of its own. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import { HEADER_BYTES } from "../../src/machine/network-link.ts";
import type { KernelBuild, MachineProfile } from "../../src/machine/profile.ts";
import { type MeasuredCost, measureMicrobenchmark } from "../../src/sim/microbenchmarks/microbenchmark.ts";
import { LMBENCH } from "../../src/sim/microbenchmarks/lmbench.ts";
import { TCP } from "../../src/sim/microbenchmarks/tcp.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { native } from "../../src/vmm/native.ts";
import { workstation } from "../../src/vmm/workstation.ts";
import { Op } from "../../src/workload/operation-stream.ts";

const { kernelBuild: _, ...AS_RELEASED } = loadMachine("machines/piii-733-sugerman01.yaml").profile;

function withBuild(kernelBuild: KernelBuild, megabits = 100): MachineProfile {
  return { ...AS_RELEASED, kernelBuild, network: { ...AS_RELEASED.network, megabitsPerSecond: megabits } };
}

const LINUX_2_2 = withBuild("redhat-6.2");

function measure(name: string, profile: MachineProfile, vmm: Vmm = native): MeasuredCost {
  const benchmark = [...TCP, ...LMBENCH].find((each) => each.name === name);
  if (benchmark === undefined) throw new Error(`no benchmark ${name}`);
  return measureMicrobenchmark(benchmark, vmm, profile);
}

/** Switches to another process a packet of full size sent. */
function switches(profile: MachineProfile, vmm: Vmm = native): number {
  return measure("tcp-transmit-1500", profile, vmm).events.sched_switch ?? 0;
}

describe("a sender that waits for the wire", () => {
  it("is switched away from and back to for each acknowledgement, which is for two packets", () => {
    expect(switches(LINUX_2_2)).toBeCloseTo(1, 2);
    expect(switches(LINUX_2_2, workstation)).toBeCloseTo(1, 2);
  });

  it("loads another page-table base each time, and three segment registers", () => {
    const { events } = measure("tcp-transmit-1500", LINUX_2_2);
    expect(events["hardware.tlb-flush"]).toBe(events.sched_switch);
    expect(events["hardware.instruction"]).toBe(3 * events.sched_switch);
    const virtual = measure("tcp-transmit-1500", LINUX_2_2, workstation).events;
    expect(virtual["vmm.shadow.root-switch"]).toBe(virtual.sched_switch);
    // One call-out for the base, one for each register, and HLT, once for two switches.
    expect(virtual["vmm.translation.callout"]).toBeCloseTo((1 + 3 + 1 / 2) * virtual.sched_switch, 10);
  });

  it("sends no less in a second than one that does not sleep", () => {
    const { cost } = measure("tcp-transmit-1500", LINUX_2_2);
    expect(Math.abs(cost / measure("tcp-transmit-1500", AS_RELEASED).cost - 1)).toBeLessThan(1e-3);
  });

  it("does not sleep where the wire is never full, nor on Linux 2.4", () => {
    expect(switches(withBuild("redhat-6.2", 100_000))).toBe(0);
    expect(switches(withBuild("redhat-7.2"))).toBe(0);
    expect(switches(AS_RELEASED)).toBe(0);
  });
});

it.each([
  { profile: AS_RELEASED, loads: 0 },
  { profile: withBuild("redhat-7.2"), loads: 2 },
  { profile: LINUX_2_2, loads: 3 },
])("a switch of $profile.kernelBuild loads $loads segment registers besides", ({ profile, loads }) => {
  expect(measure("2p/0K", profile).events["hardware.instruction"] ?? 0).toBe(loads);
});

it("a stream goes on from call to call: every second packet of all is acknowledged, however few a call has", () => {
  const [bulk] = TCP;
  const payload = 1500 - HEADER_BYTES;
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), (packets) => {
      const rounds = 64;
      const { events } = measureMicrobenchmark(
        {
          ...bulk,
          warmUpRounds: 2 * packets,
          rounds,
          operationsPerRound: packets,
          round: (builder) => builder.add(Op.Send, packets * payload, 1500, 1),
        },
        native,
        AS_RELEASED,
      );
      expect(events["hardware.interrupt"]).toBe(1 / 2);
    }),
    { numRuns: 9 },
  );
});
