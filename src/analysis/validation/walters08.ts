/**
 * Walters et al., AINA 2008: Netperf and IOZone on two machines, each with two processors: dom0 has one of its own. VMware
 * Server 1.0 is hosted as Workstation is. OpenVZ, which the source measured, too, has no model here.
 */
import { sum } from "../../core/sum.ts";
import { exchangeCycles } from "../../sim/message-exchange.ts";
import type { Bench, ValidationRow, ValidationSet, VmmReference } from "./validation-set.ts";

const MACHINE = "xeon-3.2-walters08";
/** Xen 3.0.4: exchanges pages (netfront.c: paravirtual guests do by default), cuts up segments in the real interface. */
const XEN: VmmReference = {
  "xen-pv": {
    network: { "split-driver": { segmentationOffload: true, ownProcessor: true } },
  },
};
const SERVER: VmmReference = "workstation";

const WAKING =
  "one way takes 19 us more than natively, nearly half of it for three wake-ups on idle processors and the 60 cache lines that go from one processor to the other (each at the latency " +
  "of memory), and the interfaces, which interrupt every 125 us at most, hold it back by another 53 us. Leaving HLT has no price by itself: on bare metal it is in the time of the " +
  "network, here it comes three times";
const HALTED =
  "four world switches, two interrupts with 18 accesses to devices, the emulation of a packet and its copies, select() and the wake-up of the VMApp take 29 us more than natively " +
  "each way, 56 us in all, and the interfaces, which interrupt every 125 us at most, hold that back by as much. What takes another 127 us and more is not known: select() waits for no " +
  "tick of the clock (Sugerman 2001, section 3.5), and the host has a processor to spare";
const ASSUMED =
  "the source gives the worst of many file sizes; assumed: all files are in memory (from disk Xen costs next to nothing, and a guest whose memory files of 512 MB do not fit loses nearly all), " +
  "the guest's addresses have 32 bits (VMware Server 1.0 wants VT for others, which these processors lack) and it has over 896 MiB (class C of NPB's IS sorts two arrays of 512 MiB), so that each page is mapped for the copy";
const NEW_PAGES =
  "; writing a page takes what it took lmbench on ext3, in files of three pages that are new each time, and that hides what mapping it takes. In a long file the kernel executes as much for " +
  "a page that is new (8,570 instructions of Linux 2.4.20, docs/kernel-operations/linux-2.4); over one that is in memory it executes 1,060 besides the copy, an eighth, " +
  "and would lose what it loses with reading, but IOZone has that apart, as rewriting";

function cost(bench: Bench, vmm: VmmReference, operation: string): number {
  return bench.operation(MACHINE, vmm, operation).cost;
}

/** Cycles per packet of a bulk transfer; sender and receiver run the same VMM, the slower of them counts. */
function slowerEnd(bench: Bench, vmm: VmmReference): number {
  return Math.max(cost(bench, vmm, "tcp-transmit-1500"), cost(bench, vmm, "tcp-receive-1500"));
}

/** Rate of a bulk transfer in percent of native. */
function bandwidth(system: string, vmm: VmmReference, reason?: string): ValidationRow {
  return {
    id: `walters08.netperf.bw.${system}`,
    role: "prediction",
    group: "walters08 netperf throughput",
    simulate: (bench) => (100 * slowerEnd(bench, "native")) / slowerEnd(bench, vmm),
    ...(reason !== undefined && { reason }),
  };
}

function latency(system: string, vmm: VmmReference, reason?: string): ValidationRow {
  return {
    id: `walters08.netperf.lat.${system}`,
    role: system === "native" ? "calibration" : "prediction",
    group: "walters08 netperf latency",
    simulate: (bench) => {
      const profile = bench.profile(MACHINE);
      return exchangeCycles(cost(bench, vmm, "netperf-latency"), 1, profile) / profile.megahertz;
    },
    ...(reason !== undefined && { reason }),
  };
}

/** What Xen loses of native bandwidth, in percent. */
function iozone(direction: "read" | "write", reason: string): ValidationRow {
  const operation = `cached-${direction}-sequential`;
  return {
    id: `walters08.iozone.${direction}.xen`,
    role: "prediction",
    simulate: (bench) => 100 * (1 - cost(bench, "native", operation) / cost(bench, XEN, operation)),
    reason,
  };
}

function cyclesPerUserCycle(bench: Bench, vmm: VmmReference): number {
  const { cycles } = bench.workload(MACHINE, vmm, "compute");
  return sum(Object.values(cycles)) / cycles["guest.user"];
}

/** How much longer user code takes, in percent: what is left of the processor for it, of a guest that computes. */
const computing: ValidationRow = {
  id: "walters08.npb.omp.xen",
  role: "prediction",
  simulate: (bench) => 100 * (cyclesPerUserCycle(bench, XEN) / cyclesPerUserCycle(bench, "native") - 1),
  reason: "the source gives an upper bound; the guest computes as one process on one processor",
};

export const WALTERS08: ValidationSet = {
  name: "walters08",
  source: "Walters et al. 2008, A Comparison of Virtualization Technologies for HPC",
  rows: [
    bandwidth("xen", XEN),
    bandwidth(
      "vmware",
      SERVER,
      "in cycles a packet is what it was to Workstation on the slower machine of Barham 2003, Table 6; here it would have to take twice as many, and the host has two processors to keep in step",
    ),
    latency("native", "native"),
    latency("xen", XEN, WAKING),
    latency("vmware", SERVER, HALTED),
    iozone("read", ASSUMED),
    iozone("write", ASSUMED + NEW_PAGES),
    computing,
  ],
};
