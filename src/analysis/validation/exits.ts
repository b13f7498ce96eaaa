/**
 * Round trips out of guest mode: those that Agesen et al. 2012 give for generations of Intel's processors, held against the
 * VM entries and exits that Adams and Agesen 2006 measured on two of them; and what an exit of KVM takes directly (Landau et
 * al. 2011). The other generations are values of the parameter `exitCycles`, which nothing here could confirm.
 */
import type { MeasuredCost } from "../../sim/microbenchmarks/microbenchmark.ts";
import type { Bench, ValidationSet } from "./validation-set.ts";

const CORE2 = "core2-asplos06";
/** A Xeon X5570. */
const NEHALEM_EXIT = 1009;

/** A read of an I/O port, which always exits; the VMM is the one that the machines have prices of. */
function portInput(bench: Bench, machine: string, exitCycles: number): MeasuredCost {
  return bench.operation(machine, { workstation: { cpu: { "hardware-assist": { exitCycles } } } }, "in");
}

function cyclesPerExit({ ledger, events }: MeasuredCost, causes: readonly string[]): number {
  return causes.reduce((sum, cause) => sum + (ledger[cause] ?? 0), 0) / events.exits;
}

function roundTrip(bench: Bench, machine: string): number {
  return cyclesPerExit(portInput(bench, machine, 0), ["vmm.exit.world-switch"]);
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

export const SPLITX11: ValidationSet = {
  name: "splitx11",
  source: "Landau et al. 2011, SplitX: Split Guest/Hypervisor Execution on Multi-Core",
  rows: [
    {
      id: "splitx11.i-o-instruction.direct",
      role: "prediction",
      simulate: (bench) => cyclesPerExit(portInput(bench, CORE2, NEHALEM_EXIT), DIRECT),
    },
    {
      id: "splitx11.i-o-instruction.synchronous",
      role: "prediction",
      simulate: (bench) => cyclesPerExit(portInput(bench, CORE2, NEHALEM_EXIT), ["vmm.exit.port-access"]),
      reason: "the price is that of a port that the VMM itself answers; KVM hands the access to a process of the host",
    },
  ],
};
