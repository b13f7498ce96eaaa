/** Contracts of the parts that act at monitor resolution: one guest, every trap. */
import type { Ledger } from "../core/ledger.ts";
import type { MachineProfile } from "../machine/profile.ts";

export interface MonitorContext {
  readonly profile: MachineProfile;
  readonly ledger: Ledger;
}

/** Why the guest kernel is entered. */
export type KernelEntry = "system-call" | "page-fault" | "interrupt";

/** The processor as the guest kernel meets it. */
export interface Cpu {
  enterKernel(reason: KernelEntry): void;
  leaveKernel(reason: KernelEntry): void;
}

/** The memory management unit as the guest kernel meets it. */
export interface Mmu {
  switchRoot(root: number): void;
}

/** The path a disk or network request takes out of the guest and back. */
export interface IoPath {
  request(bytes: number, write: boolean): void;
}
