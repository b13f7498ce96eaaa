/**
 * Round trips out of guest mode: those that Agesen et al. 2012 give for generations of Intel's processors, held against the
 * VM entries and exits that Adams and Agesen 2006 measured on two of them; and what exits of KVM take (Landau et al. 2011). The
 * other generations are values of the parameter `exitCycles`, which nothing here could confirm.
 *
 * Of Landau et al. not held against: what exits do to caches ("indirect", and the cycles until the guest is as fast as before),
 * which is not modelled; what KVM takes to handle CPUID and a write of a control register, which no machine of that time has a
 * price of; and their run of netperf, whose interface they do not name and whose exits are counted by what KVM of 2010 emulated.
 */
import type { MeasuredCost } from "../../sim/microbenchmarks/microbenchmark.ts";
import type { Bench, ValidationSet } from "./validation-set.ts";

const CORE2 = "core2-asplos06";
/** A Xeon X5570. */
const NEHALEM_EXIT = 1009;

/** A read of an I/O port, which always exits. */
const PORT_INPUT = "in";
/** A write of the task priority; it is a control register, CR8. */
const CONTROL_REGISTER = "cr8wr";

function cyclesPerExit({ ledger, events }: MeasuredCost, causes: readonly string[]): number {
  return causes.reduce((sum, cause) => sum + (ledger[cause] ?? 0), 0) / events.exits;
}

function roundTrip(bench: Bench, machine: string): number {
  const cost = bench.operation(machine, { workstation: { cpu: "hardware-assist" } }, PORT_INPUT);
  return cyclesPerExit(cost, ["vmm.exit.world-switch"]);
}

export const ATC12: ValidationSet = {
  name: "atc12",
  source: "Agesen et al. 2012, Software Techniques for Avoiding Hardware Virtualization Exits",
  rows: [
    { id: "atc12.exit.prescott-2005", role: "prediction", simulate: (bench) => roundTrip(bench, "p4-672-asplos06") },
    { id: "atc12.exit.merom-2006", role: "prediction", simulate: (bench) => roundTrip(bench, CORE2) },
  ],
};

/** What every exit takes, whatever it is for: the processor, the control block, and the VMM's way to the handler and back. */
const DIRECT = ["vmm.exit.world-switch", "vmm.exit.control-block", "vmm.exit.dispatch"];
/** What a process that emulates devices takes besides. */
const USER_SPACE = ["vmm.exit.user-space-crossing", "vmm.exit.user-space-switch", "vmm.exit.device-model"];

/** Of KVM on the round trip of a Nehalem; writes of the task priority exit. */
function kvmExit(bench: Bench, operation: string, causes: readonly string[]): number {
  const cpu = { taggedTlb: true, exitCycles: NEHALEM_EXIT, priorityShadow: false, userSpaceDevices: true };
  return cyclesPerExit(bench.operation(CORE2, { kvm: { cpu: { "hardware-assist": cpu } } }, operation), causes);
}

export const SPLITX11: ValidationSet = {
  name: "splitx11",
  source: "Landau et al. 2011, SplitX: Split Guest/Hypervisor Execution on Multi-Core",
  rows: [
    {
      id: "splitx11.cr-access.direct",
      role: "prediction",
      simulate: (bench) => kvmExit(bench, CONTROL_REGISTER, DIRECT),
    },
    {
      id: "splitx11.i-o-instruction.direct",
      role: "prediction",
      simulate: (bench) => kvmExit(bench, PORT_INPUT, DIRECT),
    },
    {
      id: "splitx11.i-o-instruction.synchronous",
      role: "prediction",
      simulate: (bench) => kvmExit(bench, PORT_INPUT, USER_SPACE),
      reason:
        "instructions of later versions of KVM and QEMU; that registers of the host which are saved and loaded are slow to write is not counted",
    },
  ],
};
