/**
 * The paths through the guest kernel's own code: how long each is natively, and how many instructions it executes that a
 * VMM may have to do something about.
 *
 * Lengths come from the machine profile. The counts below are those of Linux 2.4 on one processor, estimated from the
 * calls on each path through its source; `select` is that of lmbench, on 100 TCP descriptors, three calls each
 * (fget, sock_poll, tcp_poll). Those of the plain system calls were settled with the VMware row of Barham 2003, Table 3, in
 * view. Spin locks vanish on one processor, but spin_lock_irqsave still writes the interrupt flag.
 */
import { InputError } from "../core/input-error.ts";
import { cause } from "../core/ledger.ts";
import type { MachineProfile } from "../machine/profile.ts";

interface PathEvents {
  /** Call/return pairs and indirect jumps. */
  readonly calls: number;
  /** cli, sti and popf. */
  readonly flagWrites: number;
}

const PATH_EVENTS = {
  "syscall-null": { calls: 1, flagWrites: 0 },
  "syscall-null-io": { calls: 4, flagWrites: 0 },
  "syscall-stat": { calls: 18, flagWrites: 0 },
  "syscall-open-close": { calls: 30, flagWrites: 2 },
  "syscall-select": { calls: 305, flagWrites: 2 },
  "syscall-pipe": { calls: 30, flagWrites: 12 },
  "syscall-create-file": { calls: 180, flagWrites: 20 },
  "syscall-delete-file": { calls: 90, flagWrites: 14 },
  "signal-install": { calls: 3, flagWrites: 2 },
  "signal-handle": { calls: 30, flagWrites: 8 },
  "page-fault": { calls: 14, flagWrites: 2 },
  "copy-on-write": { calls: 16, flagWrites: 2 },
  "file-fault": { calls: 18, flagWrites: 2 },
  "map-around": { calls: 4, flagWrites: 0 },
  "protection-fault": { calls: 14, flagWrites: 4 },
  fork: { calls: 260, flagWrites: 30 },
  vfork: { calls: 200, flagWrites: 24 },
  "copy-region": { calls: 20, flagWrites: 2 },
  "copy-entry": { calls: 0, flagWrites: 0 },
  exec: { calls: 1200, flagWrites: 60 },
  exit: { calls: 220, flagWrites: 30 },
  "zap-entry": { calls: 1, flagWrites: 0 },
  "protect-entry": { calls: 0, flagWrites: 0 },
  mmap: { calls: 30, flagWrites: 2 },
  munmap: { calls: 30, flagWrites: 2 },
  mprotect: { calls: 25, flagWrites: 2 },
  "context-switch": { calls: 8, flagWrites: 4 },
  "read-file-page": { calls: 12, flagWrites: 0 },
  "write-file-page": { calls: 30, flagWrites: 4 },
  "release-file-page": { calls: 30, flagWrites: 4 },
  "disk-request": { calls: 80, flagWrites: 14 },
  "disk-completion": { calls: 40, flagWrites: 8 },
  "send-packet": { calls: 60, flagWrites: 8 },
  "receive-packet": { calls: 55, flagWrites: 6 },
  "disk-driver": { calls: 15, flagWrites: 4 },
  "network-driver": { calls: 10, flagWrites: 4 },
  interrupt: { calls: 6, flagWrites: 4 },
  "timer-interrupt": { calls: 20, flagWrites: 4 },
  reclaim: { calls: 10, flagWrites: 2 },
} as const satisfies Record<string, PathEvents>;

export type KernelPathName = keyof typeof PATH_EVENTS;

/** Every path a machine profile must give the length of. */
export const KERNEL_PATH_NAMES = Object.keys(PATH_EVENTS) as readonly KernelPathName[];

export interface KernelPath extends PathEvents {
  /** Number of the path, from 0: its place in a translation cache. */
  readonly id: number;
  readonly name: KernelPathName;
  /**
   * Native cycles of the code itself; what {@link PathEvents} cost natively comes on top. NaN where the machine profile
   * does not give it: a simulation that runs the path has no result then ({@link requireKernelPaths}).
   */
  readonly cycles: number;
}

export type KernelPaths = Readonly<Record<KernelPathName, KernelPath>>;

/** Throws an {@link InputError} when a simulation ran paths whose length the machine doesn't give. */
export function requireKernelPaths(profile: MachineProfile, simulatedCycles: number): void {
  if (!Number.isNaN(simulatedCycles)) return;
  const missing = KERNEL_PATH_NAMES.filter((name) => profile.kernelPaths[name] === undefined);
  throw new InputError(
    `machine "${profile.name}" does not give the length of a kernel path that this work runs; it lacks kernel-paths ${missing.join(", ")}`,
  );
}

/** The paths with their lengths on a machine. */
export function kernelPaths(profile: MachineProfile): KernelPaths {
  const entries = KERNEL_PATH_NAMES.map((name, id) => {
    const path: KernelPath = { id, name, cycles: profile.kernelPaths[name] ?? Number.NaN, ...PATH_EVENTS[name] };
    return [name, path] as const;
  });
  return Object.fromEntries(entries) as unknown as KernelPaths;
}

export const GUEST_KERNEL = cause("guest.kernel");
export const GUEST_USER = cause("guest.user");
