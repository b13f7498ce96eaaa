/**
 * Paravirtualization (Barham 2003, section 3.2): the guest kernel runs in ring 1 and has registered its handlers
 * with the hypervisor once. System calls enter it directly, if the handler that it asks that for may be entered so; otherwise they
 * are exceptions (on IA-32 the instruction INT is a general-protection fault) and forwarded by the hypervisor as page faults are;
 * interrupts arrive as events. The interrupt flag is a word of memory shared with the hypervisor.
 *
 * On x86-64 kernel and user code of the guest are both in ring 3, and the page tables alone keep them apart: each has a root
 * of its own, and the hypervisor writes the page-table base on the way into the kernel and on the way back (Xen,
 * toggle_guest_mode). Translations of user pages are global there, and stay; those of the guest kernel may not be
 * (_PAGE_GUEST_KERNEL, include/asm-x86/x86_64/page.h, Xen 3.x), and go each time, as does whatever is cached of upper levels
 * (Intel SDM vol. 3, section 4.10.4.1). Where the kernel's own pages have been counted (see KernelPages), each stay in it walks for
 * them anew. Every system call, fault and exception is taken to come from user code, although some faults are the kernel's
 * own; an interrupt is taken to find the kernel at work or idle.
 *
 * Accesses to I/O ports are general-protection faults, which Xen emulates since 3.0 (emulate_privileged_op, xen/arch/x86/traps.c): what
 * a domain without devices reads is all ones, and the port is left alone (admin_io_okay). Of the control registers it emulates writes of
 * CR0, CR2, CR3 and CR4. A fault that is not emulated is the guest's (do_general_protection), and Linux finds no fixup for it (die).
 */
import { cause, event } from "../../core/ledger.ts";
import { SECOND_US } from "../../core/time.ts";
import { kernelVersion } from "../../guest/kernel-builds.ts";
import { ImpossibleInstruction } from "../../guest/impossible-instruction.ts";
import type { KernelVersion } from "../../guest/kernel-version.ts";
import { flagWritesOf, GUEST_KERNEL } from "../../guest/kernel-paths.ts";
import type { KernelPages } from "../../guest/kernel-pages.ts";
import type { KernelPath } from "../../guest/kernel-paths.ts";
import { DIVIDE_ERROR, PAGE_FAULT, SYSTEM_CALL as SYSTEM_CALL_VECTOR } from "../../guest/trap-handlers.ts";
import type { TrapHandler } from "../../guest/virtual-hardware.ts";
import { type FaultAddress, NO_PAGE } from "../../machine/fault-address.ts";
import type { Meter } from "../../machine/meter.ts";
import { primitiveCost } from "../../machine/profile.ts";
import type { MachineProfile } from "../../machine/profile.ts";
import type { Tlb } from "../../machine/tlb.ts";
import { definePart, type TimerEvents } from "../contract.ts";
import type { CpuContext, EntryReason, Instruction, KernelEntry, VirtualCpu } from "../monitor-contract.ts";
import { KERNEL_CODE_COSTS, KERNEL_ENTRY_COSTS, kernelPathCycles } from "./bare.ts";
import { TrapTable } from "./trap-table.ts";

const SYSTEM_CALL = cause("hardware.system-call");
const INTERRUPT = cause("hardware.interrupt");
const TRAP = cause("vmm.trap");
const INSTRUCTION = cause("hardware.instruction");
const EXCEPTION = cause("hardware.trap");
const PORT = cause("vmm.trap.port-access");
const SWITCH_TASK = cause("vmm.hypercall.switch-task");
const HYPERCALL = cause("vmm.hypercall");
const EVENT_CHANNEL = cause("vmm.event-channel");
const MC_ENTRY = event("mc_entry");
const MC_FLUSH = event("mc_flush");
const USER_ROOT = cause("vmm.trap.user-root");
/** Writes of the page-table base for one stay in the kernel: to its own root, and back to that of user code. */
const ROOT_WRITES = 2;
/** set_trap_table and set_fast_trap. */
const REGISTRATIONS = 2;
/** Xen 2.0 to 3.0.4, common/schedule.c, t_timer_fn: of each processor, to the domain that it runs. */
const TIMER_US = 10_000;
const NO_PORTS =
  "Xen before 3.0 emulates no access to an I/O port and passes the fault on to the guest's kernel, which stops";
const NO_TASK_PRIORITY =
  "Xen emulates no write of CR8 and passes the fault on to the guest's kernel, which stops; it has event channels, and no task priority";
const VECTORS = { "page-fault": PAGE_FAULT, exception: DIVIDE_ERROR, "system-call": SYSTEM_CALL_VECTOR } as const;

class Paravirtual implements VirtualCpu {
  readonly #profile: MachineProfile;
  readonly #meter: Meter;
  readonly #kernelPages: KernelPages | undefined;
  readonly #tlb: Tlb;
  readonly #faultAddress: FaultAddress;
  /** Kernel and user code have a root each. */
  readonly #hasUserRoot: boolean;
  /** The hypercall that tells the kernel's stack goes the way of those that may be queued (xen_load_sp0, Linux 6.1). */
  readonly #queuesHypercalls: boolean;
  readonly #rootWrite: number;
  readonly #systemCall: number;
  readonly #interrupt: number;
  readonly #exception: number;
  readonly #fastSystemCall: number;
  readonly #forwardException: number;
  readonly #eventUpcall: number;
  readonly #switchTask: number;
  readonly #pageFault: number;
  readonly #hypercall: number;
  readonly #pathCycles: readonly number[];
  readonly #traps = new TrapTable();
  readonly #allowsDirect: boolean;
  /** On x86-64 SYSCALL leads to the hypervisor, which goes on to the kernel without a frame: the price of that is fixed. */
  #entersDirectly: boolean;
  /** What the hypervisor has read from CR2 and written where the guest reads it; see {@link addressPlace}. */
  #guestFaultAddress = NO_PAGE;

  constructor(allowsDirect: boolean, { profile, meter, tlb, kernelPages, faultAddress }: CpuContext) {
    this.#profile = profile;
    this.#meter = meter;
    this.#kernelPages = kernelPages;
    this.#tlb = tlb;
    this.#faultAddress = faultAddress;
    this.#hasUserRoot = profile.pageTable === "x86-64";
    this.#queuesHypercalls = profile.kernel === "linux-6.1";
    this.#rootWrite = primitiveCost(profile, "hardware.tlb-flush");
    this.#systemCall = primitiveCost(profile, "hardware.system-call");
    this.#interrupt = primitiveCost(profile, "hardware.interrupt");
    this.#exception = primitiveCost(profile, "hardware.exception");
    this.#fastSystemCall = primitiveCost(profile, "xen.fast-system-call");
    this.#forwardException = primitiveCost(profile, "xen.forward-exception");
    this.#eventUpcall = primitiveCost(profile, "xen.event-upcall");
    this.#switchTask = primitiveCost(profile, "xen.switch-task");
    this.#pageFault = primitiveCost(profile, "hardware.trap");
    this.#hypercall = primitiveCost(profile, "xen.hypercall");
    const flagWrite = primitiveCost(profile, "xen.flag-write");
    this.#pathCycles = kernelPathCycles(profile, (path) => flagWritesOf(path) * flagWrite);
    this.#allowsDirect = allowsDirect;
    this.#entersDirectly = this.#hasUserRoot;
  }

  registerTraps(handlers: readonly TrapHandler[], direct: number): void {
    this.#meter.spendMany(HYPERCALL, REGISTRATIONS, this.#hypercall);
    this.#traps.register(handlers);
    if (this.#allowsDirect) this.#traps.enterDirectly(direct);
    this.#entersDirectly = this.#hasUserRoot || this.#traps.isDirect(SYSTEM_CALL_VECTOR);
  }

  enterKernel(entry: KernelEntry): void {
    if (this.#hasUserRoot && entry !== "interrupt") this.#changeRoots();
    if (entry === "interrupt") {
      this.#meter.spend(INTERRUPT, this.#interrupt);
      this.#meter.spend(EVENT_CHANNEL, this.#eventUpcall);
    } else if (entry === "system-call" && this.#entersDirectly) {
      this.#meter.spend(SYSTEM_CALL, this.#systemCall);
      this.#meter.spend(TRAP, this.#fastSystemCall);
    } else this.#forward(entry);
  }

  /** What a page fault costs the hardware is charged where it is raised. */
  #forward(entry: keyof typeof VECTORS): void {
    if (entry === "page-fault") this.#guestFaultAddress = this.#faultAddress.page;
    else this.#meter.spend(EXCEPTION, this.#exception);
    this.#traps.handlerOf(VECTORS[entry]);
    this.#meter.spend(TRAP, this.#forwardException);
  }

  readFaultAddress(): number {
    return this.#guestFaultAddress;
  }

  /** Both ways are charged on entry, but user code has the TLB without the kernel's pages. */
  leaveKernel(entry: KernelEntry): void {
    if (this.#hasUserRoot && entry !== "interrupt") this.#dropKernelPages();
  }

  #changeRoots(): void {
    this.#meter.spendMany(USER_ROOT, ROOT_WRITES, this.#rootWrite);
    this.#tlb.forgetWalks();
    this.#dropKernelPages();
  }

  /** A kernel whose pages nobody has counted has none there. */
  #dropKernelPages(): void {
    if (this.#kernelPages !== undefined) this.#tlb.flushKernel();
  }

  /** The hypervisor has to know the kernel's stack, to enter it, and the segment bases of the process. */
  switchTask(changesRoot: boolean): void {
    this.#meter.spend(SWITCH_TASK, this.#switchTask);
    if (!this.#queuesHypercalls) return;
    // __switch_to hands over what is queued (the load of the roots, if they change) before it tells the stack.
    if (!changesRoot) this.#meter.count(MC_FLUSH);
    this.#meter.count(MC_ENTRY);
    this.#meter.count(MC_FLUSH);
  }

  execute(instruction: Instruction): void {
    // XenLinux asks the hypervisor to write the debug register when there is a breakpoint to set (do_signal, arch/xeno).
    if (instruction === "debug-register") return;
    if (instruction === "task-priority") throw new ImpossibleInstruction(NO_TASK_PRIORITY);
    if (instruction === "port-input" || instruction === "port-output") this.#emulatePortAccess();
    // A call is no business of the hypervisor's; the others are privileged, trap and are emulated.
    else if (instruction === "call-return") {
      this.#meter.spend(INSTRUCTION, primitiveCost(this.#profile, "hardware.call-return"));
    } else this.#meter.spend(TRAP, primitiveCost(this.#profile, `xen.${instruction}`));
  }

  /** The fault finds the kernel at work: the roots stay. Guests on x86-64 are of Xen 3.0 or later, whichever their kernel. */
  #emulatePortAccess(): void {
    if (!this.#hasUserRoot && !isFromLinux26(this.#profile)) throw new ImpossibleInstruction(NO_PORTS);
    this.#meter.spend(EXCEPTION, this.#exception);
    this.#meter.spend(PORT, primitiveCost(this.#profile, "xen.port-access"));
  }

  runKernel(path: KernelPath, times: number): void {
    if (times === 0) return;
    this.#kernelPages?.run(path, times);
    this.#meter.spendMany(GUEST_KERNEL, times, this.#pathCycles[path.id]);
  }

  enter(reason: EntryReason, page = NO_PAGE): void {
    if (reason === "page-fault") {
      this.#faultAddress.page = page;
      this.#meter.spend(EXCEPTION, this.#pageFault);
    } else this.#meter.spend(HYPERCALL, this.#hypercall);
  }

  /** Every fault goes through the hypervisor: {@link enterKernel} charges that. */
  forwardFault(): void {}

  tracedWrite(): boolean {
    this.enter("page-fault");
    return true;
  }
}

interface Settings {
  readonly timerMs: number;
  readonly fastSystemCalls: boolean;
}

/** Events that come faster than any kernel ticks would leave a host nothing else to simulate. */
function timerProblem({ timerMs }: { readonly timerMs: number }): string | undefined {
  return timerMs === 0 || timerMs >= 1 ? undefined : `timerMs: expected 0 or at least 1 ms, not ${timerMs}`;
}

/**
 * The kernels of Xen's own makes (XenLinux 2.4 and 2.6) take events as they come, count the ticks that have gone by since the last
 * one, and do the work of all of these in it (do_timer_interrupt, arch/xen/i386/kernel/time.c): at their 100 Hz (HZ, include/asm-xen/asm-i386/param.h,
 * 2.6.11; CONFIG_HZ, buildconfigs/linux-defconfig_xen0_x86_32, up to Xen 3.1) that is one. Kernels with clock events ask for
 * each event (xen_vcpuop_set_next_event, arch/x86/xen/time.c). What the timer of Xen 1.x sends is one bit for each domain (_EVENT_TIMER,
 * mark_guest_event in common/schedule.c), so that one that waits for a processor finds one event, however long it has waited; what its
 * handler does for each tick that it has missed is taken to be part of the work of one. That later ones send an event to a domain which has
 * missed a tick as soon as it is put on a processor is not counted.
 */
function timerEvents({ timerMs }: Settings, { dynamicTicks, hz }: KernelVersion): TimerEvents {
  if (timerMs > 0) return { to: "all", everyUs: 1000 * timerMs };
  return { to: "running", everyUs: dynamicTicks ? SECOND_US / hz : TIMER_US };
}

function isFromLinux26(profile: MachineProfile): boolean {
  return profile.kernel === "linux-6.1" || kernelVersion(profile).isLinux26;
}

/**
 * A frame with one word more (Barham 2003, section 2.1.2; TBF_EXCEPTION_CR2 of Xen 2.0); since Xen 3.0 the page that is shared, which
 * kernels from Linux 2.6 on read (arch.cr2 of vcpu_info, xen/interface/arch-x86/xen.h).
 */
function addressPlace(profile: MachineProfile): string {
  return isFromLinux26(profile)
    ? "the page it shares with the hypervisor, which has read CR2"
    : "a word more in the frame from the hypervisor, which has read CR2";
}

export const paravirtual = definePart<"cpu", { [K in keyof Settings]: Settings[K] }>({
  slot: "cpu",
  name: "paravirtual",
  summary: "guest kernel in ring 1, aware of the hypervisor",
  parameters: {
    timerMs: {
      summary: "Time between timer events of all domains, which wake those that are blocked; 0: only who runs gets any",
      default: 0,
      unit: "ms",
      min: 0,
      source: "Xen interface manual 2.0 and 3.0: the periodic timer event is sent to the running domain",
    },
    fastSystemCalls: {
      summary:
        "user code enters the guest kernel's handler of system calls without the hypervisor, where that may be (IA-32)",
      default: true,
      source: "Barham 2003, section 2.1.2; set_fast_trap in the interface manual of Xen 2.0",
    },
  },
  needs: [
    ...KERNEL_ENTRY_COSTS,
    ...KERNEL_CODE_COSTS,
    "hardware.exception",
    "hardware.tlb-flush",
    "xen.fast-system-call",
    "xen.forward-exception",
    "xen.event-upcall",
    "xen.flag-write",
    "xen.switch-task",
    "xen.hypercall",
  ],
  problem: timerProblem,
  // x86-64 has no segment limits, so that only pages protect the hypervisor, and those know two levels of privilege.
  kernelRing: { ia32: "1", "ia32-pae": "1", "x86-64": "3" },
  faultAddressIn: addressPlace,
  timerEvents,
  unsuited: ({ fastSystemCalls }, { pageTable }) =>
    fastSystemCalls || pageTable !== "x86-64"
      ? undefined
      : `every system call goes through the hypervisor on ${pageTable}; expected cpu.fastSystemCalls: on`,
  create: ({ fastSystemCalls }, context) => new Paravirtual(fastSystemCalls, context),
});
