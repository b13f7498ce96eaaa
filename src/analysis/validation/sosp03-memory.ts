/** Barham et al. 2003, Table 5: files and virtual memory (lmbench). */
import { ALL, NATIVE, SOURCE, tableRows } from "./sosp03-systems.ts";
import type { ValidationSet } from "./validation-set.ts";

const SMALL_PAGES =
  "what the counted flag writes save on Xen is all that differs here; the kernel's own TLB misses, which may outweigh it, are not " +
  "simulated: Xen maps the guest kernel by pages of 4 KiB, bare metal by global ones of 4 MiB";

export const sosp03Memory: ValidationSet = {
  name: "xen03",
  source: SOURCE,
  rows: tableRows("t5", [
    { name: "0k-create", calibrated: NATIVE },
    { name: "0k-delete", calibrated: NATIVE },
    { name: "10k-create", calibrated: NATIVE, reasons: { xen: SMALL_PAGES } },
    { name: "10k-delete", calibrated: NATIVE, reasons: { xen: SMALL_PAGES } },
    { name: "mmap-lat", calibrated: ALL },
    // lat_sig.c, bench_prot: less catching a signal, which is the row signal-handle.
    { name: "prot-fault", corrections: { "signal-handle": -1, "null-call": 1 }, calibrated: ALL },
    { name: "page-fault", calibrated: ALL },
  ]),
};
