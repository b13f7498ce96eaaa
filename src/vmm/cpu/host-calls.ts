/**
 * What a process of the host pays for what it asks of the host's kernel, where the guest kernel is such a process. The host
 * runs the same kernel as the guest, so that its paths are as long as they are natively.
 */
import { type KernelPathName, kernelPaths, nativeCycles } from "../../guest/kernel-paths.ts";
import { kernelVersion } from "../../guest/kernel-builds.ts";
import { type MachineProfile, primitiveCost } from "../../machine/profile.ts";

/** Cycles of one system call of the host, or of `entries` of them that are a path together. */
export function hostCall(profile: MachineProfile, path: KernelPathName = "syscall-null", entries = 1): number {
  return nativeCycles(kernelPaths(profile)[path], profile) + entries * primitiveCost(profile, "hardware.system-call");
}

/**
 * Cycles of a system call that changes the signal mask, or asks for it. Nobody measured one; it is taken for a sigaction, of which
 * Linux 2.4.20 executes 149 instructions, a null call 44, and a sigprocmask 104 to 156 and two that write the interrupt flag
 * besides (validation/linux-2.4.20-counts.json).
 */
export function hostMaskCall(profile: MachineProfile): number {
  return hostCall(profile, "signal-install");
}

/** Cycles of a switch between two processes of the host, the load of another page-table base included. */
export function hostSwitch(profile: MachineProfile): number {
  return nativeCycles(kernelPaths(profile)["context-switch"], profile) + primitiveCost(profile, "hardware.tlb-flush");
}

/** Cycles of a signal that a process of the host catches, and of its sigreturn. */
export function hostSignal(profile: MachineProfile): number {
  const { signalsWriteDebugRegister } = kernelVersion(profile);
  const debugRegister = signalsWriteDebugRegister ? primitiveCost(profile, "hardware.debug-register") : 0;
  return hostCall(profile, "signal-handle") + debugRegister;
}

/** Cycles of a poll of a few files: about as much as a stat. */
export function hostPoll(profile: MachineProfile): number {
  return hostCall(profile, "syscall-stat");
}
