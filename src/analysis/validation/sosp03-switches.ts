/** Barham et al. 2003, Table 4: context switches between processes with working sets (lmbench). */
import { ALL, NATIVE, NONE, SOURCE, tableRows } from "./sosp03-systems.ts";
import type { ValidationSet } from "./validation-set.ts";

const MANY_PROCESSES =
  "with 16 processes VMware pays 20 us more a switch than with 2, whatever they sum, as much as six hidden faults: as if it had " +
  "fewer than 16 shadow roots, and filled a lost one in again, entry by entry (kernel, program, libraries, stack), with the tables " +
  "below still there; how many it keeps the source does not say";

export const SMALL_CACHES =
  "only the second-level cache is simulated: what Xen's own code and data displace there and in the smaller caches is not";

export const sosp03Switches: ValidationSet = {
  name: "xen03",
  source: SOURCE,
  rows: tableRows("t4", [
    { name: "2p-0k", operation: "2p/0K", calibrated: ALL },
    { name: "2p-16k", operation: "2p/16K", calibrated: NONE },
    { name: "2p-64k", operation: "2p/64K", calibrated: NONE },
    { name: "8p-16k", operation: "8p/16K", calibrated: NONE, reasons: { xen: SMALL_CACHES } },
    { name: "8p-64k", operation: "8p/64K", calibrated: NONE },
    {
      name: "16p-16k",
      operation: "16p/16K",
      calibrated: NONE,
      reasons: { xen: SMALL_CACHES, vmware: MANY_PROCESSES },
    },
    // hardware.cache-line-fill
    { name: "16p-64k", operation: "16p/64K", calibrated: NATIVE },
  ]),
};
