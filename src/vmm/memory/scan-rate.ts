/** How many pages of which VM page sharing scans in a period: by a rate in pages (ESX 2), or by the time of a pass (ESX 3 on). */
import { PAGES_PER_MIB } from "../../machine/page.ts";
import type { MachineProfile } from "../../machine/profile.ts";

/** Mem.ShareScanGHz: most that is scanned, MB a second for each GHz of the host's CPUs (vSphere, Advanced Memory Attributes). */
const MIB_PER_SECOND_PER_GHZ = 4;
const MHZ_PER_GHZ = 1000;
const SECONDS_PER_MINUTE = 60;

export interface ScanRateParameters {
  readonly pagesPerSecondPerVm: number;
  readonly pagesPerSecond: number;
  readonly passMinutes: number;
}

interface ScannedVm {
  readonly index: number;
  /** Configured memory, pages. */
  readonly pages: number;
}

export interface ScanRate {
  /** Scan what is due in one of `periodsPerSecond` periods. */
  scan<T extends ScannedVm>(vms: readonly T[], periodsPerSecond: number, scanNext: (vm: T) => void): void;
}

export function scanRate(parameters: ScanRateParameters, { megahertz, cores }: MachineProfile): ScanRate {
  const { passMinutes, pagesPerSecond, pagesPerSecondPerVm } = parameters;
  if (passMinutes === 0) return new PagesPerSecond(pagesPerSecond, pagesPerSecondPerVm);
  const most = (MIB_PER_SECOND_PER_GHZ * PAGES_PER_MIB * megahertz * cores) / MHZ_PER_GHZ;
  return new TimeOfPass(passMinutes * SECONDS_PER_MINUTE, most);
}

/** The VMs take turns, a page each. */
class PagesPerSecond implements ScanRate {
  readonly #total: number;
  readonly #perVm: number;
  #nextVm = 0;

  constructor(total: number, perVm: number) {
    this.#total = total;
    this.#perVm = perVm;
  }

  scan<T extends ScannedVm>(vms: readonly T[], periodsPerSecond: number, scanNext: (vm: T) => void): void {
    if (vms.length === 0) return;
    const pages = Math.round(Math.min(this.#total, this.#perVm * vms.length) / periodsPerSecond);
    for (let scanned = 0; scanned < pages; scanned++) {
      scanNext(vms[this.#nextVm]);
      this.#nextVm = (this.#nextVm + 1) % vms.length;
    }
  }
}

/** Each VM is scanned once in that time, a larger one faster; all are slowed down alike where the host's CPUs set the limit. */
class TimeOfPass implements ScanRate {
  readonly #passSeconds: number;
  readonly #mostPerSecond: number;
  /** For each VM, its size added up in every period; a page of it is due when that is as long as a pass. */
  readonly #due: number[] = [];

  constructor(passSeconds: number, mostPerSecond: number) {
    this.#passSeconds = passSeconds;
    this.#mostPerSecond = mostPerSecond;
  }

  scan<T extends ScannedVm>(vms: readonly T[], periodsPerSecond: number, scanNext: (vm: T) => void): void {
    let pages = 0;
    for (const vm of vms) pages += vm.pages;
    const passPeriods = Math.max(this.#passSeconds, pages / this.#mostPerSecond) * periodsPerSecond;
    for (const vm of vms) {
      let due = (this.#due[vm.index] ?? 0) + vm.pages;
      for (; due >= passPeriods; due -= passPeriods) scanNext(vm);
      this.#due[vm.index] = due;
    }
  }
}
