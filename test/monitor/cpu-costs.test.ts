/** What the processor of a VMM costs is in its part's `needs`, all but single instructions, and is looked up when it is made. */
import { describe, expect, it } from "vitest";
import { InputError } from "../../src/core/input-error.ts";
import { kernelPaths } from "../../src/guest/kernel-paths.ts";
import { DIVIDE_ERROR, PAGE_FAULT, SYSTEM_CALL } from "../../src/guest/trap-handlers.ts";
import { Meter } from "../../src/machine/meter.ts";
import type { MachineProfile } from "../../src/machine/profile.ts";
import { PARTS } from "../../src/vmm/parts.ts";
import type { VirtualCpu } from "../../src/vmm/monitor-contract.ts";
import { CORE_2, hardwareOf, LINUX_6_1, PENTIUM_4, XEON } from "./machines.ts";

const CPUS = PARTS.filter(({ slot }) => slot === "cpu");
/** Of a host that has a signal write it: which kernels do is not the part's to say. */
const OF_SOME_KERNELS = "hardware.debug-register";
const UML = { "uml.stop": 1, "uml.mapping-request": 1, "uml.switch-space": 1 };
/** Whatever any of them needs. */
const MACHINES = [XEON, PENTIUM_4, CORE_2, LINUX_6_1].map((machine): MachineProfile => {
  return { ...machine, costs: { ...UML, ...PENTIUM_4.costs, ...XEON.costs, ...machine.costs } };
});

const HANDLERS = [DIVIDE_ERROR, PAGE_FAULT, SYSTEM_CALL].map((vector) => ({
  vector,
  isCallable: vector === SYSTEM_CALL,
  disablesInterrupts: vector === PAGE_FAULT,
}));

/** Every way into the kernel and the VMM, and back. */
function exercise(cpu: VirtualCpu, profile: MachineProfile): void {
  cpu.registerTraps?.(HANDLERS, SYSTEM_CALL);
  for (const path of Object.values(kernelPaths(profile))) cpu.runKernel(path, 2);
  for (const entry of ["system-call", "exception", "interrupt", "page-fault"] as const) {
    cpu.enterKernel(entry);
    cpu.leaveKernel(entry);
  }
  for (const changesRoot of [false, true]) cpu.switchTask(changesRoot);
  for (const reason of ["page-fault", "instruction", "device-register"] as const) cpu.enter(reason, 7);
  cpu.forwardFault();
  for (const effect of ["clear", "set", "unchanged"] as const) cpu.tracedWrite("set", effect);
  cpu.emulatesAccess?.(0xfffff, true);
}

describe.each(CPUS)("the part $name", ({ name, create, needs = [], parameters }) => {
  const defaults = Object.fromEntries(Object.entries(parameters).map(([name, each]) => [name, each.default]));

  it.each(MACHINES)("needs no more than it says on $name, and looks nothing up once it is made", (machine) => {
    const told = [...needs, OF_SOME_KERNELS];
    const given = Object.fromEntries(Object.entries(machine.costs).filter(([name]) => told.includes(name)));
    const asked: string[] = [];
    const costs = new Proxy(given, { get: (target, name: string) => (asked.push(name), target[name]) });
    const profile = { ...machine, costs };
    const cpu = create(defaults as never, hardwareOf(profile, new Meter())) as VirtualCpu;
    asked.length = 0;
    exercise(cpu, machine);
    expect(asked).toEqual([]);
  });

  it("says on which machines it lacks the price of an exception", () => {
    const own = name === "hardware-assist" ? "hardware-assist.exception" : "hardware.exception";
    expect(needs).toContain(own);
    const { [own]: _, ...costs } = MACHINES[0].costs;
    expect(() => create(defaults as never, hardwareOf({ ...MACHINES[0], costs }))).toThrow(InputError);
  });
});
