/** What the tests of the monitor run on. */
import { loadMachine } from "../../src/experiment/documents/load.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { esx } from "../../src/vmm/esx.ts";
import { native } from "../../src/vmm/native.ts";
import type { VmmEntry } from "../../src/vmm/monitor-contract.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import type { GuestShape } from "../../src/workload/compiled-workload.ts";

export const XEON = loadMachine("machines/xeon-2.4-sosp03.yaml").profile;

export const PENTIUM_4 = loadMachine("machines/p4-672-asplos06.yaml").profile;
export const CORE_2 = loadMachine("machines/core2-asplos06.yaml").profile;

/** The same costs on a machine with four-level page tables. */
export const XEON_64 = { ...XEON, pageTable: "x86-64" as const };

export const VMMS: readonly Vmm[] = [native, esx, xenPv];

/** For parts that are tried without a cpu part: entering the VMM costs nothing. */
export const FREE_ENTRY: VmmEntry = { enter: () => {}, forwardFault: () => {}, tracedWrite: () => true };

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
