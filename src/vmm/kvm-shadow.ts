import { staticPartition } from "./allocation/static-partition.ts";
import { defineVmm } from "./contract.ts";
import { bareCpu } from "./cpu/bare.ts";
import { bareDisk, bareNetwork } from "./io/bare.ts";
import { ballooning } from "./memory/ballooning.ts";
import { hostSwap } from "./memory/host-swap.ts";
import { unsyncShadowPaging } from "./mmu/unsync-shadow-paging.ts";
import { proportionalShareCpu } from "./scheduler/proportional-share.ts";

/** KVM on processors without nested paging, or with it switched off. */
export const kvmShadow = defineVmm({
  name: "kvm-shadow",
  title: "KVM, shadow paging",
  summary: "hardware assist, shadow page tables that go out of sync",
  cpu: bareCpu(),
  mmu: unsyncShadowPaging(),
  memory: [ballooning(), hostSwap()],
  allocation: staticPartition(),
  scheduler: proportionalShareCpu(),
  disk: bareDisk(),
  network: bareNetwork(),
  overheadPerGuest: { mib: 10, source: "assumed" },
});
