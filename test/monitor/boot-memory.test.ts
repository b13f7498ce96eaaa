import { describe, expect, it } from "vitest";
import { InputError } from "../../src/core/input-error.ts";
import { GuestKernel } from "../../src/guest/kernel.ts";
import { Meter } from "../../src/machine/meter.ts";
import { runHost } from "../../src/sim/host.ts";
import { bootGuest } from "../../src/sim/monitor.ts";
import { buildMachine } from "../../src/sim/monitor-machine.ts";
import type { CompiledWorkload, GuestShape } from "../../src/workload/compiled-workload.ts";
import { OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { SMALL_GUEST, VMMS, XEON, XEON_64 } from "./machines.ts";

const SHAPES: readonly (readonly [string, Partial<GuestShape>])[] = [
  ["one process", { processes: 1, kernelPages: 1, residentAnonymousPages: 0, residentFilePages: 0, swapPages: 0 }],
  ["processes and files", { processes: 5, swapPages: 0 }],
  ["heaps in several page tables", { anonymousPages: 3000, residentAnonymousPages: 3000, swapPages: 0 }],
  ["swap", { residentFilePages: 0 }],
  ["little swap", { processes: 3, swapPages: 40 }],
];

function workload(shape: Partial<GuestShape>): CompiledWorkload {
  const stream = new OperationStreamBuilder().finish();
  return { name: "tiny", guest: { ...SMALL_GUEST, ...shape }, stream, durationUs: 0, warmupUs: 0 };
}

function problemOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
  return "";
}

describe.each(VMMS.map((vmm) => ({ name: vmm.name, vmm })))("on $name", ({ vmm }) => {
  for (const profile of [XEON, XEON_64]) {
    it.each(SHAPES)(`a guest with %s boots with what it is said to need (${profile.pageTable})`, (_, shape) => {
      const message = problemOf(() => bootGuest(vmm, profile, workload({ ...shape, memoryPages: 1 })));
      expect(message).toMatch(/^workload "tiny": a guest with 4KiB of memory and .* of swap does not boot/);
      const [, size, unit] = /at least ([0-9]+)(KiB|MiB)$/.exec(message) ?? [];
      const least = (Number(size) * (unit === "MiB" ? 1024 : 1)) / 4;
      expect(() => bootGuest(vmm, profile, workload({ ...shape, memoryPages: least }))).not.toThrow();
      // The kernel itself, without the check before it, finds no page.
      const tooSmall = { ...SMALL_GUEST, ...shape, memoryPages: least - 1 };
      const machine = buildMachine(vmm, profile, least - 1, new Meter());
      expect(problemOf(() => new GuestKernel(machine, profile, tooSmall))).toContain("the guest is out of memory");
    });
  }

  it("a guest that is too small is told so on a host, too, where prices are measured", () => {
    const tiny = workload({
      memoryPages: 16,
      kernelPages: 1,
      processes: 1,
      residentAnonymousPages: 0,
      residentFilePages: 0,
    });
    expect(problemOf(() => runHost(vmm, XEON, [tiny], 16))).toMatch(/^workload "tiny": a guest with 64KiB of memory /);
  });
});
