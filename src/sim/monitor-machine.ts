/** A guest machine put together from the parts of a VMM, for monitor resolution. */
import type { GuestMachine } from "../guest/kernel-context.ts";
import { Disk } from "../machine/disk.ts";
import type { Meter } from "../machine/meter.ts";
import { NetworkLink } from "../machine/network-link.ts";
import { PAGE_TABLE_FORMATS } from "../machine/page-tables.ts";
import type { MachineProfile } from "../machine/profile.ts";
import { Tlb } from "../machine/tlb.ts";
import type { Part, Slot, Slots, Vmm } from "../vmm/contract.ts";
import type { CpuContext, MonitorContext } from "../vmm/monitor-contract.ts";

export function buildMachine(vmm: Vmm, profile: MachineProfile, guestPages: number, meter: Meter): GuestMachine {
  const pageTableFormat = PAGE_TABLE_FORMATS[profile.pageTable];
  const hardware: CpuContext = {
    profile,
    meter,
    tlb: new Tlb(profile.tlb.entries, profile.tlb.ways),
    pageTableFormat,
  };
  // The processor comes first: through it the other parts enter the VMM.
  const cpu = create(vmm.cpu, hardware);
  const context: MonitorContext = { ...hardware, machineFrames: machineFrames(guestPages), vmmEntry: cpu };
  return {
    cpu,
    mmu: create(vmm.mmu, context),
    diskPath: create(vmm.disk, context),
    networkPath: create(vmm.network, context),
    disk: new Disk(profile),
    network: new NetworkLink(profile),
    meter,
    pageTableFormat,
  };
}

/** Machine frames in descending order: a part that takes a guest page for a machine page does not get away with it. */
function machineFrames(guestPages: number): Uint32Array {
  const frames = new Uint32Array(guestPages);
  for (let page = 0; page < guestPages; page++) frames[page] = guestPages - 1 - page;
  return frames;
}

function create<S extends Slot>(part: Part<S>, context: Slots[S]["context"]): Slots[S]["instance"] {
  return part.definition.create(part.parameters, context);
}
