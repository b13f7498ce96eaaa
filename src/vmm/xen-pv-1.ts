import { staticPartition } from "./allocation/static-partition.ts";
import { defineVmm } from "./contract.ts";
import { paravirtual } from "./cpu/paravirtual.ts";
import { xenDriversDisk, xenDriversNetwork } from "./io/xen-drivers.ts";
import { xenBalloon } from "./memory/xen-balloon.ts";
import { directPaging } from "./mmu/direct-paging.ts";
import { bvt } from "./scheduler/bvt.ts";

/** Xen 1.x, schedule.c, virt_timer. */
const TIMER_MS = 20;

/**
 * Xen 1.x, what Barham et al. 2003 measured: as Xen PV, but the drivers of the devices are in the hypervisor, and one timer wakes
 * all domains.
 */
export const xenPv1 = defineVmm({
  name: "xen-pv-1",
  title: "Xen 1.x PV",
  summary: "paravirtualization: guest kernel in ring 1, direct page tables, drivers in the hypervisor",
  cpu: paravirtual({ timerMs: TIMER_MS }),
  mmu: directPaging(),
  memory: [xenBalloon()],
  allocation: staticPartition(),
  scheduler: bvt(),
  disk: xenDriversDisk(),
  network: xenDriversNetwork(),
  startCost: "xen.domain-create",
  overheadPerGuest: {
    mib: 1,
    source: "Barham 2003, section 4.6: 20 kB of hypervisor state; rings, rounded up",
  },
});
