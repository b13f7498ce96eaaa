/** Barham et al. 2003, Table 3: system calls, signals and processes (lmbench). */
import { ALL, NATIVE, SOURCE, tableRows } from "./sosp03-systems.ts";
import type { ValidationSet } from "./validation-set.ts";

const SIGNALS =
  "cheaper flag writes, thirteen for a signal, explain 0.28 us of the 0.74 us by which the source finds Xen faster than bare " +
  "metal; it names alignment in the caches, which is not modelled";
const SELECT =
  "609 returns and indirect calls were counted while Linux 2.4 ran; six for each descriptor, always to the same places, which a look-up " +
  "and the processor may find faster than at the price of the nanobenchmark: 22 cycles each would do";
export const sosp03Processes: ValidationSet = {
  name: "xen03",
  source: SOURCE,
  rows: tableRows("t3", [
    { name: "null-call", calibrated: ALL },
    { name: "null-i-o", operation: "null-io", calibrated: NATIVE },
    { name: "stat", calibrated: NATIVE },
    { name: "open-close", calibrated: NATIVE },
    { name: "select-tcp", calibrated: NATIVE, reasons: { vmware: SELECT } },
    { name: "signal-install", calibrated: NATIVE },
    // lat_sig.c, bench_catch: less sending a signal that is none, kill(pid, 0), here a null call.
    { name: "signal-handle", corrections: { "null-call": -1 }, calibrated: NATIVE, reasons: { xen: SIGNALS } },
    { name: "fork-proc", calibrated: NATIVE },
    { name: "exec-proc", calibrated: NATIVE },
    { name: "sh-proc", calibrated: NATIVE },
  ]),
};
