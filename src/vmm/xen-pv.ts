import { staticPartition } from "./allocation/static-partition.ts";
import { defineVmm } from "./contract.ts";
import { paravirtual } from "./cpu/paravirtual.ts";
import { splitDriverDisk, splitDriverNetwork } from "./io/split-driver.ts";
import { xenBalloon } from "./memory/xen-balloon.ts";
import { directPaging } from "./mmu/direct-paging.ts";
import { credit } from "./scheduler/credit.ts";

/** Xen with guests that have been adapted to it, drivers in dom0: paravirtualization. */
export const xenPv = defineVmm({
  name: "xen-pv",
  title: "Xen PV",
  summary: "paravirtualization: guest kernel in ring 1, direct page tables, drivers in dom0",
  cpu: paravirtual(),
  mmu: directPaging(),
  memory: [xenBalloon()],
  allocation: staticPartition(),
  scheduler: credit(),
  disk: splitDriverDisk(),
  network: splitDriverNetwork(),
  startCost: "xen.domain-create",
  overheadPerGuest: {
    mib: 1,
    source: "Barham 2003, section 4.6: 20 kB of hypervisor state; rings, grants, rounded up",
  },
});
