import { proportionalShares } from "./allocation/proportional-shares.ts";
import { defineVmm } from "./contract.ts";
import { hardwareAssist } from "./cpu/hardware-assist.ts";
import { vmkernelDisk, vmxnet } from "./io/vmkernel.ts";
import { compression } from "./memory/compression.ts";
import { hostSwap } from "./memory/host-swap.ts";
import { largePages } from "./memory/large-pages.ts";
import { pageSharing } from "./memory/page-sharing.ts";
import { vmwareBalloon } from "./memory/vmware-balloon.ts";
import { nestedPaging } from "./mmu/nested-paging.ts";
import { proportionalShareCpu } from "./scheduler/proportional-share.ts";

/** VMware ESXi 6: large pages are broken before balloons grow, and pages are shared within a VM only (KB 2080735). */
export const esx6 = defineVmm({
  name: "esx-6",
  title: "VMware ESXi 6",
  summary: "full virtualization: hardware assist, nested paging, drivers in the vmkernel",
  cpu: hardwareAssist({ taggedTlb: true }),
  mmu: nestedPaging({ largePages: true }),
  memory: [largePages(), pageSharing({ passMinutes: 60, interVm: false }), vmwareBalloon(), compression(), hostSwap()],
  allocation: proportionalShares({ release: 6, samplePeriodSeconds: 60 }),
  scheduler: proportionalShareCpu({ coScheduling: 3 }),
  disk: vmkernelDisk({ atomicTestAndSet: true }),
  network: vmxnet(),
  overheadPerGuest: { mib: 18.4, mibPerGib: 7.58, source: "vSphere 6.5 Resource Management Guide, table 6-1: a line" },
});
