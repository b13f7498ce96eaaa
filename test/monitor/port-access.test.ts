/** Accesses of a guest's kernel to I/O ports, and its write of the task priority, where the kernel is not in ring 0. */
import { describe, expect, it } from "vitest";
import { ImpossibleInstruction } from "../../src/guest/impossible-instruction.ts";
import { Meter } from "../../src/machine/meter.ts";
import type { MachineProfile } from "../../src/machine/profile.ts";
import { paravirtual } from "../../src/vmm/cpu/paravirtual.ts";
import { processTracing } from "../../src/vmm/cpu/process-tracing.ts";
import type { Part } from "../../src/vmm/contract.ts";
import { hardwareOf, LINUX_6_1, PENTIUM_4, XEON } from "./machines.ts";

const XEON_2_6: MachineProfile = { ...XEON, kernelBuild: "linux-2.6" };

function processor({ definition, parameters }: Part<"cpu">, machine: MachineProfile) {
  const hardware = hardwareOf(machine, new Meter());
  return { cpu: definition.create(parameters, hardware), ...hardware };
}

describe("under Xen", () => {
  it.each([
    { machine: PENTIUM_4, which: "on x86-64, which Xen has guests of since 3.0", exception: 889, xen: 932 },
    { machine: XEON_2_6, which: "of Linux 2.6 on IA-32", exception: 889, xen: 932 },
    { machine: LINUX_6_1, which: "of Linux 6.1, in instructions of Xen 4.17", exception: 0, xen: 1865 },
  ])("a kernel $which accesses a port by one fault, which Xen emulates", ({ machine, exception, xen }) => {
    for (const instruction of ["port-input", "port-output"] as const) {
      const { cpu, meter, tlb } = processor(paravirtual(), machine);
      tlb.insert(7, 0x101);
      cpu.execute(instruction);
      expect(meter.ledger.eventsByCause()).toEqual({ "hardware.trap": 1, "vmm.trap.port-access": 1 });
      expect([meter.now, meter.ledger.cycles.reduce((sum, each) => sum + each, 0)]).toEqual([
        exception + xen,
        exception + xen,
      ]);
      // No root changes: the kernel goes on where it was.
      expect(tlb.lookup(7)).not.toBe(-1);
    }
  });

  it("a kernel of Linux 2.4 on IA-32 cannot, since Xen 1.x and 2.x pass the fault on", () => {
    const { cpu, meter } = processor(paravirtual(), XEON);
    expect(() => cpu.execute("port-input")).toThrow(ImpossibleInstruction);
    expect(() => cpu.execute("port-output")).toThrow("Xen before 3.0 emulates no access to an I/O port");
    expect(meter.now).toBe(0);
  });

  it.each([PENTIUM_4, XEON, XEON_2_6, LINUX_6_1])("no kernel writes the task priority, on $name", (machine) => {
    const { cpu, meter } = processor(paravirtual(), machine);
    expect(() => cpu.execute("task-priority")).toThrow(ImpossibleInstruction);
    expect(meter.now).toBe(0);
  });
});

it.each(["port-input", "port-output", "task-priority"] as const)(
  "a kernel that is a process of a host cannot execute %s",
  (instruction) => {
    const { cpu } = processor(processTracing(), XEON);
    expect(() => cpu.execute(instruction)).toThrow(ImpossibleInstruction);
    expect(() => cpu.execute("call-return")).not.toThrow();
  },
);
