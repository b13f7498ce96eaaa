import type { OperationStream } from "./operation-stream.ts";
import type { DriverFaults, MemorySettings, ShareLevel, StatisticsFaults } from "./vm-settings.ts";

/** What a guest is entitled to of the CPU time of its host. */
export interface CpuEntitlement {
  /** CPU time in proportion, where vCPUs compete: twice as much with 2 as with 1. */
  readonly shares: number;
  /** CPU time that it gets whenever it wants it, in MHz of one processor; 0: none. */
  readonly reservationMhz: number;
  /** CPU time that it does not get more than, even if nobody else wants it; Infinity: no limit. */
  readonly limitMhz: number;
}

export const USUAL_ENTITLEMENT: CpuEntitlement = { shares: 1, reservationMhz: 0, limitMhz: Number.POSITIVE_INFINITY };

/** The guest a workload runs in, in pages of 4 KiB. */
export interface GuestShape {
  /** Configured memory. */
  readonly memoryPages: number;
  /** Kernel text and data: in use from boot on, never reclaimed. */
  readonly kernelPages: number;
  /** Service processes, and anonymous pages of each; Op.Touch and Op.Mmap number the pages of one process from 0. */
  readonly processes: number;
  readonly anonymousPages: number;
  /**
   * Large pages that the kernel sets aside when it boots, behind its other memory, and maps the memory of processes by, as
   * hugetlbfs does. For replays of a trace: no process forks or ends. Absent: none.
   */
  readonly largePages?: number;
  /** Control groups of services that have ended, after those of the processes; absent: none. */
  readonly endedGroups?: number;
  /** How many anonymous pages of each process are in memory when the guest is ready. */
  readonly residentAnonymousPages: number;
  /** Size of the file set, and how much of it (from page 0) is in the page cache when the guest is ready. */
  readonly filePages: number;
  readonly residentFilePages: number;
  /** How much of it (from page 0) is on one disk image behind all guests, each with its own changes; absent: nothing. */
  readonly imagePages?: number;
  /** Size of the guest's own swap device. */
  readonly swapPages: number;
  /** Whether the guest's kernel takes that for a disk that rotates; absent: it does not. */
  readonly swapRotates?: boolean;
  /** Threads that serve requests side by side (clients, for a closed loop). */
  readonly threads: number;
  /** Virtual CPUs; absent: one. */
  readonly vcpus?: number;
  /** Part of the kernel's time in which it holds a lock that all vCPUs need; absent: 0. */
  readonly kernelLock?: number;
  /**
   * Contents of guest-physical memory when the guest is ready: one fingerprint a page, equal exactly if the contents are.
   * Pages beyond it are zero. Absent: pages in use have contents of their own, the rest is zero.
   */
  readonly contents?: BigUint64Array;
  /** Absent: {@link USUAL_ENTITLEMENT}. */
  readonly cpu?: CpuEntitlement;
  /** Size of each page of the contents once it is compressed, in units of 32 bytes; absent: not measured. */
  readonly compressedSizes?: Uint8Array;
  /** What is set for its memory on the host; absent: nothing. */
  readonly memory?: MemorySettings;
  /** What is wrong with its balloon driver; absent: nothing. */
  readonly driver?: DriverFaults;
  /** What is wrong with what it says of its memory; absent: nothing. */
  readonly statistics?: StatisticsFaults;
}

/** One guest's work: everything a simulation needs to know about it. */
export interface CompiledWorkload {
  readonly name: string;
  readonly guest: GuestShape;
  readonly stream: OperationStream;
  /** Simulated time of the run, of which the first part is not measured, in microseconds. 0: until the stream ends. */
  readonly durationUs: number;
  readonly warmupUs: number;
  /** Disk shares of its VM; absent: normal. */
  readonly diskShares?: ShareLevel | number;
  /** A request that takes longer has no good response, microseconds. Absent: good responses are not counted. */
  readonly goodUs?: number;
  /** When its VM is to start; absent: it is up before the simulation begins. The stream begins then, too. */
  readonly startUs?: number;
}
