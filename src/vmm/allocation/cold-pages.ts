/**
 * Pages that VMs have not used for two minutes, as far as DAMON can tell (Linux, Documentation/mm/damon/design.rst, and
 * Documentation/admin-guide/mm/damon/reclaim.rst). Every 5 ms the accessed bit of one page of each region is looked at, and that
 * of another is cleared; a page in use that is not drawn goes unseen, and is taken for cold with its region.
 *
 * What is left out: the host watches its memory as VMs see it, one after the other, and not as frames lie in the machine, where
 * pages of several VMs and what is free are neighbours. Small pages of a large one are watched each for itself, though the
 * hardware has one bit for all. Clearing a bit is charged as a change of a mapping, which is more than it takes.
 */
import { cause } from "../../core/ledger.ts";
import type { RandomStream } from "../../core/random.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import { Mark } from "../host-memory/page-marks.ts";
import type { VmMemory } from "../host-memory/vm-memory.ts";
import { AccessRegions, NO_PAGE, type Region, SAMPLES_PER_INTERVAL } from "./access-regions.ts";

const SAMPLE = cause("vmm.memory.access-sample");

/** sample_interval and min_age of DAMON_RECLAIM; aggr_interval is 20 of the former. */
const SAMPLING_US = 5000;
const COLD_US = 120e6;
/** Pages of a request to write some: their frames are free when the whole of it is done (SWAP_CLUSTER_MAX). */
const WRITE_PAGES = 32;
const COLD_AGE = COLD_US / (SAMPLES_PER_INTERVAL * SAMPLING_US);

export class ColdPages {
  readonly #memory: HostMemory;
  readonly #random: RandomStream;
  readonly #sampleCycles: number;
  readonly #regions: AccessRegions;
  #nextUs = Infinity;
  /** Looks at the samples in this aggregation interval. */
  #looks = 0;
  #watching = false;

  /** `sampleCycles`: to find the entry that maps a page and clear its accessed bit. */
  constructor(memory: HostMemory, random: RandomStream, sampleCycles: number) {
    this.#memory = memory;
    this.#random = random;
    this.#sampleCycles = sampleCycles;
    this.#regions = new AccessRegions(random);
  }

  get regions(): readonly Region[] {
    return this.#regions.all;
  }

  /** Regions keep their ages while nobody watches. */
  watch(watching: boolean, nowUs: number): void {
    if (watching === this.#watching) return;
    this.#watching = watching;
    this.#nextUs = watching ? nowUs + SAMPLING_US : Infinity;
    if (watching) this.#drawSamples();
    else for (const region of this.#regions.all) this.#takeSample(region);
  }

  /** When {@link advance} has something to do again; Infinity: not before somebody watches. */
  get nextUs(): number {
    return this.#nextUs;
  }

  /** Look whether the pages that are watched have been used, and watch others, if the time has come. */
  advance(nowUs: number): void {
    // Event times are whole cycles: a call may come a fraction of a microsecond early.
    if (nowUs + 1 < this.#nextUs) return;
    this.#nextUs = nowUs + SAMPLING_US;
    for (const region of this.#regions.all) if (this.#takeSample(region)) region.count++;
    if (++this.#looks === SAMPLES_PER_INTERVAL) {
      this.#looks = 0;
      this.#regions.endInterval();
    }
    this.#drawSamples();
  }

  /** Cold pages of a VM. */
  count(vm: VmMemory): number {
    let cold = 0;
    for (const region of this.#regions.all) {
      if (!isCold(region, vm)) continue;
      for (let ppn = region.start; ppn < region.end; ppn++) if (this.#canGo(vm, ppn)) cold++;
    }
    return cold;
  }

  /**
   * Page out up to `pages` cold pages of a VM, from the oldest regions first; large pages are split for it. No more is begun when
   * it has taken `mostCycles`. What is done to a region changes it: its age begins anew.
   */
  pageOut(vm: VmMemory, pages: number, mostCycles: number): void {
    const { payer, requests } = this.#memory;
    const end = payer.total + mostCycles;
    let left = pages;
    const cold = this.#regions.all.filter((region) => isCold(region, vm)).sort((a, b) => b.age - a.age);
    for (const region of cold) {
      for (let ppn = region.start; ppn < region.end; ppn++) {
        if (left <= 0 || payer.total >= end) return;
        if (this.#pageOutOne(vm, ppn) && --left % WRITE_PAGES === 0) requests.end();
      }
      region.age = 0;
    }
  }

  /** Of every region one page, those of VMs that have come since among them. */
  #drawSamples(): void {
    const { vms, payer } = this.#memory;
    for (let space = this.#regions.spaces; space < vms.length; space++) this.#regions.addSpace(vms[space].pages);
    const { all } = this.#regions;
    for (const region of all) {
      region.sample = region.start + this.#random.below(region.end - region.start);
      vms[region.space].mark(region.sample, Mark.AccessSample);
    }
    payer.add(SAMPLE, all.length * this.#sampleCycles, all.length);
  }

  /** Nothing of a region is watched any more. Returns whether its page has been used. */
  #takeSample(region: Region): boolean {
    const { sample } = region;
    if (sample === NO_PAGE) return false;
    region.sample = NO_PAGE;
    const { marks } = this.#memory.vms[region.space];
    if (!marks.has(sample, Mark.AccessSample)) return true;
    marks.delete(sample, Mark.AccessSample);
    return false;
  }

  #pageOutOne(vm: VmMemory, ppn: number): boolean {
    if (!this.#canGo(vm, ppn)) return false;
    this.#memory.breakUp(vm, ppn);
    // Broken up, it may have found an equal page.
    return this.#canGo(vm, ppn) && this.#memory.pageOut(vm, ppn);
  }

  /** A page that others share would free nothing. */
  #canGo(vm: VmMemory, ppn: number): boolean {
    const mpn = vm.backing[ppn];
    return mpn >= 0 && this.#memory.frames.references(mpn) === 1;
  }
}

function isCold({ space, last, age }: Region, vm: VmMemory): boolean {
  return space === vm.index && last === 0 && age >= COLD_AGE;
}
