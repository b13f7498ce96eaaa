import { expect, it } from "vitest";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import { Meter } from "../../src/machine/meter.ts";
import type { MachineProfile } from "../../src/machine/profile.ts";
import type { Part } from "../../src/vmm/contract.ts";
import { esx4 } from "../../src/vmm/esx-4.ts";
import { hardwareAssist } from "../../src/vmm/cpu/hardware-assist.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { kvmShadow } from "../../src/vmm/kvm-shadow.ts";
import type { Instruction } from "../../src/vmm/monitor-contract.ts";
import { hardwareOf, PENTIUM_4 } from "./machines.ts";

const PROCESS = ["vmm.exit.user-space-crossing", "vmm.exit.user-space-switch", "vmm.exit.device-model"];
const ICOUNT = loadMachine("machines/linux-6.1-icount.yaml").profile;

function execute(part: Part<"cpu">, profile: MachineProfile, instruction: Instruction): Meter {
  const meter = new Meter();
  part.definition.create(part.parameters, hardwareOf(profile, meter)).execute(instruction);
  return meter;
}

it.each([
  { vmm: kvm, instruction: "port-input" as const },
  { vmm: kvm, instruction: "port-output" as const },
  { vmm: kvmShadow, instruction: "port-input" as const },
])("$vmm.name leaves an access to a port ($instruction) to a process of the host, after one exit", (each) => {
  const events = execute(each.vmm.cpu, PENTIUM_4, each.instruction).ledger.eventsByCause();
  expect(PROCESS.map((cause) => events[cause])).toEqual([1, 1, 1]);
  expect([events["vmm.exit.world-switch"], events["vmm.exit.port-access"]]).toEqual([1, undefined]);
});

it.each([
  { whose: "ESX, whose vmkernel emulates its devices", part: esx4.cpu, instruction: "port-input" as const },
  {
    whose: "KVM, which has the interrupt controller itself",
    part: hardwareAssist({ ...kvm.cpu.parameters, priorityShadow: false }),
    instruction: "task-priority" as const,
  },
])("no process is asked by $whose", ({ part, instruction }) => {
  const events = execute(part, PENTIUM_4, instruction).ledger.eventsByCause();
  expect(PROCESS.map((cause) => events[cause])).toEqual([undefined, undefined, undefined]);
  expect(events["vmm.exit.port-access"]).toBe(1);
});

/** Counted with QEMU 7.2 on Linux 6.1, without the loop's three turns (docs/kernel-operations). */
const COUNTED = { port: 4797, serial: 4802, disk: 4802 };

it("takes as many instructions on Linux 6.1 as were counted with QEMU, whatever the device", () => {
  const total = execute(kvm.cpu, ICOUNT, "port-input").now;
  for (const counted of Object.values(COUNTED)) expect(Math.abs(total / counted - 1)).toBeLessThan(0.002);
});

it("takes KVM as long between two system calls of the process as was measured on an AMD server: 2528 cycles (Roth 2020, linux-kernel)", () => {
  const server = loadMachine("machines/x86-64-server.yaml").profile;
  const cycles = execute(kvm.cpu, server, "port-input").ledger.cyclesByCause();
  const ofKernel = ["world-switch", "control-block", "dispatch", "user-space-switch"].map(
    (what) => cycles[`vmm.exit.${what}`] ?? 0,
  );
  const total = ofKernel.reduce((sum, each) => sum + each, 0);
  expect(Math.abs(total / 2528 - 1)).toBeLessThan(0.1);
});
