import { staticPartition } from "./allocation/static-partition.ts";
import { defineVmm } from "./contract.ts";
import { bareCpu } from "./cpu/bare.ts";
import { bareDisk, bareNetwork } from "./io/bare.ts";
import { bareMmu } from "./mmu/bare.ts";
import { goodness } from "./scheduler/goodness.ts";

/**
 * Not a VMM: many guests, each of which is a group of processes of one Linux 2.4. Simplified in that every guest still has memory
 * of its own, with a kernel's part and a page cache in it, and timer interrupts of its own while it runs.
 */
export const linux = defineVmm({
  name: "linux",
  title: "one Linux",
  summary: "bare metal, no VMM: the guests are processes of one kernel, Linux 2.4",
  cpu: bareCpu(),
  mmu: bareMmu(),
  memory: [],
  allocation: staticPartition(),
  scheduler: goodness(),
  disk: bareDisk(),
  network: bareNetwork(),
  overheadPerGuest: { mib: 0, source: "there is no VMM" },
});
