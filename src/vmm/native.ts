import { staticPartition } from "./allocation/static-partition.ts";
import { defineVmm } from "./contract.ts";
import { bareCpu } from "./cpu/bare.ts";
import { bareDisk, bareNetwork } from "./io/bare.ts";
import { bareMmu } from "./mmu/bare.ts";
import { proportionalShareCpu } from "./scheduler/proportional-share.ts";

/** Bare metal, the baseline of every comparison: one operating system that has the machine to itself. */
export const native = defineVmm({
  name: "native",
  title: "native",
  summary: "bare metal, no VMM: the baseline",
  cpu: bareCpu(),
  mmu: bareMmu(),
  memory: [],
  allocation: staticPartition(),
  scheduler: proportionalShareCpu(),
  disk: bareDisk(),
  network: bareNetwork(),
  maxGuests: 1,
  overheadPerGuest: { mib: 0, source: "there is no VMM" },
});
