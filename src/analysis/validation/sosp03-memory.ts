/** Barham et al. 2003, Table 5: files and virtual memory (lmbench). */
import { ALL, BUT_UML, NATIVE, SOURCE, tableRows } from "./sosp03-systems.ts";
import type { ValidationSet } from "./validation-set.ts";

const FLAGS_SAVE =
  "setting a bit of the shared page in place of cli, pushf and popf (XenLinux 2.4.21, asm-xeno/system.h) saves 2270 and 1700 cycles a " +
  "file; the source finds Xen slower by 5300 and 2600. The kernel's pages of 4 KiB are not why: a file misses a TLB of 64 entries 34 and " +
  "26 times, as lat_fs runs on Linux 2.4.20 (docs/kernel-operations/linux-2.4; here 7 and 10), 1680 and 1300 cycles that large pages " +
  "do not take; walks of 220 and 165 cycles would be needed, but their entries come from memory for one file of eight. If all of the 72 " +
  "and 67 pages of data that a file visits missed each time, it would be 3600 and 3350. Nor are the disk and its interrupts: what lat_fs " +
  "measures at a time takes some 5 ms, the journal commits every 5 s, and the median is taken";

export const sosp03Memory: ValidationSet = {
  name: "xen03",
  source: SOURCE,
  rows: tableRows("t5", [
    { name: "0k-create", calibrated: NATIVE },
    { name: "0k-delete", calibrated: NATIVE },
    { name: "10k-create", calibrated: NATIVE, reasons: { xen: FLAGS_SAVE } },
    { name: "10k-delete", calibrated: NATIVE, reasons: { xen: FLAGS_SAVE } },
    { name: "mmap-lat", calibrated: BUT_UML },
    // lat_sig.c, bench_prot: less catching a signal, which is the row signal-handle.
    { name: "prot-fault", corrections: { "signal-handle": -1, "null-call": 1 }, calibrated: BUT_UML },
    { name: "page-fault", calibrated: ALL },
  ]),
};
