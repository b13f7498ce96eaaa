/** What goes with a signal that a process catches, besides the path that leads to its handler. */
import type { GuestMachine } from "./kernel-context.ts";
import type { KernelPath } from "./kernel-paths.ts";
import type { KernelVersion } from "./kernel-version.ts";

/** FS and GS, though they hold null selectors: all other segment registers are restored by every return to user mode. */
const SEGMENTS_RESTORED = 2;

/** The kernel goes along `path`, at the end of which the process is in its handler. */
export function deliverSignal(machine: GuestMachine, version: KernelVersion, path: KernelPath): void {
  machine.cpu.runKernel(path, 1);
  if (version.signalsWriteDebugRegister) machine.cpu.execute("debug-register");
}

/** The handler is left through a system call, sigreturn; on IA-32 it restores FS and GS (restore_sigcontext). */
export function returnFromSignal({ cpu, pageTableFormat }: GuestMachine): void {
  cpu.enterKernel("system-call");
  if (pageTableFormat.name !== "x86-64") {
    for (let register = 0; register < SEGMENTS_RESTORED; register++) cpu.execute("segment-load");
  }
  cpu.leaveKernel("system-call");
}
