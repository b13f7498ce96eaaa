import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BASIC_OPERATIONS, measureOperations } from "../../src/sim/operations.ts";
import { runMonitor } from "../../src/sim/monitor.ts";
import { splitDriverNetwork } from "../../src/vmm/io/split-driver.ts";
import { esx } from "../../src/vmm/esx.ts";
import { native } from "../../src/vmm/native.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import type { CompiledWorkload } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { SMALL_GUEST, VMMS, XEON } from "./machines.ts";

function workload(build: (builder: OperationStreamBuilder) => void, guest = SMALL_GUEST): CompiledWorkload {
  const builder = new OperationStreamBuilder();
  build(builder);
  return { name: "test", guest, stream: builder.finish(), durationUs: 0, warmupUs: 0 };
}

const EMPTY = workload(() => {});
const total = (amounts: Readonly<Record<string, number>>): number => Object.values(amounts).reduce((a, b) => a + b, 0);

describe.each(VMMS.map((vmm) => ({ name: vmm.name, vmm })))("basic operations on $name", ({ vmm }) => {
  const measured = measureOperations(vmm, XEON, EMPTY);

  it("are all measured, in whole cycles", () => {
    expect(Object.keys(measured).sort()).toEqual([...BASIC_OPERATIONS].sort());
    for (const { frontend, backend } of Object.values(measured)) {
      expect([...Object.values(frontend), ...Object.values(backend)].every(Number.isInteger)).toBe(true);
    }
    // Write-protecting a page is a part of copying its entry, where nobody traps the write.
    const mayBeFree = ["touch", "fork-protect-page", ...(vmm.cpu.definition.name === "bare" ? ["vmm-call"] : [])];
    for (const name of BASIC_OPERATIONS.filter((each) => !mayBeFree.includes(each))) {
      expect(total(measured[name].frontend), name).toBeGreaterThan(0);
    }
  });

  it("charge nothing to user code, waiting or idling", () => {
    const causes = Object.values(measured).flatMap(({ frontend }) => Object.keys(frontend));
    expect(causes.filter((cause) => /^(guest\.user|wait\.|idle|io\.backend)/.test(cause))).toEqual([]);
  });

  it("use a driver domain only where there is one", () => {
    const backend = total(measured["disk-read"].backend) + total(measured["receive-packet"].backend);
    expect(backend > 0).toBe(vmm.name === "xen-pv");
  });

  it("cost what a run of them costs", () => {
    // The first call finds none of its pages in the TLB.
    const calls = (count: number): number => {
      const run = runMonitor(
        vmm,
        XEON,
        workload((builder) => builder.add(Op.Syscall, 2, count)),
      );
      return total(run.operations?.["syscall:stat"].cycles ?? {});
    };
    expect(calls(1001) - calls(1)).toBe(1000 * total(measured["syscall:stat"].frontend));
    const code = (thousands: number): number => {
      const run = runMonitor(
        vmm,
        XEON,
        workload((builder) => builder.add(Op.KernelCode, thousands)),
      );
      return total(run.operations?.["kernel-code"].cycles ?? {});
    };
    // In whole runs of code of some 15,000 cycles.
    const thousand = (code(3_000_000) - code(1_000_000)) / 2_000_000;
    expect(Math.abs(thousand / total(measured["kernel-code"].frontend) - 1)).toBeLessThan(0.02);
    const faults = workload((builder) => {
      for (let page = 0; page < 24; page++) builder.add(Op.Touch, 40 + page, 1);
    });
    const fault = runMonitor(vmm, XEON, faults).operations?.["page-fault"];
    expect(fault?.count).toBe(24);
    const ratio = total(fault?.cycles ?? {}) / 24 / total(measured["page-fault"].frontend);
    expect(Math.abs(ratio - 1)).toBeLessThan(0.05);
  });

  it("take 5 page faults for one fork and exit, and 30 more for an exec that visits 30 pages", () => {
    // Counted on Linux 2.4.20: the child of lat_proc writes 3 private pages before it execs, its parent 2.
    const forks = workload((builder) => {
      for (let round = 0; round < 5; round++) {
        builder.add(Op.Fork);
        builder.add(Op.Exit);
      }
    });
    expect(runMonitor(vmm, XEON, forks).metrics.guest_page_faults).toBe(25);
    const execs = workload((builder) => {
      builder.add(Op.Fork);
      builder.add(Op.Exec, 30);
      builder.add(Op.Exit);
    });
    expect(runMonitor(vmm, XEON, execs).metrics.guest_page_faults).toBe(35);
  });
});

function kernelCode(vmm: Vmm): Readonly<Record<string, number>> {
  return measureOperations(vmm, XEON, EMPTY)["kernel-code"].frontend;
}

it("kernel code takes as long natively as it says; translated, its calls and flag writes cost what they do there", () => {
  expect(Math.abs(total(kernelCode(native)) - 1000)).toBeLessThan(10);
  // Apache's time: 42.5 of 75 parts of the kernel's in system calls. Runs of code in which a file is looked up (1.28 us without the 889
  // cycles of its entry, 26 calls, two cli, two pushf and popf) and one opened and closed (1.92 us without two entries, 43 calls, the same).
  const section = 35 + 10 + 52;
  const calls = (1000 * 42.5) / 75 / (3072 - 889 + (4608 - 2 * 889));
  // And runs in which a packet is received (8189 cycles, 34 calls, five cli, three sti, two pushf and popf) and one sent (4040, 47 calls,
  // seven cli, seven pushf and popf).
  const flags = 12 * 35 + 3 * 43 + 9 * (10 + 52);
  const packets = (1000 * 32.5) / 75 / (8189 + 4040 + 81 * 4 + flags);
  const kernel = calls * (3072 + 4608 - 3 * 889 - 4 * section) + packets * (8189 + 4040 + 81 * 4);
  const translation = calls * (69 * 36 + 8 * 4) + packets * (81 * 36 + 24 * 4);
  expect(Math.abs(kernelCode(esx)["guest.kernel"] - kernel)).toBeLessThan(10);
  expect(Math.abs(kernelCode(esx)["vmm.translation"] - translation)).toBeLessThan(5);
});

/** Cycles of kernel code that runs for steps of so many thousand cycles. */
function kernelCodeOf(steps: readonly number[]): number {
  const stream = workload((builder) => {
    for (const thousands of steps) builder.add(Op.KernelCode, thousands);
  });
  return runMonitor(native, XEON, stream).operations?.["kernel-code"].cycles["guest.kernel"] ?? 0;
}

it("kernel code asked for bit by bit takes as long as all of it at once", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 40 }), (steps) => {
      const asked = 1000 * steps.reduce((sum, thousands) => sum + thousands, 0);
      // Whole runs of less than 16,000 cycles: at most half a run is over.
      expect(Math.abs(kernelCodeOf(steps) - asked)).toBeLessThanOrEqual(8000);
    }),
    { numRuns: 20 },
  );
});

it.each(["syscall-stat", "receive-packet"] as const)("kernel code has no length where %s has none", (name) => {
  const { [name]: _, ...kernelPaths } = XEON.kernelPaths;
  const stream = workload((builder) => builder.add(Op.KernelCode, 1000));
  expect(() => runMonitor(native, { ...XEON, kernelPaths }, stream)).toThrow(
    new RegExp(`it lacks kernel-paths .*\\b${name}\\b`),
  );
});

it("measures what a driver domain does on a processor of its own as its work, too", () => {
  const network = splitDriverNetwork({ ownProcessor: true });
  const [shared, own] = [xenPv, { ...xenPv, network }].map((vmm) => measureOperations(vmm, XEON, EMPTY)["send-packet"]);
  expect(own.backend["io.backend.request"]).toBe(shared.backend["io.backend.request"]);
  expect(own.backend["io.backend.grant"]).toBe(shared.backend["io.backend.grant"]);
  expect(total(own.backend)).toBeLessThan(total(shared.backend));
});

it("measures a guest without files, and one with a single page of heap", () => {
  const bare = {
    ...SMALL_GUEST,
    filePages: 0,
    residentFilePages: 0,
    anonymousPages: 1,
    residentAnonymousPages: 0,
    processes: 1,
  };
  for (const vmm of VMMS) {
    const measured = measureOperations(vmm, XEON, { ...EMPTY, guest: bare });
    expect(total(measured["read-file-page"].frontend)).toBeGreaterThan(0);
  }
});
