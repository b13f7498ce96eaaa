import { defineVmm } from "./contract.ts";
import { processTracing } from "./cpu/process-tracing.ts";
import { tapNetwork } from "./io/tap.ts";
import { ubdDisk } from "./io/ubd.ts";
import { linuxSwap } from "./memory/linux-swap.ts";
import { onDemand } from "./memory/policies/admission.ts";
import { hostMappings } from "./mmu/host-mappings.ts";
import { goodness } from "./scheduler/goodness.ts";

/** User-Mode Linux with separate kernel address space (skas3), what Barham et al. 2003 measured: a Linux of its own on a host's. */
export const uml = defineVmm({
  name: "uml",
  title: "User-Mode Linux",
  summary: "guest kernel is a process of the host, which traces another one for all of its own",
  cpu: processTracing(),
  mmu: hostMappings(),
  memory: [linuxSwap()],
  allocation: onDemand(),
  scheduler: goodness(),
  disk: ubdDisk(),
  network: tapNetwork(),
  overheadPerGuest: { mib: 8, source: "assumed: three processes of the host, and its page tables for the guest's" },
});
