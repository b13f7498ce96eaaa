/** Barham et al. 2003, Table 5: files and virtual memory (lmbench). */
import { ALL, BUT_UML, NATIVE, SOURCE, tableRows } from "./sosp03-systems.ts";
import type { ValidationSet } from "./validation-set.ts";

const SMALL_PAGES =
  "setting a bit of the shared page in place of cli, pushf and popf (XenLinux 2.4.21, asm-xeno/system.h) saves 2270 and 1700 cycles a " +
  "file, and the kernel's pages of 4 KiB, as Linux 2.4.20 visits them, miss the TLB seven to ten times, 370 and 500 cycles; the source " +
  "finds Xen slower by 5300 and 2600, of which each page of the file takes 1400 and 1100: three or four entries of " +
  "page tables, if those had to come from memory, of kernel pages that large ones map natively";

export const sosp03Memory: ValidationSet = {
  name: "xen03",
  source: SOURCE,
  rows: tableRows("t5", [
    { name: "0k-create", calibrated: NATIVE },
    { name: "0k-delete", calibrated: NATIVE },
    { name: "10k-create", calibrated: NATIVE, reasons: { xen: SMALL_PAGES } },
    { name: "10k-delete", calibrated: NATIVE, reasons: { xen: SMALL_PAGES } },
    { name: "mmap-lat", calibrated: BUT_UML },
    // lat_sig.c, bench_prot: less catching a signal, which is the row signal-handle.
    { name: "prot-fault", corrections: { "signal-handle": -1, "null-call": 1 }, calibrated: BUT_UML },
    { name: "page-fault", calibrated: ALL },
  ]),
};
