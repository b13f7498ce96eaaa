/**
 * Contracts of the parts that act at monitor resolution: one guest, every trap. What the guest kernel meets is declared
 * where the guest is; here is what a part gets to build that from.
 */
import type { Meter } from "../machine/meter.ts";
import type { PageTableFormat } from "../machine/page-tables.ts";
import type { MachineProfile } from "../machine/profile.ts";
import type { Tlb } from "../machine/tlb.ts";

export type { Cpu, EntryChange, Instruction, IoPath, KernelEntry, Mmu } from "../guest/virtual-hardware.ts";

export interface MonitorContext {
  readonly profile: MachineProfile;
  readonly meter: Meter;
  readonly tlb: Tlb;
  readonly pageTableFormat: PageTableFormat;
  /** The machine page (MPN) behind each guest page (PPN). Bare metal has no use for it. */
  readonly machineFrames: Uint32Array;
}
