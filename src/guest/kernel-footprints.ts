/**
 * The pages that paths of a guest kernel visit, as measured: docs/kernel-operations/linux-2.4. For each operation the kernel was
 * run under an emulator (QEMU 7.2, TCG) that reports every instruction and every access to memory: Linux 2.4.20 for IA-32, on
 * one processor with 512 MiB and an IDE disk with ext3, the operation forty times or more in a row by a program without a C
 * library; packets by bursts of 44 over the loopback interface. New pages (below zero) are those that none of the sixteen
 * runs before visited; of the runs with the median number of them, that with the median number of visits is here. Visits to
 * one of the 32 pages visited last are left out (stack deletion, Smith 1977), for code and for data: a larger TLB misses the
 * others as it would all of them, nearly. Of the deletion of a file with three pages, release-file-page has what the deletion
 * of an empty one does not visit.
 *
 * Numbers are page frames, so that pages of one large page have numbers in a row. Not measured, so that they visit nothing
 * here: drivers (but the disk's is in disk-request), an interrupt apart from the timer's, reclaim, and what copies or clears
 * entries of page tables, which is in fork, exec and exit.
 */
import type { MachineProfile } from "../machine/profile.ts";
import { LINUX_2_4_20 } from "./kernel-footprints-2.4.ts";
import { LINUX_2_6 } from "./kernel-footprints-2.6.ts";
import type { KernelFootprints } from "./kernel-pages.ts";
import { kernelVersion } from "./kernel-builds.ts";

/** Undefined for a kernel whose paths are given in instructions: a miss takes none. */
export function kernelFootprints(
  profile: Pick<MachineProfile, "kernel" | "kernelBuild">,
): KernelFootprints | undefined {
  if (profile.kernel !== "linux-2.4") return undefined;
  return kernelVersion(profile).isLinux26 ? LINUX_2_6 : LINUX_2_4_20;
}
