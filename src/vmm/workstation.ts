import { proportionalShares } from "./allocation/proportional-shares.ts";
import { defineVmm } from "./contract.ts";
import { binaryTranslation } from "./cpu/binary-translation.ts";
import { hostedDisk, hostedNetwork } from "./io/hosted.ts";
import { hostSwap } from "./memory/host-swap.ts";
import { shadowPaging } from "./mmu/shadow-paging.ts";
import { goodness } from "./scheduler/goodness.ts";

/** VMware Workstation 3, what Barham et al. 2003 measured: full virtualization as in ESX, I/O through a host system. */
export const workstation = defineVmm({
  name: "workstation",
  title: "VMware Workstation",
  summary: "full virtualization: binary translation, shadow page tables, I/O by a process of the host system",
  cpu: binaryTranslation(),
  mmu: shadowPaging(),
  memory: [hostSwap()],
  allocation: proportionalShares({ idleMemoryTax: 0 }),
  scheduler: goodness(),
  disk: hostedDisk(),
  network: hostedNetwork(),
  overheadPerGuest: { mib: 32, source: "as ESX: Waldspurger 2002, section 5.2" },
});
