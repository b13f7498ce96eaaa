import { defineVmm } from "./contract.ts";
import { hardwareAssist } from "./cpu/hardware-assist.ts";
import { kvm } from "./kvm.ts";
import { ballooning } from "./memory/ballooning.ts";
import { linuxSwap } from "./memory/linux-swap.ts";
import { onDemand } from "./memory/policies/admission.ts";
import { unsyncShadowPaging } from "./mmu/unsync-shadow-paging.ts";
import { cfs } from "./scheduler/cfs.ts";

/** KVM without nested paging: on processors that lack it, or with it switched off. Devices as those of `kvm`. */
export const kvmShadow = defineVmm({
  name: "kvm-shadow",
  title: "KVM, shadow paging",
  summary: "hardware assist, shadow page tables that go out of sync, rings served by the host's kernel",
  cpu: hardwareAssist({ taggedTlb: true, userSpaceDevices: true }),
  mmu: unsyncShadowPaging(),
  memory: [ballooning(), linuxSwap()],
  allocation: onDemand(),
  scheduler: cfs(),
  disk: kvm.disk,
  network: kvm.network,
  overheadPerGuest: {
    mib: 24,
    source: "assumed: a process of the host, and shadow pages for 2 % of the guest's memory",
  },
});
