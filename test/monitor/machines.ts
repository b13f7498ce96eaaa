/** What the tests of the monitor run on. */
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import { FaultAddress } from "../../src/machine/fault-address.ts";
import { Meter } from "../../src/machine/meter.ts";
import { PAGE_TABLE_FORMATS } from "../../src/machine/page-tables.ts";
import type { MachineProfile } from "../../src/machine/profile.ts";
import { Tlb } from "../../src/machine/tlb.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { esx } from "../../src/vmm/esx.ts";
import { nestedPaging } from "../../src/vmm/mmu/nested-paging.ts";
import { native } from "../../src/vmm/native.ts";
import type { CpuContext, VmmEntry } from "../../src/vmm/monitor-contract.ts";
import { uml } from "../../src/vmm/uml.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import type { GuestShape } from "../../src/workload/compiled-workload.ts";

const { profile } = loadMachine("machines/xeon-2.4-sosp03.yaml");

/** With what hardware-assisted paging costs, which this machine does not have; all that matters here is that it is something. */
export const XEON: MachineProfile = {
  ...profile,
  costs: { "hardware-assist.exit": 3000, "nested.fill": 2000, ...profile.costs },
};

const icount = loadMachine("machines/linux-6.1-icount.yaml").profile;
/** Another guest kernel, counted in instructions; what nobody counted, I/O first of all, costs what it costs elsewhere. */
export const LINUX_6_1 = {
  ...icount,
  costs: { ...XEON.costs, ...icount.costs },
  kernelPaths: { ...XEON.kernelPaths, ...icount.kernelPaths },
};

export const PENTIUM_4 = loadMachine("machines/p4-672-asplos06.yaml").profile;
export const CORE_2 = loadMachine("machines/core2-asplos06.yaml").profile;

/** The same costs on a machine with four-level page tables. */
export const XEON_64 = { ...XEON, pageTable: "x86-64" as const };

/** And on one that caches what it finds in page tables: page-walk caches so small that entries are replaced all the time. */
export const CACHED_64 = { ...XEON_64, pageWalkCache: { entries: 3 }, nestedTlb: { entries: 4 } };

/** Nested paging by itself: the guest runs on a bare CPU. */
export const nested: Vmm = { ...native, name: "nested", mmu: nestedPaging() };

export const VMMS: readonly Vmm[] = [native, esx, xenPv, nested, uml];

/** For parts that are tried without a cpu part: entering the VMM costs nothing. */
export const FREE_ENTRY: VmmEntry = { enter: () => {}, forwardFault: () => {}, tracedWrite: () => true };

/** What a cpu part is made on. */
export function hardwareOf(profile: MachineProfile, meter = new Meter()): CpuContext {
  return {
    profile,
    meter,
    tlb: new Tlb(64, 64),
    faultAddress: new FaultAddress(),
    pageTableFormat: PAGE_TABLE_FORMATS[profile.pageTable],
  };
}

export const SMALL_GUEST: GuestShape = {
  memoryPages: 2048,
  kernelPages: 128,
  processes: 2,
  anonymousPages: 64,
  residentAnonymousPages: 32,
  filePages: 256,
  residentFilePages: 128,
  swapPages: 4096,
  threads: 2,
};
