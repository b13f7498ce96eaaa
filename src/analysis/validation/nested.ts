/**
 * What hardware-assisted paging costs at a TLB miss, and what it gains over shadow page tables: the references of a walk when
 * nothing is cached (Bhargava et al. 2008), and VMware's comparisons of its own software MMU with AMD's and Intel's.
 *
 * The Core 2 stands for the machines, whose processors cache no part of a walk in the model and had no nested paging: it is
 * the only one for which binary translation, shadow paging and exits are all priced from measurements of one source.
 */
import type { Bench, ValidationRow, ValidationSet, VmmReference } from "./validation-set.ts";

const MACHINE = "core2-asplos06";
const SOFTWARE_MMU: VmmReference = "esx-3";
const HARDWARE_MMU: VmmReference = "esx-4";

const SWITCHES =
  "the largest gain is that of a process switch, and what one costs with shadow page tables is known from VMware Workstation of 2003 alone";

/**
 * As VMware's, by what they are made of: a fault that becomes a signal (segv), a process made and ended (pcd, fw), a switch by a
 * pipe, which is written and read (nps); the names are from memory.
 */
const MICROBENCHMARKS: readonly Readonly<Record<string, number>>[] = [
  { "prot-fault": 1 },
  { "fork-proc": 1 },
  { "2p/0K": 1, "null-io": 2 },
];

function referencesPerMiss(bench: Bench, vmm: VmmReference): number {
  const { events } = bench.operation(MACHINE, vmm, "tlb-miss");
  return events["page-walk-reference"] / events["hardware.tlb-miss"];
}

/** How much faster, in per cent. */
function gain(software: number, hardware: number): number {
  return 100 * (software / hardware - 1);
}

function largestGain(bench: Bench): number {
  const cost = (vmm: VmmReference, parts: Readonly<Record<string, number>>): number =>
    Object.entries(parts).reduce((sum, [name, times]) => sum + times * bench.operation(MACHINE, vmm, name).cost, 0);
  return Math.max(...MICROBENCHMARKS.map((parts) => gain(cost(SOFTWARE_MMU, parts), cost(HARDWARE_MMU, parts))));
}

const COMPILATION =
  "the source's largest gain is of one of Apache's compilation, XenApp and SQL Server; shadow paging slows a compilation down too " +
  "little here, as in the rows aa06.kcompile, and this one, of a kernel, starts fewer processes than that of Apache by libtool";

/** Of a compilation, the benchmark of both sources that starts most processes. */
function compilationGain(bench: Bench): number {
  const elapsed = (vmm: VmmReference): number =>
    bench.workload(MACHINE, vmm, "asplos-kernel-build-core2").metrics.elapsed_ms;
  return gain(elapsed(SOFTWARE_MMU), elapsed(HARDWARE_MMU));
}

function comparison(processor: "rvi" | "ept"): ValidationRow[] {
  return [
    { id: `nested.${processor}.micro`, role: "prediction", simulate: largestGain, reason: SWITCHES },
    { id: `nested.${processor}.bench`, role: "prediction", simulate: compilationGain, reason: COMPILATION },
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
