/** Barham et al. 2003, Table 3: system calls, signals and processes (lmbench). */
import { ALL, NATIVE, SOURCE, tableRows } from "./sosp03-systems.ts";
import type { ValidationSet } from "./validation-set.ts";

const FASTER_ON_XEN =
  "the source finds Xen faster than bare metal, which it puts down to alignment in the caches; in a model Xen only adds work";

const FORK =
  "the faults of fork and exit are those that a program has natively; what the VMM adds when it fills the shadow tables of a " +
  "process anew, and when it finds out which guest pages have become page tables, is not in the source; as in aa06.forkwait";

export const sosp03Processes: ValidationSet = {
  name: "xen03",
  source: SOURCE,
  rows: tableRows("t3", [
    { name: "null-call", calibrated: ALL },
    { name: "null-i-o", operation: "null-io", calibrated: NATIVE },
    { name: "stat", calibrated: NATIVE, reasons: { xen: FASTER_ON_XEN } },
    { name: "open-close", calibrated: NATIVE },
    { name: "select-tcp", calibrated: NATIVE },
    { name: "signal-install", calibrated: NATIVE },
    // lat_sig.c, bench_catch: less sending a signal that is none, kill(pid, 0), here a null call.
    { name: "signal-handle", corrections: { "null-call": -1 }, calibrated: NATIVE, reasons: { xen: FASTER_ON_XEN } },
    { name: "fork-proc", calibrated: NATIVE, reasons: { vmware: FORK } },
    { name: "exec-proc", calibrated: NATIVE },
    { name: "sh-proc", calibrated: NATIVE },
  ]),
};
