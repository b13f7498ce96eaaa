/**
 * User-Mode Linux with separate kernel address space (skas): the guest kernel is a process of a host Linux, and all of its
 * processes run in one other process of the host, which it traces (Dike 2001; Dike's patch skas3 for the host; arch/um
 * as Linux 2.5.59 had taken it over from 2.4 for um in February 2003, kernel/skas/process.c).
 *
 * What the traced process does stops it, and the host goes on with the one that is the guest kernel. For a system call there
 * are two stops: at its entry the guest kernel puts getpid in its place, and lets it run to its end. Each stop and each step
 * on is a switch between processes with different page tables, and every register is moved by a system call of its own.
 *
 * The guest kernel runs as any process does. Its interrupts are signals, and its interrupt flag is its signal mask, for which
 * it calls the host each time. An interrupt is taken to find the guest kernel at work or idle.
 */
import { cause } from "../../core/ledger.ts";
import { ImpossibleInstruction } from "../../guest/impossible-instruction.ts";
import type { KernelPages } from "../../guest/kernel-pages.ts";
import { GUEST_KERNEL, type KernelPath, type KernelPathName, kernelPaths } from "../../guest/kernel-paths.ts";
import { type FaultAddress, NO_PAGE } from "../../machine/fault-address.ts";
import type { Meter } from "../../machine/meter.ts";
import { type MachineProfile, primitiveCost } from "../../machine/profile.ts";
import type { Tlb } from "../../machine/tlb.ts";
import { definePart } from "../contract.ts";
import { hostCall, hostMaskCall, hostSignal, hostSwitch } from "./host-calls.ts";
import { MASK_CALLS_OF_INTERRUPT, MASK_CALLS_OF_SIGNAL } from "../io/sigio.ts";
import type { CpuContext, EntryReason, Instruction, KernelEntry, VirtualCpu } from "../monitor-contract.ts";
import { KERNEL_CODE_COSTS, KERNEL_ENTRY_COSTS, kernelPathCycles } from "./bare.ts";

const SYSTEM_CALL = cause("hardware.system-call");
const INTERRUPT = cause("hardware.interrupt");
const TRAP = cause("hardware.trap");
const INSTRUCTION = cause("hardware.instruction");
const STOP = cause("vmm.tracing.stop");
const SWITCH = cause("vmm.tracing.switch");
const PTRACE = cause("vmm.tracing.ptrace");
const SIGNAL = cause("vmm.tracing.signal");
const SIGNAL_MASK = cause("vmm.tracing.signal-mask");
const CALL = cause("vmm.tracing.host-call");

/** SIGSEGV; the handler of a fault of the guest kernel's own finds no mapping for it and panics (segv, arch/um/kernel/trap_kern.c). */
const UNPRIVILEGED =
  "the guest's kernel is a process of the host, which may neither access I/O ports nor write CR8: the fault is a signal, and it stops";

/** What happens between the traced process and the first instruction of the guest kernel's handler. */
interface Way {
  readonly stops: number;
  readonly switches: number;
  /** System calls of the guest kernel's process for it. */
  readonly calls: number;
}

type PathNumbers = Partial<Readonly<Record<KernelPathName, number>>>;

/** GETREGS, GETFPXREGS, POKEUSR, SYSCALL, wait4: up to the second stop, that at the end of getpid. */
const SYSTEM_CALL_WAY: Way = { stops: 2, switches: 3, calls: 5 };
/** GETREGS, GETFPXREGS, FAULTINFO. */
const FAULT_WAY: Way = { stops: 1, switches: 1, calls: 3 };
/** GETREGS, GETFPXREGS. */
const EXCEPTION_WAY: Way = { stops: 1, switches: 1, calls: 2 };
/** SETREGS, SETFPXREGS, SYSCALL, wait4. */
const WAY_BACK: Way = { stops: 0, switches: 1, calls: 4 };
/**
 * Host calls for the signal mask, by what writes the interrupt flag on IA-32: cli and sti block or unblock signals, one call
 * each. What saves the flag before it clears it asks for the mask first, and what restores it unblocks some signals and blocks
 * the others, two calls each (include/asm-um/system-generic.h, arch/um/kernel/signal_user.c).
 */
function maskCallsOf({ name, cli, sti, popf }: KernelPath): number {
  if (name === "interrupt") return MASK_CALLS_OF_INTERRUPT;
  const saved = popf;
  return 2 * saved + 2 * popf + (cli - saved) + sti - (FAULT_STI[name] ?? 0);
}
/** Faults, whose handlers begin with sti on IA-32 (arch/i386/mm/fault.c). There is no like of it in arch/um. */
const FAULT_STI: PathNumbers = { "page-fault": 1, "copy-on-write": 1, "file-fault": 1, "protection-fault": 1 };
/**
 * Calls of a path besides: the floating-point registers of a signal's frame, there and back (skas/sys-i386/sigcontext.c). A copy
 * from or to a process asks the host for nothing, nor does a switch of the guest kernel's threads: setjmp and longjmp leave the
 * signal mask alone. That they keep it (sigsetjmp) is a change of 2004.
 */
const PTRACE_CALLS: PathNumbers = { "signal-handle": 2, "protection-fault": 2 };

class ProcessTracing implements VirtualCpu {
  readonly #profile: MachineProfile;
  readonly #meter: Meter;
  readonly #kernelPages: KernelPages | undefined;
  readonly #tlb: Tlb;
  readonly #faultAddress: FaultAddress;
  readonly #costs: ReturnType<typeof processCosts>;
  readonly #pathCycles: readonly number[];
  /** Host calls for the signal mask, and for the registers of the traced process, by number of path. */
  readonly #maskCalls: readonly number[];
  readonly #ptraceCalls: readonly number[];
  /** What the host has kept of a fault that is a signal, and FAULTINFO has asked for. */
  #guestFaultAddress = NO_PAGE;

  constructor({ profile, meter, tlb, kernelPages, faultAddress }: CpuContext) {
    this.#profile = profile;
    this.#meter = meter;
    this.#kernelPages = kernelPages;
    this.#tlb = tlb;
    this.#faultAddress = faultAddress;
    this.#costs = processCosts(profile);
    this.#pathCycles = kernelPathCycles(profile, () => 0);
    const paths = Object.values(kernelPaths(profile));
    this.#maskCalls = paths.map(maskCallsOf);
    this.#ptraceCalls = paths.map(({ name }) => PTRACE_CALLS[name] ?? 0);
  }

  enterKernel(entry: KernelEntry): void {
    if (entry === "system-call") {
      this.#meter.spend(SYSTEM_CALL, this.#costs.systemCall);
      this.#go(SYSTEM_CALL_WAY);
    } else if (entry === "page-fault") {
      this.#guestFaultAddress = this.#faultAddress.page;
      this.#go(FAULT_WAY);
    } else if (entry === "exception") {
      this.#meter.spend(TRAP, this.#costs.exception);
      this.#go(EXCEPTION_WAY);
    } else {
      this.#meter.spend(INTERRUPT, this.#costs.interrupt);
      this.#meter.spend(SIGNAL, this.#costs.signal);
      this.#meter.spendMany(SIGNAL_MASK, MASK_CALLS_OF_SIGNAL, this.#costs.maskCall);
    }
  }

  readFaultAddress(): number {
    return this.#guestFaultAddress;
  }

  leaveKernel(entry: KernelEntry): void {
    if (entry !== "interrupt") this.#go(WAY_BACK);
  }

  #go({ stops, switches, calls }: Way): void {
    if (stops > 0) this.#meter.spendMany(STOP, stops, this.#costs.stop);
    this.#meter.spendMany(PTRACE, calls, this.#costs.call);
    this.#meter.spendMany(SWITCH, switches, this.#costs.switch);
    this.#tlb.flush();
    this.#tlb.forgetWalks();
  }

  switchTask(): void {}

  execute(instruction: Instruction): void {
    // What is not privileged runs as it does natively.
    const free = instruction === "call-return" || instruction === "cpuid" || instruction === "segment-load";
    // arch/um has its own delivery of signals, which leaves the debug registers alone (kernel/signal_kern.c).
    if (instruction === "debug-register") return;
    if (!free) throw new ImpossibleInstruction(UNPRIVILEGED);
    this.#meter.spend(INSTRUCTION, primitiveCost(this.#profile, `hardware.${instruction}`));
  }

  runKernel(path: KernelPath, times: number): void {
    if (times === 0) return;
    this.#kernelPages?.run(path, times);
    this.#meter.spendMany(GUEST_KERNEL, times, this.#pathCycles[path.id]);
    const maskCalls = times * this.#maskCalls[path.id];
    if (maskCalls > 0) this.#meter.spendMany(SIGNAL_MASK, maskCalls, this.#costs.maskCall);
    const ptraceCalls = times * this.#ptraceCalls[path.id];
    if (ptraceCalls > 0) this.#meter.spendMany(PTRACE, ptraceCalls, this.#costs.call);
  }

  enter(reason: EntryReason, page = NO_PAGE): void {
    if (reason === "page-fault") {
      this.#faultAddress.page = page;
      this.#meter.spend(TRAP, this.#costs.trap);
    } else this.#meter.spend(CALL, this.#costs.call);
  }

  forwardFault(): void {}

  tracedWrite(): boolean {
    this.enter("page-fault");
    return true;
  }
}

function processCosts(profile: MachineProfile) {
  return {
    systemCall: primitiveCost(profile, "hardware.system-call"),
    interrupt: primitiveCost(profile, "hardware.interrupt"),
    trap: primitiveCost(profile, "hardware.trap"),
    exception: primitiveCost(profile, "hardware.exception"),
    stop: primitiveCost(profile, "uml.stop"),
    call: hostCall(profile),
    maskCall: hostMaskCall(profile),
    switch: hostSwitch(profile),
    signal: hostSignal(profile),
  };
}

export const processTracing = definePart({
  slot: "cpu",
  name: "process-tracing",
  summary: "guest kernel is a process of a host Linux and traces another, in which its own processes run",
  parameters: {},
  needs: [...KERNEL_ENTRY_COSTS, ...KERNEL_CODE_COSTS, "hardware.exception", "hardware.tlb-flush", "uml.stop"],
  kernelRing: { ia32: "3", "ia32-pae": "3", "x86-64": "3" },
  faultAddressIn: () => "what it has asked its host of the fault (ptrace, FAULTINFO)",
  create: (_, context) => new ProcessTracing(context),
});
