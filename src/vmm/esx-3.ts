import { proportionalShares } from "./allocation/proportional-shares.ts";
import { defineVmm } from "./contract.ts";
import { binaryTranslation } from "./cpu/binary-translation.ts";
import { vmkernelDisk, vmxnet } from "./io/vmkernel.ts";
import { hostSwap } from "./memory/host-swap.ts";
import { pageSharing } from "./memory/page-sharing.ts";
import { vmwareBalloon } from "./memory/vmware-balloon.ts";
import { shadowPaging } from "./mmu/shadow-paging.ts";
import { proportionalShareCpu } from "./scheduler/proportional-share.ts";

/** VMware ESX 3.x: full virtualization by adaptive binary translation. */
export const esx3 = defineVmm({
  name: "esx-3",
  title: "VMware ESX 3",
  summary: "full virtualization: adaptive binary translation, shadow page tables, drivers in the vmkernel",
  cpu: binaryTranslation({ adaptive: true }),
  // As Xen (shadow-tables.ts); that VMware's 64-bit monitor does the same is assumed: see forkwait in the validation.
  mmu: shadowPaging({ keepsUnlinked: false }),
  memory: [pageSharing({ passMinutes: 60 }), vmwareBalloon(), hostSwap()],
  allocation: proportionalShares({ release: 3, samplePeriodSeconds: 60 }),
  scheduler: proportionalShareCpu({ coScheduling: 3, serviceConsole: true }),
  disk: vmkernelDisk(),
  network: vmxnet(),
  overheadPerGuest: { mib: 32, source: "Waldspurger 2002, section 5.2: typically 32 MB per VM" },
});
