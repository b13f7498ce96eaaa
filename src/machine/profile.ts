/**
 * A machine profile as the simulators use it: what each primitive event costs on a named machine. The YAML files under
 * `machines/` give every number with unit and source; here only the numbers are left, in cycles.
 */
import { InputError } from "../core/input-error.ts";
import type { CacheShape } from "./cache.ts";

export const KERNEL_NAMES = ["linux-2.4", "linux-6.1"] as const;
export type KernelName = (typeof KERNEL_NAMES)[number];
export type PageTableFormatName = "ia32" | "ia32-pae" | "x86-64";
/**
 * Kernels other than Linux 2.4 as it was released, each with the page tables that it is known with. They treat memory or waiting in
 * another way (kernel-version.ts); their paths are assumed to be as long as those of 2.4. Red Hat 6.2 has Linux 2.2, Fedora Core 5 has
 * 2.6.
 */
export const KERNEL_BUILDS = {
  "linux-2.6": ["ia32", "ia32-pae"],
  "fedora-core-5": ["ia32", "ia32-pae"],
  "redhat-6.2": ["ia32"],
  "rhel-3": ["x86-64"],
  "redhat-7.2": ["ia32"],
} as const satisfies Readonly<Record<string, readonly PageTableFormatName[]>>;
export type KernelBuild = keyof typeof KERNEL_BUILDS;

export interface DiskProfile {
  /** Mean over all pairs of places, half a turn included. */
  readonly positioningUs: number;
  /** From one end to the other, and pages of 4 KiB from there to there; absent: wherever to, it takes the mean. */
  readonly stroke?: { readonly positioningUs: number; readonly pages: number };
  readonly megabytesPerSecond: number;
  /** Of a disk that is done with a write when it has it: pages of 4 KiB, what a command takes, and the rate of its bus. */
  readonly writeCache?: { readonly pages: number; readonly commandUs: number; readonly megabytesPerSecond: number };
}

export interface TlbShape {
  readonly entries: number;
  readonly ways: number;
}

/** How a driver has an interface interrupt for packets that arrive. */
export interface InterruptModeration {
  /** Packets that arrive in a row before the interface interrupts. */
  readonly packetsPerInterrupt: number;
  /** The longest that it waits for them; without it, until so many have arrived. */
  readonly heldUs?: number;
  /** It doesn't interrupt as long as the kernel that has its driver takes packets from it (Linux, NAPI). */
  readonly polled?: boolean;
}

/** An interface that interrupts no sooner than an interval after it did last, whatever for (Intel 8254x: register ITR). */
export interface ThrottleTimes {
  readonly intervalUs: number;
  /** From a packet sent to the time at which its interface wants to say that it is gone (register TIDV). */
  readonly sentDelayUs: number;
}

export interface MachineProfile {
  readonly name: string;
  readonly title: string;
  /** What costs are counted in. A profile in instructions calls a million of them a microsecond's worth times {@link megahertz}. */
  readonly unit: "cycles" | "instructions";
  /** The guest kernel whose path lengths it gives. */
  readonly kernel: KernelName;
  /** Whose build of it; without it, the kernel as its developers released it. */
  readonly kernelBuild?: KernelBuild;
  /** The guest kernel is compiled for several processors and executes its locks (Linux 2.4 only). */
  readonly smpKernel?: true;
  readonly megahertz: number;
  /** Physical CPUs. */
  readonly cores: number;
  readonly pageTable: PageTableFormatName;
  readonly tlb: TlbShape;
  /** Of instructions; without it, what fetching the kernel's code misses is not counted. */
  readonly instructionTlb?: TlbShape;
  /** The second-level cache; without it, memory is as fast as the costs say wherever it lies. */
  readonly cache?: CacheShape;
  /** Upper-level entries that page walks are spared, on a machine that caches them: as many for the guest's tables as for nested ones. */
  readonly pageWalkCache?: { readonly entries: number };
  /** Translations of guest frames that a walk of nested tables is spared, on a machine with hardware-assisted paging. */
  readonly nestedTlb?: { readonly entries: number };
  /** One request takes positioning time (unless it continues the previous one) plus transfer time. */
  readonly disk: DiskProfile;
  readonly network: InterruptModeration & {
    /** Of all interfaces together. */
    readonly megabitsPerSecond: number;
    /** Alike, and used in turn. */
    readonly interfaces: number;
    /** From the end of a lone packet on the wire to its interrupt, the network between the machines included. */
    readonly delayUs: number;
    readonly throttle?: ThrottleTimes;
  };
  /** Primitive costs in cycles, integers, by dotted name: `hardware.trap`, `xen.hypercall`. */
  readonly costs: Readonly<Record<string, number>>;
  /** Native cycles of the guest kernel's own code, integers, by path: `fork`, `page-fault`; events are charged on top. */
  readonly kernelPaths: Readonly<Record<string, number>>;
}

/** A primitive cost in cycles. Throws an {@link InputError} when the profile does not give it. */
export function primitiveCost(profile: MachineProfile, name: string): number {
  const cycles = profile.costs[name];
  if (cycles === undefined) {
    throw new InputError(`machine "${profile.name}" gives no costs.${name}`);
  }
  return cycles;
}

/** Primitive costs in cycles by the names that a mechanism has for them; see {@link primitiveCost}. */
export function primitiveCosts<Key extends string>(
  profile: MachineProfile,
  names: Readonly<Record<Key, string>>,
): Readonly<Record<Key, number>> {
  const entries = Object.entries<string>(names).map(([key, name]) => [key, primitiveCost(profile, name)]);
  return Object.fromEntries(entries) as Record<Key, number>;
}

/** Whole cycles in a number of microseconds. */
export function microsecondsToCycles(profile: Pick<MachineProfile, "megahertz">, microseconds: number): number {
  return Math.round(microseconds * profile.megahertz);
}
