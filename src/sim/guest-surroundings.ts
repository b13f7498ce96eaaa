/** What a guest needs of the host. */
import type { KernelVersion } from "../guest/kernel-version.ts";
import type { ContentIds } from "../machine/content-ids.ts";
import type { PageTableFormat } from "../machine/page-tables.ts";
import type { KernelName } from "../machine/profile.ts";
import type { HostMemory } from "../vmm/host-memory/host-memory.ts";
import type { HostDevices } from "./host-devices.ts";
import type { Processors } from "./processors.ts";

export interface GuestSurroundings {
  readonly host: HostMemory;
  readonly processors: Processors;
  readonly devices: HostDevices;
  readonly ids: ContentIds;
  readonly megahertz: number;
  readonly pageTableFormat: PageTableFormat;
  readonly kernel: KernelName;
  readonly kernelVersion: KernelVersion;
  /** The host is being built: what happens costs nothing and takes no time. */
  readonly building: boolean;
  /** Simulated time of the run, microseconds; 0: until all work is done. */
  readonly durationUs: number;
  /** Time of the event in hand, in cycles. */
  now(): number;
  /** Wake the guest's thread when its request begins. */
  callThread(guest: number, thread: number, at: number): void;
  /** A request of a guest is over; latency in cycles. */
  requestDone(guest: number, latency: number): void;
}
