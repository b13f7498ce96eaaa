/** A guest machine put together from the parts of a VMM, for monitor resolution. */
import type { GuestMachine } from "../guest/kernel-context.ts";
import { kernelFootprints } from "../guest/kernel-footprints.ts";
import { KernelPages } from "../guest/kernel-pages.ts";
import { Cache } from "../machine/cache.ts";
import { createDisk } from "../machine/disk.ts";
import { FaultAddress } from "../machine/fault-address.ts";
import type { Meter } from "../machine/meter.ts";
import { NetworkLink } from "../machine/network-link.ts";
import { PAGE_TABLE_FORMATS } from "../machine/page-tables.ts";
import { type MachineProfile, primitiveCost } from "../machine/profile.ts";
import { Tlb } from "../machine/tlb.ts";
import type { Part, Vmm } from "../vmm/contract.ts";
import { makePart } from "../vmm/made-part.ts";
import type { CpuContext, IoPath, MonitorContext, VmmEntry } from "../vmm/monitor-contract.ts";

/** Guest frames in the largest large page, 4 MiB (IA-32). */
const LARGE_PAGE = 1024;

/** The guest's machine, and the hardware below it that the guest cannot see. */
export interface MonitorMachine extends GuestMachine {
  readonly tlb: Tlb;
  readonly vmmEntry: VmmEntry;
}

/** `kernelPages`: the pages that the guest kernel visits itself go through the TLB, too, where they are known. */
export function buildMachine(
  vmm: Vmm,
  profile: MachineProfile,
  guestPages: number,
  meter: Meter,
  kernelPages = true,
): MonitorMachine {
  const pageTableFormat = PAGE_TABLE_FORMATS[profile.pageTable];
  const tlb = newTlb(profile);
  const hardware: CpuContext = {
    profile,
    meter,
    tlb,
    faultAddress: new FaultAddress(),
    pageTableFormat,
    ...(kernelPages && kernelPagesOf(vmm, profile, tlb, meter)),
  };
  // The processor comes first: through it the other parts enter the VMM.
  const cpu = makePart(vmm.cpu, hardware);
  const cache = profile.cache && new Cache(profile.cache, primitiveCost(profile, "hardware.cache-line-fill"), meter);
  const context: MonitorContext = {
    ...hardware,
    machineFrames: machineFrames(guestPages),
    vmmEntry: cpu,
    ...(cache && { cache }),
  };
  const networkPath = createIoPath(vmm.network, context);
  return {
    cpu,
    mmu: makePart(vmm.mmu, context),
    diskPath: createIoPath(vmm.disk, context),
    networkPath,
    cache,
    disk: createDisk(profile, profile.disk),
    network: new NetworkLink(profile, networkPath.moderation),
    meter,
    pageTableFormat,
    tlb: context.tlb,
    vmmEntry: cpu,
    ...(hardware.kernelPages && { kernelPages: hardware.kernelPages }),
  };
}

function newTlb({ tlb, instructionTlb: own }: MachineProfile): Tlb {
  return new Tlb(tlb.entries, tlb.ways, own && new Tlb(own.entries, own.ways));
}

function kernelPagesOf(vmm: Vmm, profile: MachineProfile, tlb: Tlb, meter: Meter): Pick<CpuContext, "kernelPages"> {
  const footprints = kernelFootprints(profile);
  const mapping = vmm.mmu.definition.kernelMapping?.(vmm.mmu.parameters);
  if (footprints === undefined || mapping === undefined) return {};
  return { kernelPages: new KernelPages(footprints, mapping, tlb, meter, profile) };
}

/**
 * The machine frame of each guest page: that of the page one large page further on, the last ones beginning anew. None is
 * the guest page itself, so that a part that takes one for the other does not get away with it; and large pages can be used.
 */
export function machineFrames(guestPages: number): Uint32Array {
  const shift = guestPages > LARGE_PAGE ? LARGE_PAGE : guestPages >>> 1;
  const frames = new Uint32Array(guestPages);
  for (let page = 0; page < guestPages; page++) frames[page] = (page + shift) % guestPages;
  return frames;
}

/** Work without I/O needs no costs of I/O: a path that a machine profile does not price fails only when it is used. */
function createIoPath(part: Part<"disk"> | Part<"network">, context: MonitorContext): IoPath {
  const { costs } = context.profile;
  const missing = part.definition.needs?.find((name) => costs[name] === undefined);
  if (missing === undefined) return makePart<"disk" | "network">(part, context);
  const fail = (): never => {
    primitiveCost(context.profile, missing);
    throw new Error(`the machine gives ${missing} after all`);
  };
  return {
    segmentBytes: 0,
    descriptors: 0,
    submit: fail,
    notify: fail,
    interrupt: fail,
    complete: fail,
    interruptsForSent: fail,
  };
}
