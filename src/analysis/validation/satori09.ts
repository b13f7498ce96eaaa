/**
 * Milos et al. 2009, Satori: how much of what could be shared is. Two VMs of one image build a kernel; what the build reads and
 * writes is assumed (kernel-build.ts). What could be shared is what the optimum shares of the same guests: these have nothing in
 * common that did not come from their disks, so that pages of programs and kernels, which Satori does not see, are not missed: the
 * figure follows from how the guests are made, and counts as calibration. What the guests of the source had in common besides, 6 %, is
 * not in its abstract.
 */
import { kernelBuilds } from "./kernel-build.ts";
import { mean, rowsOf } from "./host-series.ts";
import type { Bench, ValidationSet, VmmReference } from "./validation-set.ts";

const MACHINE = "xeon-2.4-sosp03";
const VMS = 2;
const VM_MIB = 512;

/** Shared on average, MiB. */
function saved(bench: Bench, vmm: VmmReference): number {
  const host = { machine: MACHINE, vmm, mib: VMS * VM_MIB + 64, guests: () => kernelBuilds(VMS, VM_MIB) };
  return mean(rowsOf(bench.memory("kernel builds", host)), "memory_shared_saved_mib");
}

export const satori09: ValidationSet = {
  name: "share",
  source: "Milos et al. 2009, Satori: Enlightened Page Sharing",
  rows: [
    {
      id: "share.satori",
      role: "calibration",
      simulate: (bench) =>
        (100 * saved(bench, { "xen-pv": { "memory.satori": true } })) /
        saved(bench, { "xen-pv": { allocation: "clairvoyant", "memory.xen-balloon": false } }),
      reason: "equal pages that did not come from a disk, which Satori does not find, do not exist here",
    },
  ],
};
