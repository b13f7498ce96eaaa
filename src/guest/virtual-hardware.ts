/** The machine as the guest kernel meets it. On bare metal the hardware is behind these, elsewhere a VMM. */
import type { InterruptModeration } from "../machine/profile.ts";
import type { KernelPath } from "./kernel-paths.ts";

/** Why the guest kernel is entered. `exception`: a fault of an instruction that is no page fault (division by zero). */
export type KernelEntry = "system-call" | "page-fault" | "exception" | "interrupt";

/**
 * Instructions of the guest kernel whose meaning or cost a VMM may change: a read and a write of an I/O port (0x80, which
 * no device answers), a write of the task priority (CR8), a call with its return, a load of a data segment register, a
 * write of the debug control register (DR7) that sets no breakpoint; and, of any code, CPUID.
 */
export const INSTRUCTIONS = [
  "port-input",
  "port-output",
  "task-priority",
  "call-return",
  "cpuid",
  "segment-load",
  "debug-register",
] as const;
export type Instruction = (typeof INSTRUCTIONS)[number];

/** How the kernel handles what a vector of the processor's table of traps is for. */
export interface TrapHandler {
  readonly vector: number;
  /** User code may go there by an instruction (INT). */
  readonly isCallable: boolean;
  /** It begins with interrupts disabled. */
  readonly disablesInterrupts: boolean;
}

export interface Cpu {
  /**
   * A kernel made for this VMM tells it its handlers, once, before anything else, and that of which vector the processor should enter
   * without the VMM. Absent: the kernel fills the processor's own table.
   */
  registerTraps?(handlers: readonly TrapHandler[], direct: number): void;
  /** From user mode (or, for an interrupt, from anywhere) to the first instruction of the kernel's handler. */
  enterKernel(entry: KernelEntry): void;
  /** The virtual page of the last fault that the guest kernel was entered for; its handler begins with that. */
  readFaultAddress(): number;
  /** From the handler's last instruction back to where it came from. */
  leaveKernel(entry: KernelEntry): void;
  /**
   * The kernel goes on with another process: its stack and its segments. `changesRoot`: {@link Mmu.switchRoot} is part of
   * the same switch.
   */
  switchTask(changesRoot: boolean): void;
  /** Run a path of the kernel's own code, a number of times. */
  runKernel(path: KernelPath, times: number): void;
  /** The guest kernel executes one of {@link INSTRUCTIONS}. */
  execute(instruction: Instruction): void;
}

/** {@link Mmu.access}: the guest kernel has to handle a page fault. */
export const GUEST_FAULT = -1;
/** {@link Mmu.invalidate}: all pages of the address space. */
export const ALL_PAGES = -1;
/** {@link Mmu.useAsTable}: the frame is no page table any more. */
export const NOT_A_TABLE = -1;

/**
 * How the kernel changes a page-table entry, which matters where it does not own its tables: `set` stores a new value
 * (a paravirtual kernel asks the hypervisor for that), `protect` changes the permissions of an entry and keeps its
 * accessed and dirty bits (likewise), `modify` is a locked read-modify-write instruction on the table itself (the
 * write-protection of a fork, the removal of an entry), which no paravirtual hook replaces.
 */
export type EntryChange = "set" | "protect" | "modify";

/**
 * The memory management unit. Frames and entries are those of the guest ("physical" page numbers). Writes of entries may
 * be queued: what was written takes effect, and is read back, after {@link commit} at the latest.
 */
export interface Mmu {
  /** Set: entries of user memory come back with the global bit, which the kernel has not set, and so takes for a change of its own. */
  readonly marksGlobal?: true;
  /** Set: a kernel made for this VMM clears the entry through which it has copied a page at once; others leave it until they use it again. */
  readonly clearsWindows?: true;
  /** Set: the page at which the hypervisor's part of every address space begins; a kernel made for this VMM keeps below it. */
  readonly hypervisorStart?: number;
  /** User code visits a virtual page. Returns the machine frame, or {@link GUEST_FAULT}. */
  access(page: number, write: boolean): number;
  /** The kernel visits a page at an address of its own, where that may be another thing than {@link access}. */
  kernelAccess?(page: number, write: boolean): number;
  /**
   * Raise the fault that {@link access} has just reported; {@link Cpu.enterKernel} follows. `walks`: its handler will go through
   * the tables to the entry, since the access is allowed.
   */
  raiseFault(walks: boolean): void;
  /**
   * Make an empty page table of a frame, to be used at a level (0 = lowest) in the tree of a root (a root in its own), or
   * ordinary memory of it again.
   */
  useAsTable(frame: number, level: number, root: number): void;
  /** The kernel puts a frame to a new use, and all of it is written: by so many of its instructions, or, with 0, by a device. */
  reuse(frame: number, instructions: number): void;
  readEntry(table: number, index: number): number;
  writeEntry(table: number, index: number, entry: number, change: EntryChange): void;
  /** Many entries will change until {@link endBatch}: they may be handed over together. */
  beginBatch(): void;
  /** A kernel that hands over only what it changes within a batch does so now, at the latest. */
  endBatch(): void;
  /** Drop what the TLB holds of a page, or of {@link ALL_PAGES}. */
  invalidate(page: number): void;
  commit(): void;
  /** Load the page-table base. */
  switchRoot(root: number): void;
  /** The tree of tables below a root is complete: an address space is about to be used. */
  activate(root: number): void;
  /** The address space will not run again; its entries are cleared, and its tables given back, after this. */
  retire(root: number): void;
}

/**
 * The path of disk requests, or of network packets, out of the guest and back; time on the device itself not included. A
 * request goes `submit`, `notify`, (the device), `interrupt`, `complete`; a packet that is received begins at `interrupt`.
 */
export interface IoPath {
  /** Most bytes that are submitted at once where the device cuts them into packets itself; 0: packets only. */
  readonly segmentBytes: number;
  /** Entries of the ring in which the driver posts buffers for packets; 0: nobody has looked which pages the driver visits. */
  readonly descriptors: number;
  /** Packets that leave together when there are many of them; absent: each leaves when it is handed over. */
  readonly sendsTogether?: number;
  /** How packets that come interrupt, where the VMM has a driver of its own; absent: as on the bare machine. */
  readonly moderation?: InterruptModeration;
  /** Hand one request or packet to the device. `write`: to the device, for a packet: transmit. */
  submit(bytes: number, write: boolean): void;
  /** After a burst of {@link submit}: tell the device that there is work. Returns the cycle at which the device has it. */
  notify(): number;
  /**
   * The device interrupts at cycle `at`: `count` requests are done, or packets have arrived, of `bytes` in all. What happens
   * before the guest's handler runs, and what the handler does once: it takes them one by one by {@link complete}. Returns
   * the cycle at which the guest is interrupted: now, unless somebody else is still at it.
   */
  interrupt(at: number, count: number, bytes: number, write: boolean): number;
  /** Take one finished request or received packet from the device, in the kernel's interrupt handler. */
  complete(bytes: number, write: boolean): void;
  /** The guest has nothing to do until the device interrupts, and halts: what that takes besides waiting; absent: nothing. */
  halt?(): void;
  /**
   * Asked after {@link notify} and {@link halt}: does the device interrupt at once to say that packets are gone? Then what that takes before
   * the handler runs is charged. Real interfaces say so with the next interrupt for other packets.
   */
  interruptsForSent(): boolean;
  /**
   * The guest's clock interrupts: what its kernel's accesses to interrupt controller and timer take, and what else a tick makes the VMM
   * do. Absent: nothing that is not in the kernel's own path. Asked of the path of packets alone.
   */
  tick?(): void;
}
