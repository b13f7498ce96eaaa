/** What an administrator sets for one VM, apart from its configured size. */
import { PAGES_PER_MIB } from "../machine/page.ts";

export const SHARE_LEVELS = ["high", "normal", "low"] as const;
export type ShareLevel = (typeof SHARE_LEVELS)[number];

export interface MemorySettings {
  /** Machine memory that is never taken away from the VM once it uses it, pages. Also called min. */
  readonly reservationPages?: number;
  /** Most machine memory the VM gets, pages. Also called max. */
  readonly limitPages?: number;
  /** Weight when VMs compete for memory: a level, or a number. */
  readonly shares?: ShareLevel | number;
  /** When the guest's balloon driver starts; Infinity: there is none. Default: it runs from the beginning. */
  readonly balloonFromUs?: number;
}

/** The VMs from one number to another, both included, counted from 0, and what is set for each of them. */
export interface VmGroup {
  readonly first: number;
  readonly last: number;
  readonly memory?: MemorySettings;
  /** Weight when VMs compete for a disk; absent: normal. */
  readonly diskShares?: ShareLevel | number;
  /** When they are to start; absent: they are up before the simulation begins. */
  readonly startUs?: number;
}

/** Shares of each configured MB by level: high : normal : low = 4 : 2 : 1 (ESX manuals). */
const SHARES_PER_MIB: Readonly<Record<ShareLevel, number>> = { high: 20, normal: 10, low: 5 };

/** Disk shares by level (ESX manuals). */
const DISK_SHARES: Readonly<Record<ShareLevel, number>> = { high: 2000, normal: 1000, low: 500 };

export function diskShares(shares: ShareLevel | number = "normal"): number {
  return typeof shares === "number" ? shares : DISK_SHARES[shares];
}

/** Shares of a VM with `pages` of configured memory. */
export function memoryShares(pages: number, shares: ShareLevel | number = "normal"): number {
  return typeof shares === "number" ? shares : (pages * SHARES_PER_MIB[shares]) / PAGES_PER_MIB;
}
