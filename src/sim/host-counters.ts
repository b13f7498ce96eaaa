/** Figures of a host that only grow; what they grow by in the measured window counts. */
import type { GuestMemory } from "../guest/memory-manager.ts";
import type { MachineProfile } from "../machine/profile.ts";
import type { HostMemory } from "../vmm/host-memory/host-memory.ts";
import type { HostDevices } from "./host-devices.ts";
import type { HostGuest } from "./host-guest.ts";

export const COUNTERS = [
  "disk_busy",
  "network_busy",
  "host_swap_ins",
  "host_swap_outs",
  "guest_swap_ins",
  "guest_swap_outs",
  "guest_page_faults",
  "guest_out_of_memory",
  "cow_breaks",
  "pages_scanned",
] as const;
/** The same, absent where there were none. */
export const RARE_COUNTERS = [
  "double_paged_outs",
  "double_paged_ins",
  "vmfs_metadata_operations",
  "vmfs_lock_wait_ms",
  "packets_lost",
  "dom0_swap_ins",
  "vmm_text_faults",
  "oom_kills",
  "frontswap_puts",
  "frontswap_refused_puts",
  "frontswap_gets",
  "frontswap_flushes",
] as const;
/** Cycles for which dom0's vCPU had something to do; 0 on hosts whose back ends have no work, and which have no such vCPU. */
const DOM0_BUSY = "dom0_cpu_busy";
export type Counters = Record<(typeof COUNTERS)[number] | (typeof RARE_COUNTERS)[number] | typeof DOM0_BUSY, number>;

export interface CountedHost {
  readonly profile: MachineProfile;
  readonly memory: HostMemory;
  readonly devices: HostDevices;
  readonly guests: readonly HostGuest[];
  /** The memory of dom0; absent: it is not held against the host's. */
  readonly dom0: GuestMemory | undefined;
}

export function countersOf({ profile, memory, devices, guests, dom0 }: CountedHost): Counters {
  const total = (count: (guest: HostGuest) => number): number => guests.reduce((sum, guest) => sum + count(guest), 0);
  return {
    disk_busy: devices.diskBusy,
    dom0_cpu_busy: devices.backend?.busy ?? 0,
    network_busy: Math.max(devices.link.busyTransmit, devices.link.busyReceive),
    host_swap_ins: memory.swapIns,
    host_swap_outs: memory.swapOuts,
    double_paged_outs: memory.doublePagedOuts,
    double_paged_ins: memory.doublePagedIns,
    vmfs_metadata_operations: devices.volume?.metadataOperations ?? 0,
    vmfs_lock_wait_ms: (devices.volume?.lockWait ?? 0) / (profile.megahertz * 1000),
    packets_lost: devices.packetsLost,
    oom_kills: total((guest) => guest.oomKills),
    vmm_text_faults: memory.vmmText?.text.majorFaults ?? 0,
    frontswap_puts: memory.frontswap?.puts ?? 0,
    frontswap_refused_puts: memory.frontswap?.refusedPuts ?? 0,
    frontswap_gets: memory.frontswap?.gets ?? 0,
    frontswap_flushes: memory.frontswap?.flushes ?? 0,
    dom0_swap_ins: dom0?.anonymous.swapIns ?? 0,
    guest_swap_ins: total((guest) => guest.memory.anonymous.swapIns),
    guest_swap_outs: total((guest) => guest.memory.anonymous.swapOuts),
    guest_page_faults: total((guest) => guest.pageFaults),
    guest_out_of_memory: total((guest) => guest.memory.pages.outOfMemory),
    cow_breaks: memory.cowBreaks,
    pages_scanned: memory.pagesScanned,
  };
}
