/**
 * Contracts of the parts that act at monitor resolution: one guest, every trap. What the guest kernel meets is declared
 * where the guest is; here is what a part gets to build that from.
 */
import type { Cpu, EntryChange } from "../guest/virtual-hardware.ts";
import type { KernelPages } from "../guest/kernel-pages.ts";
import type { Cache } from "../machine/cache.ts";
import type { FaultAddress } from "../machine/fault-address.ts";
import type { Meter } from "../machine/meter.ts";
import type { PageTableFormat } from "../machine/page-tables.ts";
import type { MachineProfile } from "../machine/profile.ts";
import type { Tlb } from "../machine/tlb.ts";

export type { Cpu, EntryChange, Instruction, IoPath, KernelEntry, Mmu } from "../guest/virtual-hardware.ts";

/**
 * What stops the guest: a page fault that belongs to the VMM, a privileged instruction of the guest kernel, or an access of
 * it to a register of an emulated device.
 */
export type EntryReason = "page-fault" | "instruction" | "device-register";

/** What a write does to a page-table entry: it ceases to be present, becomes present, or neither. */
export type EntryEffect = "clear" | "set" | "unchanged";

/**
 * The way from the guest into the VMM and back, at the price of the CPU part in use. What the VMM does while it is there is
 * charged by whoever does it.
 */
export interface VmmEntry {
  /**
   * Stop the guest, and go on with it afterwards: both ways are charged. `page`: the address of a page fault; absent for one of
   * the guest's kernel at an address of its own.
   */
  enter(reason: EntryReason, page?: number): void;
  /** Hand the page fault that stopped the guest on to it, with its address; {@link Cpu.enterKernel} follows. */
  forwardFault(): void;
  /**
   * The guest kernel writes to a write-protected page table. True: the VMM has been entered. False: it had not to be,
   * because translated code calls the emulation of the write, which is charged here, the change of the shadow included.
   */
  tracedWrite(change: EntryChange, effect: EntryEffect): boolean;
  /**
   * The guest kernel is about to visit a page at an address of its own. True: that is where the VMM lies, which has been
   * entered, or called, and makes the access itself; both are charged. Absent: the VMM lies nowhere that the guest can address.
   */
  emulatesAccess?(page: number, write: boolean): boolean;
}

/** What a cpu part gives: the processor as the guest kernel meets it, and the way into the VMM. */
export interface VirtualCpu extends Cpu, VmmEntry {}

export interface CpuContext {
  readonly profile: MachineProfile;
  readonly meter: Meter;
  readonly tlb: Tlb;
  /** The hardware's; what the guest reads is {@link Cpu.readFaultAddress}. */
  readonly faultAddress: FaultAddress;
  readonly pageTableFormat: PageTableFormat;
  /** Of the guest kernel, whose paths a cpu part runs; absent where it is not known which pages they visit. */
  readonly kernelPages?: KernelPages;
}

export interface MonitorContext extends CpuContext {
  /** The machine page (MPN) behind each guest page (PPN). Bare metal has no use for it. */
  readonly machineFrames: Uint32Array;
  /** Of the cpu part that the guest runs on. */
  readonly vmmEntry: VmmEntry;
  /** The second-level cache, absent where the machine profile describes none. */
  readonly cache?: Cache;
}
