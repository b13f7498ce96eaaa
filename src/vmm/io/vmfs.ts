/** What can be set of a VMFS volume with the virtual disks of a host; how it works: sim/vmfs-volume.ts. */
import { PAGES_PER_MIB } from "../../machine/page.ts";
import type { VolumeSettings } from "../host-contract.ts";

export interface VmfsParameters {
  readonly thin: boolean;
  readonly blockMib: number;
  readonly atomicTestAndSet: boolean;
  readonly otherHostsPerSecond: number;
}

export const vmfsParameters = {
  thin: {
    summary: "virtual disks grow by a block when one is first written, which changes the volume's metadata",
    default: false,
    source:
      "ESX allocates a virtual disk's space when it is made, unless told otherwise (VMware, vSphere 4 manuals: thick)",
  },
  blockMib: {
    summary: "block of the volume, by which thin disks grow",
    default: 1,
    unit: "MiB",
    choices: [1, 2, 4, 8],
    source: "VMFS-3: 1, 2, 4 or 8 MiB, chosen when the volume is made, 1 by default; VMFS-5: 1 MiB",
  },
  atomicTestAndSet: {
    summary: "locks on the disk are changed by one command, and do not reserve all of it",
    default: false,
    source:
      "VMFS-5 on disks that support it; VMFS-2 and -3 make SCSI reservations (VMware, vSphere Storage: VMFS locking)",
  },
  otherHostsPerSecond: {
    summary: "locks that other hosts on the same volume take or give back in a second, if the disk is that fast",
    default: 0,
    unit: "1/s",
    min: 0,
    max: 10_000,
    source: "assumption: nobody else uses the volume",
  },
} as const;

/** Undefined: nothing about the volume ever changes. */
export function volumeOf({
  thin,
  blockMib,
  atomicTestAndSet,
  otherHostsPerSecond,
}: VmfsParameters): VolumeSettings | undefined {
  if (!thin && otherHostsPerSecond === 0) return undefined;
  return { thin, blockPages: blockMib * PAGES_PER_MIB, atomicTestAndSet, otherHostsPerSecond };
}
