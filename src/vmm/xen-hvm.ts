import { staticPartition } from "./allocation/static-partition.ts";
import { defineVmm } from "./contract.ts";
import { hardwareAssist } from "./cpu/hardware-assist.ts";
import { splitDriverDisk, splitDriverNetwork } from "./io/split-driver.ts";
import { ballooning } from "./memory/ballooning.ts";
import { shadowPaging } from "./mmu/shadow-paging.ts";
import { credit } from "./scheduler/credit.ts";

/** Xen 3 with guests as they are, on processors with hardware support; paravirtual drivers. */
export const xenHvm = defineVmm({
  name: "xen-hvm",
  title: "Xen HVM",
  summary: "hardware assist, shadow page tables, drivers in dom0",
  cpu: hardwareAssist(),
  mmu: shadowPaging(),
  memory: [ballooning()],
  allocation: staticPartition(),
  scheduler: credit(),
  disk: splitDriverDisk(),
  network: splitDriverNetwork(),
  overheadPerGuest: {
    mib: 9,
    source: "assumed: 1 MiB as for a paravirtual guest, and a pool of 8 MiB for shadow page tables",
  },
});
