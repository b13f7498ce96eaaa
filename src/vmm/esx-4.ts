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

/** VMware ESX 4.1 on processors with hardware support for virtualization. */
export const esx4 = defineVmm({
  name: "esx-4",
  title: "VMware ESX 4",
  summary: "full virtualization: hardware assist, nested paging, drivers in the vmkernel",
  cpu: hardwareAssist({ taggedTlb: true }),
  mmu: nestedPaging({ largePages: true }),
  memory: [largePages(), pageSharing({ passMinutes: 60 }), vmwareBalloon(), compression(), hostSwap()],
  allocation: proportionalShares({ release: 4.1, samplePeriodSeconds: 60 }),
  scheduler: proportionalShareCpu({ coScheduling: 3, serviceConsole: true }),
  disk: vmkernelDisk(),
  network: vmxnet(),
  overheadPerGuest: {
    mib: 109.65,
    mibPerGib: 14.08,
    source: "vSphere 4.0 Resource Management Guide, table 3-2: a line",
  },
});
