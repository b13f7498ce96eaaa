/** What the parts of the guest kernel share. */
import type { Cache } from "../machine/cache.ts";
import type { DiskDevice } from "../machine/disk.ts";
import type { Meter } from "../machine/meter.ts";
import type { NetworkLink } from "../machine/network-link.ts";
import type { PageTableFormat } from "../machine/page-tables.ts";
import type { GuestShape } from "../workload/compiled-workload.ts";
import type { AddressSpace } from "./address-space.ts";
import type { GuestPages } from "./guest-pages.ts";
import type { HighMemory } from "./high-memory.ts";
import type { KernelPages } from "./kernel-pages.ts";
import type { KernelPaths } from "./kernel-paths.ts";
import type { KernelVersion } from "./kernel-version.ts";
import type { PageTableFrames } from "./page-table-frames.ts";
import type { PageWork } from "./page-work.ts";
import type { TlbFlushes } from "./tlb-flushes.ts";
import type { Cpu, IoPath, Mmu } from "./virtual-hardware.ts";

/** The (virtual) machine a guest kernel is booted on. */
export interface GuestMachine {
  readonly cpu: Cpu;
  readonly mmu: Mmu;
  readonly diskPath: IoPath;
  readonly networkPath: IoPath;
  /** Undefined where the machine profile describes none. */
  readonly cache: Cache | undefined;
  readonly disk: DiskDevice;
  readonly network: NetworkLink;
  readonly meter: Meter;
  readonly pageTableFormat: PageTableFormat;
  /** The kernel's own memory in the TLB; undefined where nobody knows which pages it visits. */
  readonly kernelPages?: KernelPages;
}

export interface KernelContext {
  readonly machine: GuestMachine;
  readonly shape: GuestShape;
  readonly version: KernelVersion;
  readonly paths: KernelPaths;
  readonly pages: PageWork;
  readonly frames: GuestPages;
  readonly tables: PageTableFrames;
  readonly flushes: TlbFlushes;
  /** Absent: the kernel has all memory mapped. */
  readonly highMemory?: HighMemory;
  /** Address spaces by number. */
  readonly spaces: Map<number, AddressSpace>;
  /** {@link GuestPages.allocate}, and an error when there is none. `byDevice`: it is not the kernel that will write to it. */
  takeFrame(use: number, item: number, byDevice?: boolean): number;
}
