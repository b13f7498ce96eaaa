/** Contracts of the parts that act at host resolution: many guests, every page. */
import type { RandomStream } from "../core/random.ts";
import type { CompressedSizes } from "../machine/compressed-sizes.ts";
import type { MachineProfile } from "../machine/profile.ts";
import type { HostMemory } from "./host-memory.ts";
import type { VmMemory } from "./vm-memory.ts";
import type { MemorySettings } from "../workload/vm-settings.ts";

/** What a part is given when the host is put together. */
export interface HostContext {
  readonly profile: MachineProfile;
  readonly memory: HostMemory;
  readonly compressedSizes: CompressedSizes;
  /** The memory mechanisms of this VMM, in order of preference; complete once all parts have been created. */
  readonly mechanisms: readonly MemoryMechanism[];
  /** A random stream of this part's own. */
  random(name: string): RandomStream;
}

/** A way to get memory out of VMs. */
export interface MemoryMechanism {
  readonly name: string;
  /** Backing takes nothing, sharing costs a VM nothing, compression a little; a cooperative mechanism asks it, a forced one takes. */
  readonly kind: "backing" | "sharing" | "compressing" | "cooperative" | "forced";
  /** Simulated time between two calls of {@link work}; 0: there is no background work. */
  readonly periodUs: number;
  /** One period's background work. */
  work(): void;
  /**
   * Free up to `pages` frames of a VM's at once; returns how many it was. Backing, sharing and compression free none on demand, and a cooperative
   * mechanism is asked only while the host is being built, when the time it takes does not matter.
   */
  reclaim(vm: VmMemory, pages: number): number;
}

/** A VM before it starts. */
export interface VmRequest {
  /** Configured memory, pages. */
  readonly pages: number;
  readonly settings?: MemorySettings | undefined;
}

/** Who gets how much memory. */
export interface Allocation {
  readonly name: string;
  /** VM memory is backed by frames when the VM is built, and not only when it is used. */
  readonly populates: boolean;
  /** Simulated time between two calls of {@link rebalance}. */
  readonly periodUs: number;
  /**
   * Admission control: machine memory each VM starts with, in pages, for the VMs that start. What a VM has less than
   * configured is in its balloon from the start. `free`: frames for VMs; what the VMM keeps for itself is not among them.
   */
  admit(requests: readonly VmRequest[], free: number): readonly number[];
  /** Set each VM's target and start what reclaim the state of memory calls for. Also called when the alarm is raised. */
  rebalance(nowUs: number): void;
}

/** Who runs. The caller keeps track of who runs where; a vCPU that runs is not in the scheduler's queues. */
export interface Scheduler {
  readonly name: string;
  /** Longest time a vCPU runs before the next decision, in cycles. */
  readonly sliceCycles: number;
  /** Period of {@link tick} in cycles; 0: no ticks. */
  readonly tickCycles: number;
  /** A new vCPU, numbered from 0; `share` times the CPU time of a vCPU with share 1, when they compete. */
  add(share: number): void;
  /** A vCPU is ready to run; `woken`: it had nothing to do until now. */
  ready(vcpu: number, woken: boolean): void;
  /** Take the vCPU that runs next out of the queues; -1: nobody is ready. */
  pick(): number;
  /** A vCPU has run for `cycles`. */
  ran(vcpu: number, cycles: number): void;
  /** Whether a vCPU that has just become ready takes the place of one that runs. */
  preempts(ready: number, running: number): boolean;
  /** A tick on a CPU that runs `running`. Returns whether that vCPU must give way now. */
  tick(running: number): boolean;
  /** Once a {@link tickCycles}, after the ticks of all CPUs. */
  account(): void;
}
