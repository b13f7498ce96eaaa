/** Which microbenchmarks there are for a machine. */
import type { MachineProfile } from "../../machine/profile.ts";
import { CACHED_FILES } from "./cached-files.ts";
import { DISK } from "./disk.ts";
import { LINUX_6_1 } from "./linux-6.1.ts";
import { LMBENCH } from "./lmbench.ts";
import type { Microbenchmark } from "./microbenchmark.ts";
import { NANOBENCHMARKS } from "./nanobenchmarks.ts";
import { TCP } from "./tcp.ts";
import { TLB_MISS } from "./tlb-miss.ts";

const BY_KERNEL: Readonly<Record<MachineProfile["kernel"], readonly Microbenchmark[]>> = {
  "linux-2.4": [...LMBENCH, ...NANOBENCHMARKS, ...TCP, ...DISK, ...CACHED_FILES, ...TLB_MISS],
  "linux-6.1": [...LINUX_6_1, ...TLB_MISS],
};

/** The microbenchmarks of the kernel whose path lengths a machine gives. */
export function microbenchmarks({ kernel }: MachineProfile): readonly Microbenchmark[] {
  return BY_KERNEL[kernel];
}
