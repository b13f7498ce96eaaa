/**
 * How much of a VM's memory is active, without the guest's help (Waldspurger 2002, section 5.3): in each period 100 random
 * pages are watched, and the fraction touched feeds a slow and a fast moving average. The estimate is the largest of these
 * two and of the fast average with the unfinished period in it: quick to rise, slow to fall.
 *
 * A period is one of the VM's execution time: a VM that the VMM keeps from running cannot touch its pages, and is not idle for
 * that. A guest that has halted for want of work is, and its time goes on; otherwise an idle VM would never be found to be.
 */
import type { RandomStream } from "../../core/random.ts";
import { Mark } from "../host-memory/page-marks.ts";
import type { VmMemory } from "../host-memory/vm-memory.ts";

const SAMPLE_PAGES = 100;
/** Draws for each page of a sample, if all of the VM's pages can be drawn, and at most that many times as many if few can. */
const DRAWS_PER_PAGE = 4;
const MOST_UNDRAWABLE = 1000;

/** What part of the way to a new sample each moving average goes. */
export interface ActivityGains {
  readonly slow: number;
  readonly fast: number;
}

/** They are not published. Slow: Figure 6 falls from 225 to 10 MB in 12 periods, (1 - g)^12 = 10/225. Fast: assumption. */
export const ASSUMED_GAINS: ActivityGains = { slow: 0.23, fast: 0.5 };

export class ActivitySampler {
  readonly #vm: VmMemory;
  readonly #random: RandomStream;
  readonly #periodUs: number;
  readonly #gains: ActivityGains;
  readonly #sample = new Int32Array(SAMPLE_PAGES);
  #sampled = 0;
  /** On the VM's own clock. */
  #nextPeriodUs = -Infinity;
  /** At the last look: the time, and for how long in all the VM had been kept from running and its clock had stood still. */
  #nowUs = 0;
  #heldBackUs = 0;
  #stoodStillUs = 0;
  #slow = 1;
  #fast = 1;
  #finished = 0;

  constructor(vm: VmMemory, random: RandomStream, periodUs: number, gains = ASSUMED_GAINS) {
    this.#vm = vm;
    this.#random = random;
    this.#periodUs = periodUs;
    this.#gains = gains;
  }

  /** Begin a new period when the time has come. Whether the VM is blocked has not changed since the last call. */
  advance(nowUs: number): void {
    const executionUs = this.#executionTime(nowUs);
    if (executionUs < this.#nextPeriodUs) return;
    this.#nextPeriodUs = executionUs + this.#periodUs;
    if (this.#sampled > 0) this.#finishPeriod();
    this.#beginPeriod();
  }

  /** Active fraction of the pages that the VM has in use; 1 until the first period is over. */
  get fraction(): number {
    if (this.#finished === 0) return 1;
    const soFar = this.#sampled === 0 ? 0 : this.#vm.sampleTouched / this.#sampled;
    const current = this.#fast + this.#gains.fast * (soFar - this.#fast);
    return Math.max(this.#slow, this.#fast, current);
  }

  #executionTime(nowUs: number): number {
    const passedUs = nowUs - this.#nowUs;
    const heldBackUs = this.#vm.heldBack?.us ?? 0;
    this.#stoodStillUs += this.#vm.blocked ? passedUs : heldBackUs - this.#heldBackUs;
    this.#nowUs = nowUs;
    this.#heldBackUs = heldBackUs;
    return nowUs - this.#stoodStillUs;
  }

  #finishPeriod(): void {
    const touched = this.#vm.sampleTouched / this.#sampled;
    const first = this.#finished++ === 0;
    this.#slow = first ? touched : this.#slow + this.#gains.slow * (touched - this.#slow);
    this.#fast = first ? touched : this.#fast + this.#gains.fast * (touched - this.#fast);
    for (let i = 0; i < this.#sampled; i++) this.#vm.marks.delete(this.#sample[i], Mark.Sampled);
  }

  /** Ballooned and never used pages are not the VM's memory: they are not drawn. */
  #beginPeriod(): void {
    this.#sampled = 0;
    this.#vm.sampleTouched = 0;
    const { pages, mapped } = this.#vm;
    const wanted = Math.min(SAMPLE_PAGES, mapped);
    const most = DRAWS_PER_PAGE * SAMPLE_PAGES * Math.min(pages / mapped, MOST_UNDRAWABLE);
    for (let draw = 0; draw < most && this.#sampled < wanted; draw++) {
      const ppn = this.#random.below(pages);
      if (this.#vm.backing[ppn] < 0 || this.#vm.marks.has(ppn, Mark.Sampled)) continue;
      this.#vm.mark(ppn, Mark.Sampled);
      this.#sample[this.#sampled++] = ppn;
    }
  }
}
