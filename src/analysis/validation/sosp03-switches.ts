/** Barham et al. 2003, Table 4: context switches between processes with working sets (lmbench). */
import { ALL, NATIVE, NONE, SOURCE, tableRows } from "./sosp03-systems.ts";
import type { ValidationSet } from "./validation-set.ts";

const TABLES_READ =
  "8 processes of 64 KB fill the cache to the brim: the page tables and shadows that VMware is assumed to go through in a switch " +
  "displace more of their lines here than they seem to have; without that assumption the figure is 43.6";

export const SMALL_CACHES =
  "only the second-level cache is simulated: what Xen's own code and data displace there and in the smaller caches is not";

export const sosp03Switches: ValidationSet = {
  name: "xen03",
  source: SOURCE,
  rows: tableRows("t4", [
    { name: "2p-0k", operation: "2p/0K", calibrated: ALL },
    { name: "2p-16k", operation: "2p/16K", calibrated: NONE },
    { name: "2p-64k", operation: "2p/64K", calibrated: NONE },
    // That VMware's VMM reads tables in a switch was assumed with these figures at hand (vmm/mmu/table-reads.ts).
    { name: "8p-16k", operation: "8p/16K", calibrated: ["vmware"], reasons: { xen: SMALL_CACHES } },
    { name: "8p-64k", operation: "8p/64K", calibrated: ["vmware"], reasons: { vmware: TABLES_READ } },
    { name: "16p-16k", operation: "16p/16K", calibrated: ["vmware"], reasons: { xen: SMALL_CACHES } },
    // hardware.cache-line-fill
    { name: "16p-64k", operation: "16p/64K", calibrated: [...NATIVE, "vmware"] },
  ]),
};
