import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import { type MachineProfile, microsecondsToCycles, primitiveCost } from "../../src/machine/profile.ts";
import { runHost } from "../../src/sim/host.ts";
import type { MeasuredOperation } from "../../src/sim/operations.ts";
import { type CompositionProblem, composeVmm } from "../../src/vmm/compose.ts";
import { paravirtual } from "../../src/vmm/cpu/paravirtual.ts";
import { hostSwitch } from "../../src/vmm/cpu/host-calls.ts";
import { esx } from "../../src/vmm/esx.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { native } from "../../src/vmm/native.ts";
import { PARTS } from "../../src/vmm/parts.ts";
import { bvt } from "../../src/vmm/scheduler/bvt.ts";
import { uml } from "../../src/vmm/uml.ts";
import { workstation } from "../../src/vmm/workstation.ts";
import { xenHvm } from "../../src/vmm/xen-hvm.ts";
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

  it("of Xen 1.x that come while a domain waits for the processor are one, when it has it again", () => {
    for (const domains of [1, 2, 5, 12]) {
      const guests = Array.from({ length: domains }, () => computing(3, ONE_CPU));
      const pages = domains * SMALL_GUEST.memoryPages;
      const vmm = { ...xenPv1, memory: [], scheduler: bvt({ allowanceMs: 50 }) };
      const { cycles } = runHost(vmm, ONE_CPU, guests, pages, onlyTicks);
      const ticks = cycles["guest.kernel"] / TICK;
      const turns = 1 + (cycles["vmm.vcpu-switch"] ?? 0) / primitiveCost(ONE_CPU, "xen.domain-switch");
      // Whoever runs takes each of the 50 a second; who comes finds one more at most. The last ones may not have been run yet.
      expect(ticks, `${domains}`).toBeGreaterThanOrEqual(150 - domains);
      expect(ticks, `${domains}`).toBeLessThanOrEqual(150 + turns);
      expect(turns, `${domains}`).toBeLessThan(150);
    }
  });
});

const TICK = 1000;
const onlyTicks = (): Record<string, MeasuredOperation> => ({
  "timer-interrupt": { frontend: { "guest.kernel": TICK }, backend: {} },
});

/** One pCPU; HZ of each kernel. */
const SERVER = { ...loadMachine("machines/x86-64-server.yaml").profile, cores: 1 };
const PERIODIC: readonly (readonly [string, MachineProfile, number])[] = [
  ["Linux 2.4", ONE_CPU, 100],
  ["Linux 2.6 up to 2.6.12", { ...ONE_CPU, kernelBuild: "linux-2.6" }, 1000],
  ["Fedora Core 5", { ...ONE_CPU, kernelBuild: "fedora-core-5" }, 250],
];
const WITH_DEVICES = [native, esx, workstation, kvm, xenHvm, uml];

/** Ticks of guests that have only those to pay for, and the cycles in which they did anything at all. */
function run(vmm: Vmm, machine: MachineProfile, guests: readonly CompiledWorkload[]) {
  const pages = guests.length * SMALL_GUEST.memoryPages;
  const { cycles, metrics } = runHost({ ...vmm, memory: [] }, machine, guests, pages, onlyTicks);
  const all = Object.values(cycles).reduce((sum, each) => sum + each, 0);
  expect(all).toBe(Math.round(metrics.elapsed_ms * machine.megahertz * 1000));
  const kernel = cycles["guest.kernel"] ?? 0;
  return { ticks: kernel / TICK, busy: all - (cycles.idle ?? 0), user: cycles["guest.user"] ?? 0 };
}

/** Computes for more than it is given. */
function computing(seconds: number, { megahertz }: MachineProfile): CompiledWorkload {
  return guest(seconds, (stream) => {
    stream.add(Op.Request, 0, 0, 0);
    for (let i = 0; i < 200 * seconds; i++) stream.add(Op.Compute, 10_000 * megahertz);
  });
}

/** Turns of 60 ms, nice 0 (NICE_TO_TICKS, kernel/sched.c of Linux 2.4 with HZ of 100); the last one of a round begins the next one. */
it.each([workstation, uml])(
  "VMs of $name are processes of a Linux 2.4, which switches between them as it does",
  (vmm) => {
    const guests = Array.from({ length: 3 }, () => computing(9, ONE_CPU));
    const { cycles } = runHost({ ...vmm, memory: [] }, ONE_CPU, guests, 3 * SMALL_GUEST.memoryPages, onlyTicks);
    const switches = cycles["vmm.vcpu-switch"] / hostSwitch(ONE_CPU);
    const rounds = 9000 / 180;
    expect(Math.abs(switches - 2 * rounds)).toBeLessThanOrEqual(2);
  },
);

describe("the clock of a guest kernel", () => {
  it.each(PERIODIC)(
    "of %s ticks HZ times a second on every VMM that shows it a timer, idle or not",
    (_, machine, hz) => {
      for (const vmm of WITH_DEVICES) {
        expect(run(vmm, machine, [guest(3)]).ticks, vmm.name).toBe(3 * hz);
        // What has come in the last step is not run any more.
        const { ticks } = run(vmm, machine, [computing(3, machine)]);
        expect(ticks, vmm.name).toBeLessThanOrEqual(3 * hz);
        expect(ticks, vmm.name).toBeGreaterThanOrEqual(3 * hz - 10);
      }
    },
  );

  it.each(PERIODIC)("of %s misses no tick while others have the processor", (_, machine, hz) => {
    for (const vmm of [esx, kvm, workstation, uml]) {
      const { ticks } = run(vmm, machine, [computing(4, machine), computing(4, machine)]);
      // A guest that waits is given all at once when it runs again: those of its last wait are still to come.
      expect(Math.abs(ticks / (2 * 4 * hz) - 1), vmm.name).toBeLessThan(0.05);
    }
  });

  it.each(PERIODIC)(
    "of %s goes by Xen's events, of which each processor has 100 a second for whoever runs",
    (_, machine) => {
      expect(run(xenPv, machine, [guest(3)]).ticks).toBe(0);
      for (const domains of [1, 2, 5]) {
        const guests = Array.from({ length: domains }, () => computing(3, machine));
        const { ticks } = run(xenPv, machine, guests);
        expect(ticks).toBeLessThanOrEqual(300);
        // Ten of each domain may not have been charged yet.
        expect(ticks).toBeGreaterThanOrEqual(300 - 10 * domains);
      }
    },
  );

  it("of Linux 6.1 stands still while nothing runs, and ticks 250 times in a second of work, on every VMM", () => {
    const burst = fc.record({ gapUs: fc.integer({ min: 0, max: 300_000 }), us: fc.integer({ min: 0, max: 60_000 }) });
    const period = SERVER.megahertz * 4000;
    expect(run(esx, SERVER, [guest(3)]).ticks).toBe(0);
    for (const vmm of [native, kvm, workstation, xenPv]) {
      expect(run(vmm, SERVER, [guest(3)]), vmm.name).toEqual({ ticks: 0, busy: 0, user: 0 });
      fc.assert(
        fc.property(fc.array(burst, { minLength: 1, maxLength: 40 }), (bursts) => {
          let at = 0;
          const bursty = guest(3, (stream) => {
            for (const { gapUs, us } of bursts) {
              at += gapUs;
              stream.add(Op.Request, Math.floor(at / 1e6), at % 1e6, 1);
              stream.add(Op.Compute, us * SERVER.megahertz);
            }
          });
          const { ticks, busy } = run(vmm, SERVER, [bursty]);
          expect(ticks).toBeLessThanOrEqual(Math.floor(busy / period));
          expect(ticks).toBeGreaterThan(Math.floor(busy / period) - 11);
        }),
        { numRuns: 15 },
      );
    }
  });
});
