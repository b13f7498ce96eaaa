import { defineVmm } from "./contract.ts";
import { hardwareAssist } from "./cpu/hardware-assist.ts";
import { vmkernelDisk, vmxnet } from "./io/vmkernel.ts";
import { ballooning } from "./memory/ballooning.ts";
import { ksm } from "./memory/ksm.ts";
import { linuxSwap } from "./memory/linux-swap.ts";
import { onDemand } from "./memory/policies/admission.ts";
import { nestedPaging } from "./mmu/nested-paging.ts";
import { cfs } from "./scheduler/cfs.ts";

/** KVM with nested paging and KSM. Rings of devices are served in the host's kernel, I/O ports by a process of the host. */
export const kvm = defineVmm({
  name: "kvm",
  title: "KVM",
  summary: "hardware assist, nested paging, KSM, rings served by the host's kernel",
  cpu: hardwareAssist({ taggedTlb: true, userSpaceDevices: true }),
  mmu: nestedPaging(),
  memory: [ksm(), ballooning(), linuxSwap()],
  allocation: onDemand(),
  scheduler: cfs(),
  // As for packets: one access says that there is work, one what has come (virtio, drivers/virtio/virtio_pci_common.c).
  disk: vmkernelDisk({
    outstanding: 0,
    ringEntries: 128,
    submitAccesses: 0,
    notifyAccesses: 1,
    interruptAccesses: 1,
  }),
  network: vmxnet(),
  overheadPerGuest: { mib: 20, source: "assumed: a process of the host" },
});
