/** The bare processor: the guest kernel runs in ring 0 and the hardware enters it directly. */
import { cause } from "../../core/ledger.ts";
import { FLAG_WRITE_COSTS, GUEST_KERNEL, kernelPaths, nativeFlagCycles } from "../../guest/kernel-paths.ts";
import type { KernelPages } from "../../guest/kernel-pages.ts";
import type { KernelPath } from "../../guest/kernel-paths.ts";
import { type FaultAddress, NO_PAGE } from "../../machine/fault-address.ts";
import type { Meter } from "../../machine/meter.ts";
import { primitiveCost } from "../../machine/profile.ts";
import type { MachineProfile } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { CpuContext, EntryReason, Instruction, KernelEntry, VirtualCpu } from "../monitor-contract.ts";

const SYSTEM_CALL = cause("hardware.system-call");
const INTERRUPT = cause("hardware.interrupt");
/** Of a fault of the guest, whether or not a VMM handles it. */
const TRAP = cause("hardware.trap");
const INSTRUCTION = cause("hardware.instruction");

/** What entering and leaving the kernel costs the hardware itself; every VMM pays it too, on its way in. */
export const KERNEL_ENTRY_COSTS = ["hardware.system-call", "hardware.interrupt", "hardware.trap"];
/** Native costs of the instructions that {@link kernelPaths} counts. */
export const KERNEL_CODE_COSTS = ["hardware.call-return", ...FLAG_WRITE_COSTS];

class BareCpu implements VirtualCpu {
  readonly #profile: MachineProfile;
  readonly #meter: Meter;
  readonly #kernelPages: KernelPages | undefined;
  readonly #faultAddress: FaultAddress;
  readonly #systemCall: number;
  readonly #interrupt: number;
  readonly #trap: number;
  readonly #exception: number;
  /** Cycles by number of path. */
  readonly #pathCycles: readonly number[];
  /** Address of the fault that an mmu part has been entered for. */
  #taken = NO_PAGE;

  constructor({ profile, meter, kernelPages, faultAddress }: CpuContext) {
    this.#profile = profile;
    this.#meter = meter;
    this.#kernelPages = kernelPages;
    this.#faultAddress = faultAddress;
    this.#systemCall = primitiveCost(profile, "hardware.system-call");
    this.#interrupt = primitiveCost(profile, "hardware.interrupt");
    this.#trap = primitiveCost(profile, "hardware.trap");
    this.#exception = primitiveCost(profile, "hardware.exception");
    this.#pathCycles = kernelPathCycles(profile, (path) => nativeFlagCycles(path, profile));
  }

  /** The cost is that of the round trip. A page fault's has been charged where the hardware raised it. */
  enterKernel(entry: KernelEntry): void {
    if (entry === "system-call") this.#meter.spend(SYSTEM_CALL, this.#systemCall);
    else if (entry === "interrupt") this.#meter.spend(INTERRUPT, this.#interrupt);
    else if (entry === "exception") this.#meter.spend(TRAP, this.#exception);
  }

  readFaultAddress(): number {
    return this.#faultAddress.page;
  }

  leaveKernel(): void {}

  switchTask(): void {}

  execute(instruction: Instruction): void {
    this.#meter.spend(INSTRUCTION, primitiveCost(this.#profile, `hardware.${instruction}`));
  }

  runKernel(path: KernelPath, times: number): void {
    if (times === 0) return;
    this.#kernelPages?.run(path, times);
    this.#meter.spendMany(GUEST_KERNEL, times, this.#pathCycles[path.id]);
  }

  /** An mmu part that intercepts is entered for the price of the fault alone: what it does is seen apart from the way to it. */
  enter(reason: EntryReason, page = NO_PAGE): void {
    this.#taken = page;
    if (reason === "page-fault") this.#meter.spend(TRAP, this.#trap);
  }

  forwardFault(): void {
    this.#faultAddress.page = this.#taken;
  }

  tracedWrite(): boolean {
    this.enter("page-fault");
    return true;
  }
}

/** Cycles of the kernel's own code, by number of path, given what a path's writes of the interrupt flag cost there. */
export function kernelPathCycles(profile: MachineProfile, flagCycles: (path: KernelPath) => number): number[] {
  const callReturn = primitiveCost(profile, "hardware.call-return");
  return Object.values(kernelPaths(profile)).map((path) => path.cycles + path.calls * callReturn + flagCycles(path));
}

export const bareCpu = definePart({
  slot: "cpu",
  name: "bare",
  summary: "bare processor: the guest kernel has it to itself",
  parameters: {},
  needs: [...KERNEL_ENTRY_COSTS, ...KERNEL_CODE_COSTS, "hardware.exception"],
  isBare: true,
  kernelRing: { ia32: "0", "ia32-pae": "0", "x86-64": "0" },
  faultAddressIn: () => "CR2",
  create: (_, context) => new BareCpu(context),
});
