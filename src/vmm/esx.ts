import { proportionalShares } from "./allocation/proportional-shares.ts";
import { defineVmm } from "./contract.ts";
import { binaryTranslation } from "./cpu/binary-translation.ts";
import { vmkernelDisk, vmkernelNetwork } from "./io/vmkernel.ts";
import { hostSwap } from "./memory/host-swap.ts";
import { pageSharing } from "./memory/page-sharing.ts";
import { vmwareBalloon } from "./memory/vmware-balloon.ts";
import { shadowPaging } from "./mmu/shadow-paging.ts";
import { proportionalShareCpu } from "./scheduler/proportional-share.ts";

/** VMware ESX Server 2, on processors without hardware support: full virtualization. */
export const esx = defineVmm({
  name: "esx",
  title: "VMware ESX",
  summary: "full virtualization: binary translation, shadow page tables, drivers in the vmkernel",
  cpu: binaryTranslation(),
  mmu: shadowPaging(),
  memory: [pageSharing(), vmwareBalloon(), hostSwap()],
  allocation: proportionalShares({ idleMemoryTax: 0.75 }),
  scheduler: proportionalShareCpu({ coScheduling: 2, serviceConsole: true }),
  disk: vmkernelDisk(),
  network: vmkernelNetwork(),
  overheadPerGuest: { mib: 32, source: "Waldspurger 2002, section 5.2: typically 32 MB per VM" },
});
