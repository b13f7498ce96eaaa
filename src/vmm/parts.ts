// Generated from the folder by `npm run registries`; a test checks that it is current.
import { proportionalShares } from "./allocation/proportional-shares.ts";
import { staticPartition } from "./allocation/static-partition.ts";
import type { PartDefinition } from "./contract.ts";
import { bareCpu } from "./cpu/bare.ts";
import { binaryTranslation } from "./cpu/binary-translation.ts";
import { hardwareAssist } from "./cpu/hardware-assist.ts";
import { paravirtual } from "./cpu/paravirtual.ts";
import { bareDisk, bareNetwork } from "./io/bare.ts";
import { driverDomainDisk, driverDomainNetwork } from "./io/driver-domain.ts";
import { emulatedDisk, emulatedNetwork } from "./io/emulated.ts";
import { hostedDisk, hostedNetwork } from "./io/hosted.ts";
import { splitDriverDisk, splitDriverNetwork } from "./io/split-driver.ts";
import { vmkernelDisk, vmkernelNetwork, vmxnet } from "./io/vmkernel.ts";
import { xenDriversDisk, xenDriversNetwork } from "./io/xen-drivers.ts";
import { ballooning } from "./memory/ballooning.ts";
import { compression } from "./memory/compression.ts";
import { hostSwap } from "./memory/host-swap.ts";
import { largePages } from "./memory/large-pages.ts";
import { pageSharing } from "./memory/page-sharing.ts";
import { bareMmu } from "./mmu/bare.ts";
import { directPaging } from "./mmu/direct-paging.ts";
import { nestedPaging } from "./mmu/nested-paging.ts";
import { shadowPaging } from "./mmu/shadow-paging.ts";
import { unsyncShadowPaging } from "./mmu/unsync-shadow-paging.ts";
import { credit } from "./scheduler/credit.ts";
import { proportionalShareCpu } from "./scheduler/proportional-share.ts";

export {
  proportionalShares,
  staticPartition,
  bareCpu,
  binaryTranslation,
  hardwareAssist,
  paravirtual,
  bareDisk,
  bareNetwork,
  driverDomainDisk,
  driverDomainNetwork,
  emulatedDisk,
  emulatedNetwork,
  hostedDisk,
  hostedNetwork,
  splitDriverDisk,
  splitDriverNetwork,
  vmkernelDisk,
  vmkernelNetwork,
  vmxnet,
  xenDriversDisk,
  xenDriversNetwork,
  ballooning,
  compression,
  hostSwap,
  largePages,
  pageSharing,
  bareMmu,
  directPaging,
  nestedPaging,
  shadowPaging,
  unsyncShadowPaging,
  credit,
  proportionalShareCpu,
};

/** Every part of the package. */
export const PARTS: readonly PartDefinition[] = [
  proportionalShares.definition,
  staticPartition.definition,
  bareCpu.definition,
  binaryTranslation.definition,
  hardwareAssist.definition,
  paravirtual.definition,
  bareDisk.definition,
  bareNetwork.definition,
  driverDomainDisk.definition,
  driverDomainNetwork.definition,
  emulatedDisk.definition,
  emulatedNetwork.definition,
  hostedDisk.definition,
  hostedNetwork.definition,
  splitDriverDisk.definition,
  splitDriverNetwork.definition,
  vmkernelDisk.definition,
  vmkernelNetwork.definition,
  vmxnet.definition,
  xenDriversDisk.definition,
  xenDriversNetwork.definition,
  ballooning.definition,
  compression.definition,
  hostSwap.definition,
  largePages.definition,
  pageSharing.definition,
  bareMmu.definition,
  directPaging.definition,
  nestedPaging.definition,
  shadowPaging.definition,
  unsyncShadowPaging.definition,
  credit.definition,
  proportionalShareCpu.definition,
];
