import { staticPartition } from "./allocation/static-partition.ts";
import { defineVmm } from "./contract.ts";
import { hardwareAssist } from "./cpu/hardware-assist.ts";
import { emulatedDisk, emulatedNetwork } from "./io/emulated.ts";
import { xenBalloon } from "./memory/xen-balloon.ts";
import { shadowPaging } from "./mmu/shadow-paging.ts";
import { credit } from "./scheduler/credit.ts";

/** Xen 3 with guests as they are, on processors with hardware support; devices emulated by qemu-dm. */
export const xenHvm = defineVmm({
  name: "xen-hvm",
  title: "Xen HVM",
  summary: "hardware assist, shadow page tables, devices emulated by a process of dom0",
  cpu: hardwareAssist(),
  // The second write in a row to a lower table has it lose its shadow, a root its entries, which is taken for the same
  // (check_for_early_unshadow, xen/arch/x86/mm/shadow/multi.c, 3.0.3). That it happens to tables in use, too, is not modelled.
  mmu: shadowPaging({ keepsUnlinked: false, storesToReuse: 2 }),
  memory: [xenBalloon({ paravirtual: false })],
  allocation: staticPartition(),
  scheduler: credit(),
  disk: emulatedDisk(),
  network: emulatedNetwork(),
  startCost: "xen.domain-create",
  overheadPerGuest: {
    mib: 9,
    source: "assumed: 1 MiB as for a paravirtual guest, and a pool of 8 MiB for shadow page tables",
  },
});
