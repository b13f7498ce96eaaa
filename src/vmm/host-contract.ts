/** Contracts of the parts that act at host resolution: many guests, every page. */
import type { RandomStream } from "../core/random.ts";
import type { CompressedSizes } from "../machine/compressed-sizes.ts";
import type { MachineProfile } from "../machine/profile.ts";
import type { CpuEntitlement } from "../workload/compiled-workload.ts";
import type { HostMemory } from "./host-memory/host-memory.ts";
import type { VmMemory } from "./host-memory/vm-memory.ts";
import type { MemorySettings } from "../workload/vm-settings.ts";

/** What a part is given when the host is put together. */
export interface HostContext {
  readonly profile: MachineProfile;
  readonly memory: HostMemory;
  readonly compressedSizes: CompressedSizes;
  /** The memory mechanisms of this VMM, in order of preference; complete when the other parts are created. */
  readonly mechanisms: readonly MemoryMechanism[];
  /** A random stream of this part's own. */
  random(name: string): RandomStream;
}

/** Most that a guest may send: so many bytes in each period. */
export interface TransmitRate {
  readonly bytes: number;
  readonly periodUs: number;
}

/** Limits of what each VM sends: rates in kbit/s, the largest burst in kB, and packets that wait for their turn. */
export interface TrafficShaping {
  readonly averageKilobits: number;
  readonly peakKilobits: number;
  readonly burstKilobytes: number;
  readonly queuedPackets: number;
}

/** How VMs that compete for a disk get it by their shares. */
export interface DiskSharing {
  /** Commands at the device at once. */
  readonly outstanding: number;
  /** Commands of one VM in a row, where each goes on where the one before it ended. */
  readonly inRow: number;
  /** A command costs one unit, and another for so many pages. */
  readonly pagesPerUnit: number;
}

/** A volume of virtual disks that grow as they are written. */
export interface VolumeSettings {
  /** Otherwise every block is there from the beginning. */
  readonly thin: boolean;
  /** Pages by which a virtual disk grows. */
  readonly blockPages: number;
  /** A lock on disk is changed by one command; otherwise the whole disk is reserved for it. */
  readonly atomicTestAndSet: boolean;
  /** Locks that other hosts take or give back in a second. */
  readonly otherHostsPerSecond: number;
}

/** What a guest's requests go through on their way to a device. */
export interface DeviceQueue {
  /** Requests of one guest that may be under way; more wait in the guest. */
  readonly entries: number;
  /** Most pages of a disk request. */
  readonly pagesPerRequest: number;
  /** Requests that are taken from one guest before it is the next one's turn. */
  readonly inTurn: number;
  /** Requests of all guests that may be under way. */
  readonly underWay: number;
  /** Absent: as much as the device can. */
  readonly rate?: TransmitRate | undefined;
  /** Absent: a disk serves commands as they come. */
  readonly sharing?: DiskSharing | undefined;
  /** Ticks in a second of the Linux that has the disk's driver and the anticipatory I/O scheduler; absent: commands go as they come. */
  readonly anticipatoryHz?: number | undefined;
  /** Absent: every block of the virtual disks is there from the beginning. */
  readonly volume?: VolumeSettings | undefined;
  /** Absent: a VM may send as much as it likes. */
  readonly shaping?: TrafficShaping | undefined;
}

/** A way to get memory out of VMs. */
export interface MemoryMechanism {
  readonly name: string;
  /**
   * Backing takes nothing, sharing costs a VM nothing, tuning sets the speed of another, a guest reports what it has free, keeping
   * saves what it gives up itself, compression costs a little; a cooperative mechanism asks it, a forced one takes.
   */
  readonly kind: "backing" | "sharing" | "tuning" | "reporting" | "keeping" | "compressing" | "cooperative" | "forced";
  /** Simulated time between two calls of {@link work}; 0: there is no background work. */
  readonly periodUs: number;
  /** One period's background work. */
  work(): void;
  /**
   * Free up to `pages` frames of a VM's at once; returns how many it was. Only cooperative and forced mechanisms free any
   * on demand, and a cooperative mechanism is asked only while the host is being built, when the time it takes does not
   * matter.
   */
  reclaim(vm: VmMemory, pages: number): number;
  /**
   * VMs in the order in which a forced mechanism takes from them when the host is out of memory. Absent: whoever is furthest
   * above its target comes first.
   */
  order?(vms: readonly VmMemory[]): readonly VmMemory[];
}

/** A VM's memory and what has been set for it: before it starts a request, afterwards the VM itself. */
export interface VmRequest {
  /** Configured memory, pages. */
  readonly pages: number;
  readonly settings?: MemorySettings | undefined;
}

/** What comes of asking for memory for a VM that is to start while others run. */
export type StartAnswer =
  /** It starts with so many pages. */
  | { readonly kind: "granted"; readonly pages: number }
  /** Others are giving theirs up: ask again for the same VM after this time. */
  | { readonly kind: "wait"; readonly us: number }
  | { readonly kind: "refused"; readonly reason: string };

/** Who gets how much memory. */
export interface Allocation {
  readonly name: string;
  /** VM memory is backed by frames when the VM is built, and not only when it is used. */
  readonly populates: boolean;
  /** Its VMs have a balloon driver, if the VMM has balloons. Default: they have. */
  readonly balloons?: boolean;
  /** It says how fast pages are scanned for sharing, so that at the start its turn comes before the scanner's. Default: it does not. */
  readonly tunesSharing?: boolean;
  /** Simulated time between two calls of {@link rebalance}. */
  readonly periodUs: number;
  /** Name of the state that free memory is in, where what is done depends on such states. */
  readonly hostState?: string;
  /**
   * Admission control: machine memory each VM starts with, in pages, for the VMs that start. What a VM has less than
   * configured is in its balloon from the start. `free`: frames for VMs; what the VMM keeps for itself is not among them.
   */
  admit(requests: readonly VmRequest[], free: number): readonly number[];
  /** A VM is to start while others run. Called for one VM after the other, until it is granted memory or refused. */
  start(request: VmRequest, nowUs: number): StartAnswer;
  /** Set each VM's target and start what reclaim the state of memory calls for. `alarm`: it was raised since the last call. */
  rebalance(nowUs: number, alarm?: boolean): void;
}

/** A vCPU, as a scheduler is told of it. */
export interface VcpuSettings extends CpuEntitlement {
  /** It belongs to the VM with the drivers (dom0). */
  readonly drivers: boolean;
  /** Number of its VM, where that has several vCPUs; absent: it is the only one. */
  readonly vm?: number;
  /** The only pCPU that it may run on; absent: any. */
  readonly pinnedTo?: number;
}

/** A Linux system beside the VMs, from which the host is managed. */
export interface ConsoleSettings {
  /** Weight against a VM with shares of 1, and the least of pCPU 0 that it gets if it wants it, percent. */
  readonly shares: number;
  readonly reservationPercent: number;
  /** What its agents take of a pCPU, percent. */
  readonly loadPercent: number;
}

/**
 * Who runs where. The caller keeps track of who runs; a vCPU that runs is not in the scheduler's queues. Times are in
 * cycles since the start of the simulation, and `now` never decreases from call to call.
 */
export interface Scheduler {
  readonly name: string;
  /** Period of {@link tick} in cycles; 0: no ticks. */
  readonly tickCycles: number;
  /** What it costs the VMM to put the vCPU of another VM on a pCPU, in cycles; caches that have gone cold come on top. */
  readonly switchCycles: number;
  /**
   * How long the answer of the latest {@link pick} holds: then the vCPU must give way, or, if there was none, somebody may
   * have become eligible. Infinity: until somebody wakes up.
   */
  readonly until: number;
  /** A new vCPU, numbered from 0. */
  add(settings: VcpuSettings): void;
  /** A vCPU is ready to run; `woken`: it had nothing to do until now. */
  ready(vcpu: number, woken: boolean, now: number): void;
  /** Take the vCPU that runs next on a pCPU out of the queues; -1: nobody may run there. */
  pick(cpu: number, now: number): number;
  /** A vCPU has run for `cycles`. */
  ran(vcpu: number, cycles: number): void;
  /** When a vCPU that has just become ready takes the place of one that runs; Infinity: not before that one gives way. */
  preemptsAt(ready: number, running: number, now: number): number;
  /** A tick on a CPU that runs `running`. */
  tick(running: number): void;
  /** Once a {@link tickCycles}, after the ticks of all CPUs. */
  account(): void;
  /**
   * Present where vCPUs of a VM are kept together: until when one that runs may go on, whatever its slice. After every event
   * all pCPUs are looked at: those that run, and those that are idle.
   */
  readonly runsUntil?: ((running: number, now: number) => number) | undefined;
  /** After a tick: whether a vCPU that runs must give way now. */
  mustYield(running: number): boolean;
}
