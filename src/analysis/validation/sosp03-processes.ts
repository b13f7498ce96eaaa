/** Barham et al. 2003, Table 3: system calls, signals and processes (lmbench). */
import { ALL, NATIVE, SOURCE, tableRows } from "./sosp03-systems.ts";
import type { ValidationSet } from "./validation-set.ts";

const SELECT =
  "609 returns and indirect calls were counted while Linux 2.4 ran; six for each descriptor. 21 cycles each would do, where one takes 36 more " +
  "than natively. That is a nanobenchmark on a Prescott, scaled by what the instructions take on this processor: the jump through a table " +
  "6 cycles less, but a native call and return 10 less, too. It does not tell an indirect call, which natively takes 7 more than a direct one " +
  "here, from a return, nor whether the returns it measured were predicted: in select none of 408 goes elsewhere than the time before, in " +
  "stat 6 of 25 do";
const SHELL =
  "bash 2.05 was counted with three variables in its environment and no files of a locale: 212 pages before it executes the program. What VMware " +
  "and Xen add for a shell, less what they add for exec, is 385 and 429 page faults at the price of Table 5";
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
    { name: "exec-proc", calibrated: NATIVE },
    { name: "sh-proc", calibrated: NATIVE, reasons: { xen: SHELL, vmware: SHELL } },
  ]),
};
