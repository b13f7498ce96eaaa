/** Barham et al. 2003, Table 3: system calls, signals and processes (lmbench). */
import { ALL, NATIVE, SOURCE, type System, tableRows } from "./sosp03-systems.ts";
import type { ValidationSet } from "./validation-set.ts";

/** How many pages the programs visit is inferred from Xen's column, what the shell computes from the native one. */
const NATIVE_AND_XEN: readonly System[] = ["native", "xen"];

const FASTER_ON_XEN =
  "the source finds Xen faster than bare metal, which it puts down to alignment in the caches; in a model Xen only adds work";

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
    { name: "fork-proc", calibrated: NATIVE_AND_XEN },
    { name: "exec-proc", calibrated: NATIVE_AND_XEN },
    { name: "sh-proc", calibrated: NATIVE_AND_XEN },
  ]),
};
