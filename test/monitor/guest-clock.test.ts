/** How often the clock of a guest kernel interrupts one guest, of which every event is simulated. */
import { describe, expect, it } from "vitest";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import type { KernelBuild, MachineProfile } from "../../src/machine/profile.ts";
import { runMonitor } from "../../src/sim/monitor.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { native } from "../../src/vmm/native.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import { xenPv1 } from "../../src/vmm/xen-pv-1.ts";
import type { CompiledWorkload } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { LINUX_6_1, SMALL_GUEST, VMMS, XEON } from "./machines.ts";

/**
 * HZ: include/asm-i386/param.h of 2.2.17, 2.4.7, 2.4.21 and 2.6.12, include/asm-x86_64/param.h of RHEL 3, kernel/Kconfig.hz from 2.6.13
 * on, .config of Debian 12.
 */
const RATES: readonly (readonly [string, MachineProfile, number])[] = [
  ["Linux 2.4", XEON, 100],
  ...(["redhat-6.2", "redhat-7.2", "rhel-3"] as const).map((build) => [build, built(build), 100] as const),
  ["linux-2.6", built("linux-2.6"), 1000],
  ["fedora-core-5", built("fedora-core-5"), 250],
  ["Linux 6.1", LINUX_6_1, 250],
];
/** Kernels whose clock never stops. */
const PERIODIC = RATES.slice(0, -1);
const SECONDS = 2;

function built(kernelBuild: KernelBuild): MachineProfile {
  return { ...XEON, kernelBuild };
}

function work(fill: (stream: OperationStreamBuilder) => void): CompiledWorkload {
  const builder = new OperationStreamBuilder();
  fill(builder);
  return { name: "clock", guest: SMALL_GUEST, stream: builder.finish(), durationUs: 1e6 * SECONDS, warmupUs: 0 };
}

/** Half a millisecond at a time. An interrupt comes before the next operation, so that there is one more, of a cycle. */
function computing({ megahertz }: MachineProfile): CompiledWorkload {
  const computes = work((stream) => {
    stream.add(Op.Request, 0, 0, 0);
    for (let i = 0; i < 2000 * SECONDS; i++) stream.add(Op.Compute, 500 * megahertz);
    stream.add(Op.Compute, 1);
  });
  return { ...computes, durationUs: 0 };
}

const NOTHING = work(() => {});

function run(vmm: Vmm, profile: MachineProfile, workload: CompiledWorkload) {
  const { metrics, cycles, operations = {} } = runMonitor(vmm, profile, workload);
  const elapsed = Math.round(metrics.elapsed_ms * profile.megahertz * 1000);
  expect(Object.values(cycles).reduce((a, b) => a + b, 0)).toBe(elapsed);
  return { ticks: operations["timer-interrupt"]?.count ?? 0, elapsed, cycles };
}

describe.each(VMMS.map((vmm) => ({ name: vmm.name, vmm })))("on $name", ({ vmm }) => {
  it.each(RATES)("%s that computes is interrupted as often as its clock ticks", (_, profile, hz) => {
    const { ticks, elapsed } = run(vmm, profile, computing(profile));
    // XenLinux 2.4 and 2.6 get an event of Xen's every 10 ms (t_timer_fn), whatever they would ask of a device.
    const rate = vmm.name === "xen-pv" && profile !== LINUX_6_1 ? 100 : hz;
    const period = (1e6 * profile.megahertz) / rate;
    // It does not wait, so that all of the time counts.
    expect(ticks).toBe(Math.floor((elapsed - 1) / period));
    expect(ticks).toBeGreaterThanOrEqual(rate * SECONDS);
  });

  it.each(RATES)("%s that has nothing to do is interrupted as often, or not at all", (_, profile, hz) => {
    const { ticks } = run(vmm, profile, NOTHING);
    expect(ticks).toBe(vmm.name === "xen-pv" || profile === LINUX_6_1 ? 0 : hz * SECONDS);
  });
});

it("one timer of Xen 1.x interrupts all domains every 20 ms, idle or not (virt_timer, common/schedule.c)", () => {
  for (const [, profile] of PERIODIC) {
    expect(run(xenPv1, profile, NOTHING).ticks).toBe(50 * SECONDS);
    const { ticks, elapsed } = run(xenPv1, profile, computing(profile));
    expect(ticks).toBe(Math.floor((elapsed - 1) / (20_000 * profile.megahertz)));
  }
});

/** Reads one page after another that is not in memory, and computes for a millisecond between two reads. */
function reading({ megahertz }: MachineProfile): CompiledWorkload {
  const read = work((stream) => {
    for (let i = 0; i < 400; i++) {
      stream.add(Op.Request, 0, 0, 0);
      stream.add(Op.ReadFile, 1599 - 4 * i, 1);
      stream.add(Op.Compute, 1000 * megahertz);
    }
  });
  return { ...read, guest: { ...SMALL_GUEST, filePages: 1600, residentFilePages: 0 } };
}

/** Cycles that were not spent on waiting, by what each wait was charged to. */
function busy({ elapsed, cycles }: ReturnType<typeof run>): number {
  const waits = Object.entries(cycles).filter(([name]) => name === "idle" || name.startsWith("wait."));
  return waits.reduce((left, [, each]) => left - each, elapsed);
}

it.each(PERIODIC)("ticks that %s misses while it waits for the disk are made up for", (_, profile, hz) => {
  const outcome = run(native, profile, reading(profile));
  expect(busy(outcome)).toBeLessThan(outcome.elapsed / 2);
  expect(outcome.ticks).toBe(Math.floor((outcome.elapsed * hz) / (1e6 * profile.megahertz)));
});

it.each([
  ["Linux 6.1", native, LINUX_6_1, 250],
  ["Linux 2.4 on Xen", xenPv, XEON, 100],
  ["Linux 2.6 on Xen", xenPv, built("linux-2.6"), 100],
] as const)("%s has no ticks while it waits", (_, vmm, profile, hz) => {
  const outcome = run(vmm, profile, reading(profile));
  expect(busy(outcome)).toBeLessThan(outcome.elapsed / 2);
  expect(outcome.ticks).toBe(Math.floor((busy(outcome) * hz) / (1e6 * profile.megahertz)));
  expect(outcome.ticks).toBeGreaterThan(0);
});

/** Timer interrupts a second of a guest on a machine that has no more to do. */
function rateOn(name: string): number {
  const { profile } = loadMachine(`machines/${name}.yaml`);
  return run(native, { ...profile, costs: { ...XEON.costs, ...profile.costs } }, NOTHING).ticks / SECONDS;
}

it.each([
  ["xeon-2.4-sosp03", 100],
  ["xeon-2.4-sosp03-smp", 100],
  ["p4-672-asplos06", 100],
  ["core2-asplos06", 100],
  ["piii-733-sugerman01", 100],
  ["piii-733-waldspurger02", 100],
  ["xeon-3.0-menon06", 1000],
  ["xeon-3.2-walters08", 250],
] as const)("the kernel of the guests on %s asks for %i interrupts a second", (machine, hz) => {
  expect(rateOn(machine)).toBe(hz);
});
