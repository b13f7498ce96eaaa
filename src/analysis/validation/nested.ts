/**
 * What hardware-assisted paging costs at a TLB miss, and what it gains over shadow page tables: the references of a walk when
 * nothing is cached (Bhargava et al. 2008), and VMware's comparisons of its own software MMU with AMD's and Intel's.
 *
 * The Core 2 stands for the machines, whose processors cache no part of a walk in the model and had no nested paging: it is
 * the only one for which binary translation, shadow paging and exits are all priced from measurements of one source.
 *
 * Software MMU means something else on either machine. AMD's processors have segment limits in long mode again, so that
 * translated code can be kept out of the VMM: ESX runs all guests by binary translation there. Intel's have none, and a 64-bit
 * guest runs on VT-x in any case (VMware 2009, ESX Monitor Modes; the blog entry on EPT names Xeons of the series 5500). Those
 * are Nehalems, whose exits are short and leave the TLB alone.
 *
 * Not held against: the gain from caching both dimensions of a walk (Bhargava et al. 2008), which is as large as the share of
 * time that a program waits for its TLB, and nobody has given that of its programs; and agile paging (Gandhi et al. 2016).
 */
import type { Bench, ValidationRow, ValidationSet, VmmReference } from "./validation-set.ts";

const MACHINE = "core2-asplos06";
const NEHALEM = { taggedTlb: true, exitCycles: 1009 };
const COMPARISONS = {
  rvi: { software: "esx-3", hardware: "esx-4" },
  ept: {
    software: { "esx-3": { cpu: { "hardware-assist": NEHALEM } } },
    hardware: { "esx-4": { cpu: { "hardware-assist": NEHALEM } } },
  },
} as const satisfies Record<string, Record<"software" | "hardware", VmmReference>>;
type Processor = keyof typeof COMPARISONS;

/**
 * As VMware's, by what they are made of: a fault that becomes a signal (segv), a process made and ended (pcd, fw), a switch by a
 * pipe, which is written and read (nps); the names are from memory. Both take 2.09 us on a Pentium 4 of 1.9 GHz, and two null
 * I/Os 1.86 (lmbench on Linux 2.4.18, Nakajima 2002, linux-kernel).
 */
const MICROBENCHMARKS: readonly Readonly<Record<string, number>>[] = [
  { "prot-fault": 1 },
  { "fork-proc": 1 },
  { "2p/0K": 1, "null-io": 2 },
];
const MICRO: Readonly<Record<Processor, string>> = {
  rvi:
    "the largest gain is that of a process switch, and what one costs with shadow page tables is known from VMware Workstation of " +
    "2003 alone, on a Pentium 4, in proportion. With the cycles that it took on a Pentium III (Sugerman 2001, section 4.2), a third of these, it gains 455 %, and the " +
    "most is that of a fork, 530 %",
  ept:
    "a fork gains as much because this machine's kernel, of RHEL 3, clears a root that is traced still by 512 stores. VMware must have made that cheaper by then: with VT forkwait took " +
    "38.9 s on a Core 2 in 2006 (Adams and Agesen), and would still gain 900 % if each of the 722 exits counted here took as long as on a Nehalem. With a kernel that " +
    "clears a page by one instruction it gains 320 %, and the most is that of a process switch, 1,150 %, of which VMware Workstation of " +
    "2003 alone is known; as on a Pentium III it would be 515 %. Red Hat Enterprise Linux 5, which the source's guests may have had, clears it by as many stores: up to update 3 " +
    "(2.6.18-128.el5, arch/x86_64/kernel/setup.c) only late K8 have the flag by which clear_page becomes one instruction. With what it does otherwise (page tables of a " +
    "process's own on four levels, entries of files not copied, a new address space for a program) the largest gain would be 1,230 %",
};

/**
 * The sources' benchmarks, as far as there is work of the kind: the compilation of Apache, SQL Server and orders entered into a
 * database. A server of Windows desktops is missing.
 */
const BENCHMARKS = ["apache-build", "sosp03-osdb-ir", "sosp03-osdb-oltp"];
const BENCH: Readonly<Record<Processor, string>> = {
  rvi:
    "shadow paging slows a compilation down too little in translated code, as in the rows aa06.kcompile: for a source of Apache 25,800 " +
    "page faults, 75,000 stores to traced page tables and 100,000 more that are translated anew make a fifth. With the kernel of Red Hat Enterprise Linux 5, as above, it would be 24 %",
  ept:
    "a source of Apache makes 25,800 page faults and 175,000 stores to traced page tables, each of which is an exit here; that VMware " +
    "avoided some of them on VT-x, as in translated code, is likely and not known. How long its compiler took is scaled from that of a kernel. With the kernel of Red Hat Enterprise " +
    "Linux 5, as above, it would be 85 %, and if that cleared pages by one instruction, which it does not do on a Nehalem, as on RHEL 3 so changed, 45",
};

function referencesPerMiss(bench: Bench, vmm: VmmReference): number {
  const { events } = bench.operation(MACHINE, vmm, "tlb-miss");
  return events["page-walk-reference"] / events["hardware.tlb-miss"];
}

/** How much faster the hardware MMU is at what takes longest by comparison without it, in per cent. */
function largestGain<T>(
  processor: Processor,
  works: readonly T[],
  cost: (vmm: VmmReference, work: T) => number,
): number {
  const { software, hardware } = COMPARISONS[processor];
  return Math.max(...works.map((work) => 100 * (cost(software, work) / cost(hardware, work) - 1)));
}

function microbenchmarkGain(bench: Bench, processor: Processor): number {
  return largestGain(processor, MICROBENCHMARKS, (vmm, parts) =>
    Object.entries(parts).reduce((sum, [name, times]) => sum + times * bench.operation(MACHINE, vmm, name).cost, 0),
  );
}

function benchmarkGain(bench: Bench, processor: Processor): number {
  return largestGain(processor, BENCHMARKS, (vmm, work) => bench.workload(MACHINE, vmm, work).metrics.elapsed_ms);
}

function comparison(processor: Processor): ValidationRow[] {
  return [
    {
      id: `nested.${processor}.micro`,
      role: "prediction",
      simulate: (bench) => microbenchmarkGain(bench, processor),
      reason: MICRO[processor],
    },
    {
      id: `nested.${processor}.bench`,
      role: "prediction",
      simulate: (bench) => benchmarkGain(bench, processor),
      reason: BENCH[processor],
    },
  ];
}

export const nested: ValidationSet = {
  name: "nested",
  source: "Bhargava et al. 2008 and VMware 2009, walks of nested paging, and gains of AMD RVI and Intel EPT",
  rows: [
    { id: "nested.walk.native", role: "prediction", simulate: (bench) => referencesPerMiss(bench, "native") },
    { id: "nested.walk.nested", role: "prediction", simulate: (bench) => referencesPerMiss(bench, "kvm") },
    ...comparison("rvi"),
    ...comparison("ept"),
  ],
};
