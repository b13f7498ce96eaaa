/**
 * Pages that a VM has not touched for two minutes (Linux, mm/damon/reclaim.c: min_age). All its pages are marked; a touch takes
 * the mark away, and what is still marked 120 s later is cold. Marks are renewed every 120 s, so that a page is found to be
 * cold when it has been left alone for 120 to 240 s. A touch of a marked page costs what the activity sample's does.
 */
import type { HostMemory } from "../host-memory/host-memory.ts";
import { Mark } from "../host-memory/page-marks.ts";
import type { VmMemory } from "../host-memory/vm-memory.ts";

const AGE_US = 120e6;
/** Pages older than that, half an hour, are all the same. */
const MOST_PERIODS = 15;

interface Marks {
  sinceUs: number;
  /** For how many periods each page has been marked without a touch, up to {@link MOST_PERIODS}. */
  readonly survived: Uint8Array;
}

export class ColdPages {
  readonly #memory: HostMemory;
  readonly #marks = new Map<VmMemory, Marks>();

  constructor(memory: HostMemory) {
    this.#memory = memory;
  }

  /** Cold pages of a VM; marks are renewed when their time is over. */
  count(vm: VmMemory, nowUs: number): number {
    const marks = this.#marks.get(vm) ?? { sinceUs: -Infinity, survived: new Uint8Array(vm.pages) };
    this.#marks.set(vm, marks);
    if (nowUs >= marks.sinceUs + AGE_US) this.#renew(vm, marks, nowUs);
    let cold = 0;
    for (let ppn = 0; ppn < vm.pages; ppn++) if (this.#isCold(vm, marks, ppn)) cold++;
    return cold;
  }

  /**
   * Page out up to `pages` cold pages of a VM, the oldest first; large pages are split for it. No more is begun when it has taken
   * `mostCycles`.
   */
  pageOut(vm: VmMemory, pages: number, mostCycles: number): void {
    const marks = this.#marks.get(vm);
    if (marks === undefined) return;
    const end = this.#memory.payer.total + mostCycles;
    let left = pages;
    for (let age = MOST_PERIODS; age > 0 && left > 0; age--) left -= this.#pageOutOfAge(vm, marks, age, left, end);
  }

  /** Until the payer owes `end` cycles. Returns how many pages are out. */
  #pageOutOfAge(vm: VmMemory, marks: Marks, age: number, most: number, end: number): number {
    const { payer } = this.#memory;
    let out = 0;
    for (let ppn = 0; ppn < vm.pages && out < most && payer.total < end; ppn++) {
      if (marks.survived[ppn] !== age || !this.#isCold(vm, marks, ppn)) continue;
      this.#memory.breakUp(vm, ppn);
      // Broken up, it may have found an equal page.
      if (this.#isCold(vm, marks, ppn) && this.#memory.pageOut(vm, ppn)) out++;
    }
    return out;
  }

  #renew(vm: VmMemory, marks: Marks, nowUs: number): void {
    marks.sinceUs = nowUs;
    for (let ppn = 0; ppn < vm.pages; ppn++) {
      const mapped = vm.backing[ppn] >= 0;
      const untouched = mapped && vm.marks.has(ppn, Mark.Sampled);
      marks.survived[ppn] = untouched ? Math.min(MOST_PERIODS, marks.survived[ppn] + 1) : 0;
      if (mapped) vm.mark(ppn, Mark.Sampled);
      else vm.marks.clear(ppn);
    }
  }

  /** A page that others share would free nothing. */
  #isCold(vm: VmMemory, { survived }: Marks, ppn: number): boolean {
    const mpn = vm.backing[ppn];
    return (
      mpn >= 0 && survived[ppn] !== 0 && vm.marks.has(ppn, Mark.Sampled) && this.#memory.frames.references(mpn) === 1
    );
  }
}
