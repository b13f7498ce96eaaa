/**
 * UKSM's ladder (Xia et al. 2018, section 3.2; the kernel patch's uksm_scan_ladder): regions of memory stand on one of four rungs.
 * The higher the rung, the more of the CPU is spent on the regions there. On a rung every region is sampled, so many of its
 * pages that all are gone through in a given time; where enough of the sample could be merged it goes up, and down otherwise.
 */
import type { RandomStream } from "../../core/random.ts";
import type { VmMemory } from "../host-memory/vm-memory.ts";
import { ScanOrder } from "./scan-order.ts";

export interface Rung {
  /** CPU time, of one CPU. */
  readonly cpuPart: number;
  /** Time in which all regions on the rung are sampled. */
  readonly coverMs: number;
}

/** All memory of a VM: its VMM maps it as one region. */
export interface Region {
  readonly vm: VmMemory;
  readonly order: ScanOrder;
  rung: number;
  /** Pages to look at before it is judged; 0: to be worked out. */
  sample: number;
  /** Since it was last judged: pages looked at, merged, and shared pages written to until then. */
  scanned: number;
  merged: number;
  broken: number;
  /** Pages looked at since all of them were. */
  covered: number;
}

export interface LadderThresholds {
  /** Merged pages, of those looked at, with which a region goes up; percent. */
  readonly abundantPercent: number;
  /** Shared pages written to, of those merged, beyond which merging is for nothing; percent. 0: never. */
  readonly thrashPercent: number;
}

export class ScanLadder {
  readonly #rungs: readonly Rung[];
  readonly #thresholds: LadderThresholds;
  readonly #random: RandomStream;
  readonly #regions: (readonly Region[])[];
  /** Whose turn it is on each rung. */
  readonly #turn: number[];
  /** By the index of the VM. */
  readonly #ofVm: Region[] = [];

  constructor(rungs: readonly Rung[], thresholds: LadderThresholds, random: RandomStream) {
    this.#rungs = rungs;
    this.#thresholds = thresholds;
    this.#random = random;
    this.#regions = rungs.map(() => []);
    this.#turn = rungs.map(() => 0);
  }

  /** New VMs begin on the lowest rung. */
  meet(vms: readonly VmMemory[]): void {
    for (const vm of vms.slice(this.#ofVm.length)) {
      const order = new ScanOrder(vm.pages, this.#random);
      const region = { vm, order, rung: 0, sample: 0, scanned: 0, merged: 0, broken: vm.sharingBroken, covered: 0 };
      this.#ofVm.push(region);
      this.#regions[0] = [...this.#regions[0], region];
    }
  }

  regionOf(vm: VmMemory): Region {
    return this.#ofVm[vm.index];
  }

  /** Regions on a rung. */
  on(rung: number): readonly Region[] {
    return this.#regions[rung];
  }

  /** The region whose turn it is on a rung that has one. */
  current(rung: number): Region {
    return this.#regions[rung][this.#turn[rung] % this.#regions[rung].length];
  }

  /** A page of the region has been looked at; a page takes so long. Returns whether it is time to judge it. */
  lookedAt(region: Region, pageUs: number): boolean {
    if (region.scanned === 0) region.sample = this.#sampleOf(region, pageUs);
    region.scanned++;
    region.covered++;
    return region.scanned >= region.sample || region.covered >= region.vm.pages;
  }

  #sampleOf({ vm, rung }: Region, pageUs: number): number {
    const { cpuPart, coverMs } = this.#rungs[rung];
    const pages = this.#regions[rung].reduce((sum, region) => sum + region.vm.pages, 0);
    const affordable = Math.max(1, (1000 * coverMs * cpuPart) / pageUs);
    const step = Math.max(1, Math.floor(pages / affordable));
    return Math.ceil(vm.pages / step);
  }

  /** The sample is over. Once all pages of a region have been looked at, it starts over on the lowest rung. */
  judge(region: Region): void {
    const { rung, covered, vm } = region;
    const isDone = covered >= vm.pages;
    const target = isDone ? 0 : rung + (this.#isAbundant(region) ? 1 : -1);
    this.#turn[rung]++;
    this.#put(region, Math.max(0, Math.min(this.#rungs.length - 1, target)));
    Object.assign(region, { scanned: 0, merged: 0, broken: vm.sharingBroken, covered: isDone ? 0 : covered });
  }

  #isAbundant({ scanned, merged, broken, vm }: Region): boolean {
    const { abundantPercent, thrashPercent } = this.#thresholds;
    const written = vm.sharingBroken - broken;
    if (thrashPercent > 0 && 100 * written > thrashPercent * merged) return false;
    return merged > 0 && 100 * merged >= abundantPercent * scanned;
  }

  #put(region: Region, rung: number): void {
    if (region.rung === rung) return;
    this.#regions[region.rung] = this.#regions[region.rung].filter((other) => other !== region);
    this.#regions[rung] = [...this.#regions[rung], region];
    region.rung = rung;
  }
}
