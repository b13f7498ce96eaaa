/**
 * VMware 2007, A Performance Comparison of Hypervisors: ESX Server 3.0.1 (binary translation) and Xen 3.0.3 (hardware assist,
 * shadow paging), on Xeons of the Core microarchitecture. Of its tests those are simulated that there is work for: SPEC
 * CINT2000, SPECjbb2005 and compilation, each as another source describes it; and Netperf on Xen, which had no paravirtual
 * driver. PassMark is closed. The machine was an IBM X3500 with two Woodcrests (VMware's announcement), which are Core 2 as sold:
 * the profile is of one before that, whose way out of a guest and back took 2,123 cycles.
 */
import type { Bench, ValidationRow, ValidationSet, VmmReference } from "./validation-set.ts";

const MACHINE = "core2-asplos06";
const COMPUTING = "asplos-spec-int";
const TESTS = [COMPUTING, "asplos-spec-jbb", "asplos-kernel-build-core2"];
/** Agesen et al. 2012, Table 1 (from memory): Merom. */
const MEROM_EXIT = 1579;
const VMMS = { esx: "esx-3", xen: { "xen-hvm": { cpu: { "hardware-assist": { exitCycles: MEROM_EXIT } } } } } as const;
type System = keyof typeof VMMS;

/** How much longer than on bare metal a request of a test takes, in percent. */
function slowdown(bench: Bench, system: System, test: string): number {
  const milliseconds = (vmm: VmmReference): number => {
    const { elapsed_ms: elapsed, requests_done: done } = bench.workload(MACHINE, vmm, test).metrics;
    return elapsed / done;
  };
  return 100 * (milliseconds(VMMS[system]) / milliseconds("native") - 1);
}

function average(system: System, reason: string): ValidationRow {
  return {
    id: `vmw07.avg.${system}`,
    role: "prediction",
    group: "vmw07 average",
    simulate: (bench) => TESTS.reduce((sum, test) => sum + slowdown(bench, system, test), 0) / TESTS.length,
    reason,
  };
}

/** The packets that a guest sends in the time of a hundred on bare metal. */
function netperf(bench: Bench): number {
  const cycles = (vmm: VmmReference): number => bench.operation(MACHINE, vmm, "tcp-transmit-1500").cost;
  return (100 * cycles("native")) / cycles(VMMS.xen);
}

export const vmware07: ValidationSet = {
  name: "vmw07",
  source: "VMware 2007, A Performance Comparison of Hypervisors",
  rows: [
    average(
      "esx",
      "three tests of five, and Linux where the source's guest is Windows; what a VMM does to caches and the branch predictor, " +
        "most of what a program that only computes loses (rows aa06.specint), is not modelled",
    ),
    average("xen", "three tests of five; the shadow page tables of Xen 3.0.3 are taken for VMware's"),
    {
      id: "vmw07.cpu.ratio",
      role: "prediction",
      simulate: (bench) => slowdown(bench, "xen", COMPUTING) / slowdown(bench, "esx", COMPUTING),
      reason:
        "a ratio of 0.35 and 0.09 percent, for faults, interrupts and the accesses to registers that acknowledge them alone: what else slows programs down that only " +
        "compute is not modelled. Windows' accesses at a tick of its clock are taken to be those of Linux: seven exits of Xen's guest, at VMware's price of one for a port",
    },
    {
      id: "vmw07.netperf.xen",
      role: "prediction",
      simulate: netperf,
      reason:
        "figure from memory: some 340 us a packet of full size, against 62 us here, for ten accesses to the device (two for the packet, four to learn that it is gone, " +
        "the rest for its share of acknowledgements) and seven to the interrupt controllers. What Windows adds is not known. That in Xen 3.0.3 an interrupt of the device " +
        "model does not wake a guest that has halted, as its own clock does up to 10 ms later (evtchn_send wakes only a guest that waits for an access; hvm_hlt sets a timer for " +
        "the next tick, which went on 10 November 2006), changes nothing here: a sender that takes 62 us a packet has its acknowledgements long before 64 KB are on their way, and does not halt. One that did each " +
        "time would have 64 KB a tick, 5.6 % of native, one with the 8 KB that Windows has for a socket 0.7; how large the source's were is not known. Nor is modelled " +
        "that dom0 at times takes 100 us and more to answer (Liguori, xen-devel, February 2007)",
    },
  ],
};
