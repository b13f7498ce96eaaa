/** What the tests of the monitor run on. */
import { loadMachine } from "../../src/experiment/documents/load.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { esx } from "../../src/vmm/esx.ts";
import { native } from "../../src/vmm/native.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import type { GuestShape } from "../../src/workload/compiled-workload.ts";

export const XEON = loadMachine("machines/xeon-2.4-sosp03.yaml").profile;

const icount = loadMachine("machines/linux-6.1-icount.yaml").profile;
/** Another guest kernel, counted in instructions; what nobody counted, I/O first of all, costs what it costs elsewhere. */
export const LINUX_6_1 = {
  ...icount,
  costs: { ...XEON.costs, ...icount.costs },
  kernelPaths: { ...XEON.kernelPaths, ...icount.kernelPaths },
};

/** The same costs on a machine with four-level page tables. */
export const XEON_64 = { ...XEON, pageTable: "x86-64" as const };

export const VMMS: readonly Vmm[] = [native, esx, xenPv];

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
