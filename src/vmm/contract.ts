/**
 * What a VMM is made of: one part per slot. A VMM file composes parts and nothing else; a part is a file that says as
 * data what parameters it takes and what it needs, so that ablations, validation and the reference docs need no code.
 */
import { InputError } from "../core/input-error.ts";
import type { KernelMapping } from "../guest/kernel-pages.ts";
import type { KernelVersion } from "../guest/kernel-version.ts";
import { MIB_PER_GIB, PAGES_PER_MIB } from "../machine/page.ts";
import type { KernelName, MachineProfile, PageTableFormatName } from "../machine/profile.ts";
import type {
  Allocation,
  ConsoleSettings,
  DeviceQueue,
  HostContext,
  MemoryMechanism,
  Scheduler,
} from "./host-contract.ts";
import type { CpuContext, IoPath, Mmu, MonitorContext, VirtualCpu } from "./monitor-contract.ts";
import { definitionProblem } from "./definition-problem.ts";
import type { EVIDENCE_GRADES } from "./part-parameter.ts";
import type { MEMORY_STAGES } from "./slots.ts";

export { MEMORY_STAGES, SLOTS } from "./slots.ts";

/** What each slot's `create` receives and gives. Monitor resolution: cpu, mmu, disk, network; host resolution: the rest. */
export interface Slots {
  cpu: { context: CpuContext; instance: VirtualCpu };
  mmu: { context: MonitorContext; instance: Mmu };
  disk: { context: MonitorContext; instance: IoPath };
  network: { context: MonitorContext; instance: IoPath };
  memory: { context: HostContext; instance: MemoryMechanism };
  allocation: { context: HostContext; instance: Allocation };
  scheduler: { context: HostContext; instance: Scheduler };
}
export type Slot = keyof Slots;
/** Those that take part in the simulation of one guest, every trap; many guests on a host need all. */
export const MONITOR_SLOTS: readonly Slot[] = ["cpu", "mmu", "disk", "network"];

export type MemoryStage = (typeof MEMORY_STAGES)[number];

/** One parameter of a part, with its default and where the default comes from. */
export interface Parameter<T extends number | boolean = number | boolean> {
  readonly summary: string;
  readonly default: T;
  /** Unit of a number: "pages/s", "%", "ms", "1" for a plain ratio. */
  readonly unit?: string;
  readonly min?: number;
  readonly max?: number;
  /** The only numbers that it can be. */
  readonly choices?: readonly number[];
  readonly source?: string;
  /** How well the default is known; absent where `source` says it in words. */
  readonly grade?: EvidenceGrade;
}

export type EvidenceGrade = (typeof EVIDENCE_GRADES)[number];

/** Privilege ring that the guest kernel's code runs in; in guest mode (VT-x, AMD-V) the VMM has a ring 0 of its own. */
export type KernelRing = "0" | "1" | "3" | "0, guest mode";

export type Parameters = Record<string, number | boolean>;

export interface PartDefinition<S extends Slot = Slot, P extends Parameters = Parameters> {
  readonly slot: S;
  /** Memory parts: when their turn comes. Absent: after all others. */
  readonly stage?: MemoryStage;
  /** Name in matrix files: `memory.page-sharing`. */
  readonly name: string;
  readonly summary: string;
  /** What a VMM has only one of, where its slot holds several parts: `page sharing`. Switched on, a part takes the other's place. */
  readonly role?: string;
  readonly parameters: { readonly [K in keyof P]: Parameter<P[K]> };
  /** Primitive costs the machine profile must give; a profile without one of them rejects the cell with that reason. */
  readonly needs?: readonly string[];
  /** Schedulers: what they heed of a guest's CPU entitlement besides its shares. A guest with more rejects the cell. */
  readonly honoursCpuSettings?: readonly ("reservation" | "limit")[];
  /** Schedulers: the service console that runs beside the VMs; undefined: there is none. */
  consoleOf?(parameters: P): ConsoleSettings | undefined;
  /**
   * Schedulers: it is that of the host's kernel, whose processes the guests are, or their VMMs. A machine with another kernel
   * rejects the cell.
   */
  readonly ofKernel?: KernelName;
  /** Memory and allocation parts: name or role of the memory part without which it does nothing; a VMM without it rejects the cell. */
  readonly requiresPart?: string;
  /** Allocation parts: names or roles of the memory parts that show it what it decides by; a VMM without one rejects the cell. */
  readonly signalsFrom?: readonly string[];
  /** Memory parts: it shares pages, and somebody outside can say how fast it scans (`tune` and `speed` of a PageSharer). */
  readonly isTunable?: true;
  /**
   * Memory and allocation parts: it tells page sharing how fast to scan; a VMM without any that is tunable, or where two tell it,
   * rejects the cell.
   */
  readonly tunesSharing?: true;
  /** Allocation parts: it takes, moves and shares pages itself; a VMM with memory mechanisms besides rejects the cell. */
  readonly replacesMemoryParts?: true;
  /** Allocation parts: it heeds what is set for the memory of single VMs, or their shares alone. */
  readonly honoursMemorySettings?: true | "shares";
  /** What is wrong with parameters that are each right by themselves; undefined: nothing. */
  problem?(parameters: P): string | undefined;
  /** CPU and MMU parts: why it cannot be on a machine, or have these parameters there; that rejects the cell. Absent: it always can. */
  unsuited?(parameters: P, profile: MachineProfile): string | undefined;
  /** CPU parts: there is no VMM, so that guests which a kernel schedules have that kernel in common. */
  readonly isBare?: true;
  /** CPU parts: where the guest kernel runs, for explanations; no cost depends on it. */
  readonly kernelRing?: Readonly<Record<PageTableFormatName, KernelRing>>;
  /** CPU parts: where the guest's handler of page faults finds their address, for explanations ("CR2"); no cost depends on it. */
  faultAddressIn?(profile: MachineProfile): string;
  /** CPU parts: the VMM's own timer events take the place of a device's interrupts. Absent: these come as the guest kernel asks for them. */
  timerEvents?(parameters: P, kernel: KernelVersion): TimerEvents;
  /** MMU parts: how the tables that the hardware walks map the guest kernel's own memory. */
  kernelMapping?(parameters: P): KernelMapping;
  /** MMU parts: why a guest cannot map memory by large pages. Absent: it can. */
  readonly smallPagesOnly?: string;
  /** Disk and network parts: the ring between guest and driver, for many guests on a host. Absent: requests go straight through. */
  queueOf?(parameters: P): DeviceQueue;
  /**
   * Disk and network parts: the switch that says that another processor than the guest's handles the devices' interrupts. Absent:
   * they are handled by the guest's, or by that of the driver domain.
   */
  readonly elsewhere?: keyof P & string;
  create(parameters: P, context: Slots[S]["context"]): Slots[S]["instance"];
}

/** Which vCPUs get periodic timer events: those that have a pCPU, or all at once; so many microseconds after the last. */
export interface TimerEvents {
  readonly to: "running" | "all";
  readonly everyUs: number;
}

/** What other parts call the memory part that is tunable, whatever its name: see `requiresPart` and `signalsFrom`. */
export const TUNABLE_SHARING = "tunable page sharing";

/** A part with its parameters: what a VMM holds in a slot. */
export interface Part<S extends Slot = Slot> {
  readonly definition: PartDefinition<S>;
  readonly parameters: Parameters;
}

/** A definition that is called to configure it: `pageSharing({ pagesPerSecond: 100 })`. */
export interface PartFactory<S extends Slot, P extends Parameters> {
  (parameters?: Partial<P>): Part<S>;
  readonly definition: PartDefinition<S, P>;
}

/**
 * Define a part. Defaults fill in what the caller leaves out. Throws an {@link InputError} when it is none: such a
 * module may be JavaScript, which no compiler has read.
 */
export function definePart<S extends Slot, P extends Parameters>(definition: PartDefinition<S, P>): PartFactory<S, P> {
  const problem = definitionProblem(definition);
  if (problem !== undefined) throw new InputError(problem);
  const defaults: Parameters = Object.fromEntries(
    Object.entries(definition.parameters).map(([key, value]) => [key, value.default]),
  );
  const configure = (parameters: Partial<P> = {}): Part<S> => ({
    definition,
    parameters: { ...defaults, ...(parameters as Parameters) },
  });
  return Object.assign(configure, { definition });
}

/** A VMM: the architecture table of a textbook. */
export interface Vmm {
  readonly name: string;
  /** How charts and tables call it. */
  readonly title: string;
  readonly summary: string;
  readonly cpu: Part<"cpu">;
  readonly mmu: Part<"mmu">;
  /** Mechanisms in order of preference. */
  readonly memory: readonly Part<"memory">[];
  readonly allocation: Part<"allocation">;
  readonly scheduler: Part<"scheduler">;
  readonly disk: Part<"disk">;
  readonly network: Part<"network">;
  /** Most guests it can run; bare metal runs one. Default: no limit of its own. */
  readonly maxGuests?: number;
  /** Machine cost of the control plane's work to start a VM while others run, done by the VM with the drivers. Absent: none. */
  readonly startCost?: string;
  /** Machine memory the VMM keeps for each guest (page tables, frame buffer, device state). */
  readonly overheadPerGuest: GuestOverhead;
}

/** So many MiB for each guest, and so many more for each GiB that it is configured with (default: none). */
export interface GuestOverhead {
  readonly mib: number;
  readonly mibPerGib?: number;
  readonly source: string;
}

/** Machine pages that the VMM keeps for a guest with `pages` of configured memory. */
export function overheadPages({ mib, mibPerGib = 0 }: GuestOverhead, pages: number): number {
  return Math.ceil(mib * PAGES_PER_MIB + (pages * mibPerGib) / MIB_PER_GIB);
}

export function defineVmm(vmm: Vmm): Vmm {
  return vmm;
}
