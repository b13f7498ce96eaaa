/**
 * Hardware-assisted virtualization, first generation (VT-x, SVM): the guest runs in a mode of its own in which its kernel is
 * in ring 0, and leaves it (an exit) only for what the VMM intercepts (Adams and Agesen 2006, section 4). System calls,
 * exceptions other than page faults, calls and flag writes are the hardware's own business. Port I/O, CPUID and external
 * interrupts exit always; page faults, CR3 writes and invalidations if the mmu part has to see them.
 *
 * An exit is the way out, the way back, reads of the control block to find out what happened, and the VMM's dispatch. On
 * processors without address-space tags both ways empty the TLB.
 */
import { cause, event } from "../../core/ledger.ts";
import { GUEST_KERNEL, nativeFlagCycles } from "../../guest/kernel-paths.ts";
import type { KernelPages } from "../../guest/kernel-pages.ts";
import type { KernelPath } from "../../guest/kernel-paths.ts";
import { type FaultAddress, NO_PAGE } from "../../machine/fault-address.ts";
import type { Meter } from "../../machine/meter.ts";
import { primitiveCost } from "../../machine/profile.ts";
import type { MachineProfile } from "../../machine/profile.ts";
import type { Tlb } from "../../machine/tlb.ts";
import { definePart } from "../contract.ts";
import type { CpuContext, EntryReason, Instruction, KernelEntry, VirtualCpu } from "../monitor-contract.ts";
import { KERNEL_CODE_COSTS, KERNEL_ENTRY_COSTS, kernelPathCycles } from "./bare.ts";
import { UserSpaceDevices } from "./user-space-devices.ts";

const SYSTEM_CALL = cause("hardware.system-call");
const INTERRUPT = cause("hardware.interrupt");
const TRAP = cause("hardware.trap");
const INSTRUCTION = cause("hardware.instruction");
/** The hardware's part of exits, and the software's. */
const WORLD_SWITCH = cause("vmm.exit.world-switch");
const CONTROL_BLOCK = cause("vmm.exit.control-block");
const DISPATCH = cause("vmm.exit.dispatch");
const CPUID = cause("vmm.exit.cpuid");
const EXITS = event("exits");
const INSN_EMULATION = event("insn_emulation");
const PORT = cause("vmm.exit.port-access");

/** Fields written to have an event delivered at the next entry: what kind it is, and the error code of a fault. */
const WRITES_TO_INJECT = { interrupt: 1, fault: 2 } as const;

interface Settings {
  readonly readsPerExit: number;
  readonly priorityShadow: boolean;
  readonly taggedTlb: boolean;
  readonly exitCycles: number;
  readonly userSpaceDevices: boolean;
}

class HardwareAssist implements VirtualCpu {
  readonly #profile: MachineProfile;
  readonly #meter: Meter;
  readonly #kernelPages: KernelPages | undefined;
  readonly #tlb: Tlb;
  readonly #faultAddress: FaultAddress;
  readonly #settings: Settings;
  readonly #costs: ReturnType<typeof exitCosts>;
  readonly #pathCycles: readonly number[];
  /** Made for the first access: not every machine that a guest runs on knows what one takes. */
  #userSpaceDevices: UserSpaceDevices | undefined;
  /** Of a page fault that exits: the address is in the control block alone (exit qualification, EXITINFO2). */
  #exitAddress = NO_PAGE;

  constructor(settings: Settings, { profile, meter, tlb, kernelPages, faultAddress }: CpuContext) {
    this.#profile = profile;
    this.#meter = meter;
    this.#kernelPages = kernelPages;
    this.#tlb = tlb;
    this.#faultAddress = faultAddress;
    this.#settings = settings;
    this.#costs = exitCosts(profile, settings.exitCycles);
    this.#pathCycles = kernelPathCycles(profile, (path) => nativeFlagCycles(path, profile));
  }

  /**
   * An external interrupt is the host's; the guest gets one of its own afterwards. If the guest has halted, HLT was that exit:
   * the interrupt finds the processor out of the guest, and one exit is charged for both.
   */
  enterKernel(entry: KernelEntry): void {
    if (entry === "system-call") this.#meter.spend(SYSTEM_CALL, this.#costs.systemCall);
    else if (entry === "exception") this.#meter.spend(TRAP, this.#costs.exception);
    else if (entry === "interrupt") {
      this.enter();
      this.#inject(WRITES_TO_INJECT.interrupt);
      this.#meter.spend(INTERRUPT, this.#costs.interrupt);
    }
  }

  readFaultAddress(): number {
    return this.#faultAddress.page;
  }

  leaveKernel(): void {}

  switchTask(): void {}

  execute(instruction: Instruction): void {
    const isPort = instruction === "port-input" || instruction === "port-output";
    if (isPort && this.#settings.userSpaceDevices) {
      this.enter();
      this.#userSpaceDevices ??= new UserSpaceDevices(this.#profile, this.#meter);
      this.#userSpaceDevices.access();
    } else if (isPort || (instruction === "task-priority" && !this.#settings.priorityShadow)) {
      // The interrupt controller, which has the priority, is the VMM's own in any case.
      this.enter("device-register");
    } else if (instruction === "cpuid") {
      this.enter();
      // Skipped by decoding it, where the processor does not say how long it is (skip_emulated_instruction, svm.c).
      this.#meter.count(INSN_EMULATION);
      this.#meter.spend(CPUID, primitiveCost(this.#profile, "hardware-assist.cpuid"));
    } else if (instruction === "task-priority") {
      this.#meter.spend(INSTRUCTION, primitiveCost(this.#profile, "hardware-assist.task-priority"));
    } else this.#meter.spend(INSTRUCTION, primitiveCost(this.#profile, `hardware.${instruction}`));
  }

  runKernel(path: KernelPath, times: number): void {
    if (times === 0) return;
    this.#kernelPages?.run(path, times);
    this.#meter.spendMany(GUEST_KERNEL, times, this.#pathCycles[path.id]);
  }

  /**
   * All reasons are exits of the same kind; an access to a device has to be decoded besides. A page fault that exits is not
   * delivered, so that no trap is charged.
   */
  enter(reason?: EntryReason, page = NO_PAGE): void {
    this.#exitAddress = page;
    this.#meter.count(EXITS);
    this.#meter.spend(WORLD_SWITCH, this.#costs.worldSwitch);
    this.#meter.spendMany(CONTROL_BLOCK, this.#settings.readsPerExit, this.#costs.read);
    this.#meter.spend(DISPATCH, this.#costs.dispatch);
    if (!this.#settings.taggedTlb) this.#tlb.flushAll();
    if (reason === "device-register") this.#meter.spend(PORT, this.#costs.portAccess);
  }

  /** Delivered at an entry, a fault brings no address with it: the VMM loads the guest's CR2 before. */
  forwardFault(): void {
    this.#faultAddress.page = this.#exitAddress;
    this.#inject(WRITES_TO_INJECT.fault);
    this.#meter.spend(TRAP, this.#costs.trap);
  }

  /** The hardware runs the guest kernel's code as it is: there is no call to put in its place. */
  tracedWrite(): boolean {
    this.enter();
    return true;
  }

  #inject(writes: number): void {
    this.#meter.spendMany(CONTROL_BLOCK, writes, this.#costs.write);
  }
}

/** `exitCycles`: the round trip, if it is not to be that of the profile (0). */
function exitCosts(profile: MachineProfile, exitCycles: number) {
  const own = (name: string): number => primitiveCost(profile, `hardware-assist.${name}`);
  return {
    systemCall: primitiveCost(profile, "hardware.system-call"),
    interrupt: primitiveCost(profile, "hardware.interrupt"),
    trap: primitiveCost(profile, "hardware.trap"),
    worldSwitch: exitCycles === 0 ? own("exit") + own("entry") : exitCycles,
    read: own("control-block-read"),
    write: own("control-block-write"),
    dispatch: own("dispatch"),
    portAccess: own("port-access"),
    exception: own("exception"),
  };
}

export const hardwareAssist = definePart<"cpu", { [K in keyof Settings]: Settings[K] }>({
  slot: "cpu",
  name: "hardware-assist",
  summary: "guest mode of the processor, left for what the VMM intercepts",
  parameters: {
    readsPerExit: {
      summary: "reads of the control block to handle an exit",
      default: 10,
      unit: "reads",
      min: 0,
      source: "Adams and Agesen 2006, section 6.3: a typical exit needs ten",
    },
    priorityShadow: {
      summary: "the hardware keeps the task priority for the guest: writes do not exit",
      default: true,
      source: "Adams and Agesen 2006, nanobenchmark cr8wr: no exit",
    },
    taggedTlb: {
      summary: "TLB entries carry the guest's number and stay over exits (VPID, ASID)",
      default: false,
      source: "Intel processors before Nehalem have no VPID (Intel SDM vol. 3, 28.1)",
    },
    exitCycles: {
      summary:
        "the processor's way out of the guest and back in, of another generation; 0: that of the machine profile",
      default: 0,
      unit: "cycles",
      min: 0,
      source:
        "Agesen et al. 2012, Table 1 (from memory, medium confidence): Prescott 3963, Merom 1579, Penryn 1266, Nehalem 1009, Westmere 761, Sandy Bridge 784",
    },
    userSpaceDevices: {
      summary: "what answers at an I/O port is emulated by a process of the host, not by the VMM",
      default: false,
      source:
        "Linux, Documentation/virt/kvm/api.rst: KVM_RUN returns with KVM_EXIT_IO for the process to do the access",
    },
  },
  needs: [
    ...KERNEL_ENTRY_COSTS,
    ...KERNEL_CODE_COSTS,
    "hardware-assist.exit",
    "hardware-assist.entry",
    "hardware-assist.exception",
    "hardware-assist.control-block-read",
    "hardware-assist.control-block-write",
    "hardware-assist.dispatch",
    "hardware-assist.port-access",
  ],
  kernelRing: { ia32: "0, guest mode", "ia32-pae": "0, guest mode", "x86-64": "0, guest mode" },
  faultAddressIn: () => "CR2, without an exit",
  create: (settings, context) => new HardwareAssist(settings, context),
});
