/** Which microbenchmarks there are for a machine. */
import type { MachineProfile } from "../../machine/profile.ts";
import { CACHED_FILES } from "./cached-files.ts";
import { DISK } from "./disk.ts";
import { LINUX_6_1, USER_LOOP } from "./linux-6.1.ts";
import { LMBENCH, LMBENCH_CALLS } from "./lmbench.ts";
import type { Microbenchmark } from "./microbenchmark.ts";
import { NANOBENCHMARKS } from "./nanobenchmarks.ts";
import { TCP } from "./tcp.ts";
import { TLB_MISS } from "./tlb-miss.ts";

/** What meets the processor alone, or a device: in cycles, for in a count of instructions most of it is nothing. */
const IN_CYCLES: readonly Microbenchmark[] = [...NANOBENCHMARKS, ...TCP, ...DISK, ...CACHED_FILES];

/** The microbenchmarks for the kernel whose path lengths a machine gives, in the unit of its costs. */
export function microbenchmarks({ kernel, unit }: MachineProfile): readonly Microbenchmark[] {
  if (kernel === "linux-2.4") return [...LMBENCH, ...IN_CYCLES, ...TLB_MISS];
  return unit === "instructions"
    ? [USER_LOOP, ...LINUX_6_1, ...TLB_MISS]
    : [...LINUX_6_1, ...LMBENCH_CALLS, ...IN_CYCLES, ...TLB_MISS];
}
