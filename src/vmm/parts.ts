// Generated from the folder by `npm run registries`; a test checks that it is current.
import { clairvoyant } from "./allocation/clairvoyant.ts";
import { proportionalShares } from "./allocation/proportional-shares.ts";
import { staticPartition } from "./allocation/static-partition.ts";
import type { PartDefinition } from "./contract.ts";
import { bareCpu } from "./cpu/bare.ts";
import { binaryTranslation } from "./cpu/binary-translation.ts";
import { hardwareAssist } from "./cpu/hardware-assist.ts";
import { paravirtual } from "./cpu/paravirtual.ts";
import { processTracing } from "./cpu/process-tracing.ts";
import { bareDisk, bareNetwork } from "./io/bare.ts";
import { driverDomainDisk, driverDomainNetwork } from "./io/driver-domain.ts";
import { emulatedDisk, emulatedNetwork } from "./io/emulated.ts";
import { hostedDisk, hostedNetwork } from "./io/hosted.ts";
import { splitDriverDisk, splitDriverNetwork } from "./io/split-driver.ts";
import { tapNetwork } from "./io/tap.ts";
import { ubdDisk } from "./io/ubd.ts";
import { vmkernelDisk, vmkernelNetwork, vmxnet } from "./io/vmkernel.ts";
import { xenDriversDisk, xenDriversNetwork } from "./io/xen-drivers.ts";
import { ballooning } from "./memory/ballooning.ts";
import { compression } from "./memory/compression.ts";
import { dom0Memory } from "./memory/dom0-memory.ts";
import { freePageReporting } from "./memory/free-page-reporting.ts";
import { frontswap } from "./memory/frontswap.ts";
import { hostSwap } from "./memory/host-swap.ts";
import { hvBalloon } from "./memory/hv-balloon.ts";
import { hypercallbacks } from "./memory/hypercallbacks.ts";
import { ksmtuned, momKsm, proxmoxKsmtuned } from "./memory/ksm-tuner.ts";
import { ksm } from "./memory/ksm.ts";
import { largePages } from "./memory/large-pages.ts";
import { linuxSwap } from "./memory/linux-swap.ts";
import { pageSharing } from "./memory/page-sharing.ts";
import { patching } from "./memory/patching.ts";
import { harvester, nova, onDemand, opendc, openshift, ovirt } from "./memory/policies/admission.ts";
import { crosvm } from "./memory/policies/crosvm.ts";
import { damonReclaim } from "./memory/policies/damon-reclaim.ts";
import { dslab } from "./memory/policies/dslab.ts";
import { esx2Controller } from "./memory/policies/esx-2-controller.ts";
import { esx4Controller } from "./memory/policies/esx-4-controller.ts";
import { esx5Controller } from "./memory/policies/esx-5-controller.ts";
import { esx6Controller } from "./memory/policies/esx-6-controller.ts";
import { hyperV } from "./memory/policies/hyper-v.ts";
import { ksmtunedPolicy } from "./memory/policies/ksmtuned.ts";
import { momKsmPolicy } from "./memory/policies/mom-ksm.ts";
import { mom } from "./memory/policies/mom.ts";
import { proxmoxKsmtunedPolicy } from "./memory/policies/proxmox-ksmtuned.ts";
import { proxmox } from "./memory/policies/proxmox.ts";
import { qmemman } from "./memory/policies/qmemman.ts";
import { senpai } from "./memory/policies/senpai.ts";
import { squeezed } from "./memory/policies/squeezed.ts";
import { waspAgent } from "./memory/policies/wasp-agent.ts";
import { xenSelfballoon } from "./memory/policies/xen-selfballoon.ts";
import { xenballoond } from "./memory/policies/xenballoond.ts";
import { xl } from "./memory/policies/xl.ts";
import { satori } from "./memory/satori.ts";
import { uksm } from "./memory/uksm.ts";
import { vmwareBalloon } from "./memory/vmware-balloon.ts";
import { xenBalloon } from "./memory/xen-balloon.ts";
import { xlh } from "./memory/xlh.ts";
import { bareMmu } from "./mmu/bare.ts";
import { directPaging } from "./mmu/direct-paging.ts";
import { hostMappings } from "./mmu/host-mappings.ts";
import { nestedPaging } from "./mmu/nested-paging.ts";
import { shadowPaging } from "./mmu/shadow-paging.ts";
import { unsyncShadowPaging } from "./mmu/unsync-shadow-paging.ts";
import { bvt } from "./scheduler/bvt.ts";
import { cfs } from "./scheduler/cfs.ts";
import { credit } from "./scheduler/credit.ts";
import { goodness } from "./scheduler/goodness.ts";
import { proportionalShareCpu } from "./scheduler/proportional-share.ts";
import { sedf } from "./scheduler/sedf.ts";

export {
  clairvoyant,
  proportionalShares,
  staticPartition,
  bareCpu,
  binaryTranslation,
  hardwareAssist,
  paravirtual,
  processTracing,
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
  tapNetwork,
  ubdDisk,
  vmkernelDisk,
  vmkernelNetwork,
  vmxnet,
  xenDriversDisk,
  xenDriversNetwork,
  ballooning,
  compression,
  dom0Memory,
  freePageReporting,
  frontswap,
  hostSwap,
  hvBalloon,
  hypercallbacks,
  ksmtuned,
  momKsm,
  proxmoxKsmtuned,
  ksm,
  largePages,
  linuxSwap,
  pageSharing,
  patching,
  harvester,
  nova,
  onDemand,
  opendc,
  openshift,
  ovirt,
  crosvm,
  damonReclaim,
  dslab,
  esx2Controller,
  esx4Controller,
  esx5Controller,
  esx6Controller,
  hyperV,
  ksmtunedPolicy,
  momKsmPolicy,
  mom,
  proxmoxKsmtunedPolicy,
  proxmox,
  qmemman,
  senpai,
  squeezed,
  waspAgent,
  xenSelfballoon,
  xenballoond,
  xl,
  satori,
  uksm,
  vmwareBalloon,
  xenBalloon,
  xlh,
  bareMmu,
  directPaging,
  hostMappings,
  nestedPaging,
  shadowPaging,
  unsyncShadowPaging,
  bvt,
  cfs,
  credit,
  goodness,
  proportionalShareCpu,
  sedf,
};

/** Every part of the package. */
export const PARTS: readonly PartDefinition[] = [
  clairvoyant.definition,
  proportionalShares.definition,
  staticPartition.definition,
  bareCpu.definition,
  binaryTranslation.definition,
  hardwareAssist.definition,
  paravirtual.definition,
  processTracing.definition,
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
  tapNetwork.definition,
  ubdDisk.definition,
  vmkernelDisk.definition,
  vmkernelNetwork.definition,
  vmxnet.definition,
  xenDriversDisk.definition,
  xenDriversNetwork.definition,
  ballooning.definition,
  compression.definition,
  dom0Memory.definition,
  freePageReporting.definition,
  frontswap.definition,
  hostSwap.definition,
  hvBalloon.definition,
  hypercallbacks.definition,
  ksmtuned.definition,
  momKsm.definition,
  proxmoxKsmtuned.definition,
  ksm.definition,
  largePages.definition,
  linuxSwap.definition,
  pageSharing.definition,
  patching.definition,
  harvester.definition,
  nova.definition,
  onDemand.definition,
  opendc.definition,
  openshift.definition,
  ovirt.definition,
  crosvm.definition,
  damonReclaim.definition,
  dslab.definition,
  esx2Controller.definition,
  esx4Controller.definition,
  esx5Controller.definition,
  esx6Controller.definition,
  hyperV.definition,
  ksmtunedPolicy.definition,
  momKsmPolicy.definition,
  mom.definition,
  proxmoxKsmtunedPolicy.definition,
  proxmox.definition,
  qmemman.definition,
  senpai.definition,
  squeezed.definition,
  waspAgent.definition,
  xenSelfballoon.definition,
  xenballoond.definition,
  xl.definition,
  satori.definition,
  uksm.definition,
  vmwareBalloon.definition,
  xenBalloon.definition,
  xlh.definition,
  bareMmu.definition,
  directPaging.definition,
  hostMappings.definition,
  nestedPaging.definition,
  shadowPaging.definition,
  unsyncShadowPaging.definition,
  bvt.definition,
  cfs.definition,
  credit.definition,
  goodness.definition,
  proportionalShareCpu.definition,
  sedf.definition,
];
