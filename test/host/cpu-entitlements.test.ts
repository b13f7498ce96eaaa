import { describe, expect, it } from "vitest";
import { InputError } from "../../src/core/input-error.ts";
import { readWorkload } from "../../src/experiment/documents/workload-document.ts";
import { runHost } from "../../src/sim/host.ts";
import { unkeptEntitlement } from "../../src/sim/cpu-admission.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { esx } from "../../src/vmm/esx.ts";
import { bvt } from "../../src/vmm/scheduler/bvt.ts";
import { sedf } from "../../src/vmm/scheduler/sedf.ts";
import { uml } from "../../src/vmm/uml.ts";
import { workstation } from "../../src/vmm/workstation.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import { compileWorkload } from "../../src/workload/compile.ts";
import type { CompiledWorkload } from "../../src/workload/compiled-workload.ts";
import { profile } from "./fixtures.ts";

const COMPUTE = (cpu: string): string => `name: burn
title: Burn
summary: Computes.
guest: { memory: 16MiB, kernel: 4MiB, cpu: ${cpu} }
duration: 4s
closed-loop: { requests: 4000 }
activities: [{ name: step, request: [{ compute: 2400kcycles }] }]
`;

function guests(cpu: string, count: number): readonly CompiledWorkload[] {
  const { workload } = readWorkload(COMPUTE(cpu), "burn.yaml");
  return Array.from({ length: count }, (_, guestIndex) => compileWorkload(workload, { seed: 1, guestIndex }));
}

function problems(cpu: string): readonly string[] {
  try {
    guests(cpu, 1);
  } catch (error) {
    if (error instanceof InputError) return error.problems;
    throw error;
  }
  return [];
}

function run(vmm: Vmm, cpu: string, count: number) {
  const all = guests(cpu, count);
  expect(unkeptEntitlement(vmm, all)).toBeUndefined();
  const machine = { ...profile, cores: 1 };
  return runHost({ ...vmm, memory: [] }, machine, all, count * 4096, () => ({})).metrics;
}

describe("what a guest is entitled to of the CPUs", () => {
  it("is one value for all guests, or a list that guests take in turn", () => {
    const set = guests("{ shares: [1, 2], reservation: 100MHz, limit: [1GHz, 2GHz] }", 3);
    expect(set.map(({ guest }) => guest.cpu)).toEqual([
      { shares: 1, reservationMhz: 100, limitMhz: 1000 },
      { shares: 2, reservationMhz: 100, limitMhz: 2000 },
      { shares: 1, reservationMhz: 100, limitMhz: 1000 },
    ]);
    const [{ guest }] = guests("{ shares: 3 }", 1);
    expect(guest.cpu).toEqual({ shares: 3, reservationMhz: 0, limitMhz: Infinity });
  });

  it("may not contradict itself: the VM and the rule are named", () => {
    expect(problems("{ reservation: [200MHz, 800MHz], limit: 500MHz }")).toEqual([
      expect.stringMatching(/^burn.yaml:4:.*VM 1 reserves 800MHz, above its limit of 500MHz$/),
    ]);
    expect(problems("{ shares: [1, 2, 3], limit: [1GHz, 2GHz] }")).toEqual([
      expect.stringMatching(/limit.*has 2 entries, but another list of cpu has 3; expected as many, or one value$/),
    ]);
    expect(problems("{ shares: 0 }")).toHaveLength(1);
    expect(problems("{ limit: 500 }").join()).toContain("500MHz");
  });

  it("has to be there: reservations beyond the processors are refused", () => {
    expect(() => run(esx, "{ reservation: 1GHz }", 3)).toThrow(
      'workload "burn": VMs 0 to 2 reserve 3000MHz together, but machine "xeon-2.4-sosp03" has 1 x 2400MHz = 2400MHz',
    );
    expect(() => run(esx, "{ reservation: [100MHz, 2500MHz] }", 2)).toThrow(
      'workload "burn": VM 1 reserves 2500MHz, but machine "xeon-2.4-sosp03" has processors of 2400MHz, and a VM has one vCPU',
    );
  });

  it("has to be kept by the scheduler of the VMM, or the cell is not run", () => {
    expect(unkeptEntitlement({ ...xenPv, scheduler: bvt() }, guests("{ shares: 2, limit: [2GHz, 1GHz] }", 2))).toBe(
      'VM 0 of workload "burn" is limited to 2000MHz, but the scheduler bvt of xen-pv keeps no limits',
    );
    expect(unkeptEntitlement(xenPv, guests("{ reservation: 100MHz }", 2))).toBe(
      'VM 0 of workload "burn" reserves 100MHz, but the scheduler credit of xen-pv keeps no reservations',
    );
    // Processes of Linux 2.4 have nice values.
    for (const vmm of [workstation, uml]) {
      expect(unkeptEntitlement(vmm, guests("{ reservation: 100MHz }", 2))).toBe(
        `VM 0 of workload "burn" reserves 100MHz, but the scheduler goodness of ${vmm.name} keeps no reservations`,
      );
      expect(unkeptEntitlement(vmm, guests("{ limit: 1GHz }", 2))).toMatch(/goodness .* keeps no limits$/);
      expect(unkeptEntitlement(vmm, guests("{ shares: [1, 2] }", 2))).toBeUndefined();
    }
    expect(unkeptEntitlement(xenPv, guests("{ limit: 1GHz }", 2))).toBeUndefined();
    expect(unkeptEntitlement({ ...xenPv, scheduler: sedf() }, guests("{ reservation: 100MHz }", 2))).toBeUndefined();
  });

  it("shows in the figures of each VM, which add up with the service console to those of the host", () => {
    const all = guests("{ shares: [1, 3] }", 2);
    const { vms, metrics, cycles } = runHost({ ...esx, memory: [] }, { ...profile, cores: 1 }, all, 8192, () => ({}));
    const consoleMs = (cycles["vmm.console-agents"] + cycles["vmm.console-timer"]) / profile.megahertz / 1000;
    const [cpu, done] = ["cpu_ms", "requests_done"].map((name) =>
      (vms?.rows ?? []).map((row) => row[vms?.columns.indexOf(name) ?? -1]),
    );
    expect(done[0] + done[1]).toBe(metrics.requests_done);
    expect(cpu[0] + cpu[1] + consoleMs).toBeCloseTo(metrics.work_ms, 6);
    expect(cpu[1] / cpu[0]).toBeCloseTo(3, 0);
  });

  it("leaves hosts alone whose VMs are alike", () => {
    const { workload } = readWorkload(COMPUTE("{}").replace(", cpu: {}", ""), "burn.yaml");
    const one = compileWorkload(workload, { seed: 1, guestIndex: 0 });
    expect(one.guest.cpu).toBeUndefined();
    expect(runHost({ ...esx, memory: [] }, profile, [one, one], 8192, () => ({})).vms).toBeUndefined();
  });

  it.each([esx, xenPv])("caps guests of $name on a host that has time left", (vmm) => {
    const { cpu_busy_percent: busy } = run(vmm, "{ limit: [480MHz, 720MHz] }", 2);
    // 20 % and 30 %, and up to a quantum of 50 ms each at the end of 4 s.
    expect(busy).toBeGreaterThan(48);
    expect(busy).toBeLessThan(53);
  });
});
