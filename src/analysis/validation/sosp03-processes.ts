/** Barham et al. 2003, Table 3: system calls, signals and processes (lmbench). */
import { ALL, NATIVE, SOURCE, tableRows } from "./sosp03-systems.ts";
import type { ValidationSet } from "./validation-set.ts";

const SELECT =
  "609 returns and indirect calls were counted while Linux 2.4 ran; six for each descriptor, always to the same places, which a look-up " +
  "and the processor may find faster than at the price of the nanobenchmark: 22 cycles each would do. That was measured on a Prescott, whose " +
  "indirect jumps take 10 to 15 cycles where this processor's take 4 (Fog, Instruction tables)";
const LIBRARIES =
  "its 128 page faults alone, at the 10.98 us more that Table 5 has for one, are 1,405 us of the 1,770 that VMware adds: pages are those that " +
  "programs of today visit, and the libraries of 2003 were smaller. The rest is 434 other writes of entries, two loads of the page-table base " +
  "and translated code";
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
    { name: "signal-handle", corrections: { "null-call": -1 }, calibrated: NATIVE },
    // Of VMware, too, because it settled that shadows of ended processes are kept (keepsUnlinked, shadow-paging.ts).
    { name: "fork-proc", calibrated: [...NATIVE, "vmware"] },
    { name: "exec-proc", calibrated: NATIVE, reasons: { vmware: LIBRARIES } },
    { name: "sh-proc", calibrated: NATIVE },
  ]),
};
