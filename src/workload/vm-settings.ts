/** What an administrator sets for one VM, apart from its configured size, and what is wrong inside its guest. */
import { PAGES_PER_MIB } from "../machine/page.ts";

/** No host is simulated with more. */
export const MAX_VMS = 4096;

export const SHARE_LEVELS = ["high", "normal", "low"] as const;
export type ShareLevel = (typeof SHARE_LEVELS)[number];

export interface MemorySettings {
  /** Machine memory that is never taken away from the VM once it uses it, pages. Also called min. */
  readonly reservationPages?: number;
  /** Most machine memory the VM gets, pages. Also called max. */
  readonly limitPages?: number;
  /** Weight when VMs compete for memory: a level, or a number. */
  readonly shares?: ShareLevel | number;
}

/** A guest's balloon driver that is not always at the VMM's service. */
export interface DriverFaults {
  /** When it starts, microseconds; never: there is none. Default: it runs from the beginning. */
  readonly fromUs?: number | "never";
  /** From then on it does not answer, and its balloon stays as it is, microseconds. */
  readonly stuckFromUs?: number;
  /** Most pages that it moves in a second. */
  readonly pagesPerSecond?: number;
}

/** Statistics of a guest's memory that are not as the guest is now. */
export interface StatisticsFaults {
  /** The guest reports nothing: its driver knows no statistics. */
  readonly missing?: true;
  /** From then on the guest repeats its last report, microseconds. */
  readonly staleFromUs?: number;
  /** Reports are that old when they come, microseconds. */
  readonly delayUs?: number;
  /** Pages that the guest says it uses beyond those that it does. */
  readonly overstatedPages?: number;
}

/** The VMs from one number to another, both included, counted from 0, and what is particular about each of them. */
export interface VmGroup {
  readonly first: number;
  readonly last: number;
  /** What they run instead of the workload of the others: a name, or a path relative to the matrix file. */
  readonly workload?: string;
  readonly memory?: MemorySettings;
  /** Weight when VMs compete for a disk; absent: normal. */
  readonly diskShares?: ShareLevel | number;
  /** When they are to start; absent: they are up before the simulation begins. */
  readonly startUs?: number;
  readonly driver?: DriverFaults;
  readonly statistics?: StatisticsFaults;
}

/** The group that a VM is in, if it is in one. */
export function groupOf(groups: readonly VmGroup[] | undefined, vm: number): VmGroup | undefined {
  return groups?.find(({ first, last }) => first <= vm && vm <= last);
}

/** "VM 3", "VMs 0 to 3". */
export function vmsOfGroup({ first, last }: VmGroup): string {
  return first === last ? `VM ${first}` : `VMs ${first} to ${last}`;
}

/** Shares of each configured MB by level: high : normal : low = 4 : 2 : 1 (ESX manuals). */
const SHARES_PER_MIB: Readonly<Record<ShareLevel, number>> = { high: 20, normal: 10, low: 5 };

/** Shares of a VM by level: of a disk (ESX manuals); and of memory under a policy, by the default of Proxmox VE and the same ratios. */
const SHARES_PER_VM: Readonly<Record<ShareLevel, number>> = { high: 2000, normal: 1000, low: 500 };

/** Shares of a VM, whatever its size. */
export function vmShares(shares: ShareLevel | number = "normal"): number {
  return typeof shares === "number" ? shares : SHARES_PER_VM[shares];
}

/** Shares of a VM with `pages` of configured memory. */
export function memoryShares(pages: number, shares: ShareLevel | number = "normal"): number {
  return typeof shares === "number" ? shares : (pages * SHARES_PER_MIB[shares]) / PAGES_PER_MIB;
}
