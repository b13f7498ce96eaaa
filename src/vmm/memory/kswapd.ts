/**
 * Reclaim in the background on a host that is Linux (6.1, mm/vmscan.c, mm/page_alloc.c). kswapd is woken when an allocation leaves
 * fewer pages free than the low watermark, and reclaims up to the high one; pages that it has to write are free when that is
 * done. Whoever needs a page when no more than the low end (min) is free reclaims himself, and where all that he finds is under
 * writeback, waits for that (reclaim_throttle).
 *
 * Watermarks go by the memory for VMs: what the host keeps for itself is not handed out in the model, nor is the lowest zone,
 * from which a host with more memory takes no page for its processes (lowmem_reserve).
 *
 * Left out: a host of another version reclaims in the same way, at the same marks. kswapd gets on as soon as it is woken, though its
 * cycles are run later, as all that the VMM does. A page under writeback counts for its goal, where Linux goes round until the write
 * is done, and so writes more than it needs. Who reclaims himself does so only when nothing is under writeback, and waits until as
 * many pages have been written as he needs, which is served in turn. A page that is needed while it is being written is read again,
 * and not found in the swap cache.
 */
import { type Watermarks, watermarks, zoneMarks } from "../../guest/watermarks.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { BackgroundReclaim, RoomMaker } from "../host-memory/memory-roles.ts";

/** So many passes in a row that have found nothing are enough (MAX_RECLAIM_RETRIES). */
const MOST_FAILURES = 16;

export class Kswapd implements BackgroundReclaim, RoomMaker {
  readonly marks: Watermarks;
  readonly #memory: HostMemory;
  /** Who takes pages from VMs; absent: it has not begun. */
  #reclaim: RoomMaker | undefined;
  #failures = 0;
  /** Frames given out before their old pages were written, and of these those whose pages have been written since. */
  #lent = 0;
  #settled = 0;
  /** What had been lent when that was last asked for. */
  #told = 0;

  constructor(memory: HostMemory) {
    this.#memory = memory;
    this.marks = zoneMarks(watermarks("linux-6.1", memory.frames.forVms), 1);
  }

  get isOn(): boolean {
    return this.#reclaim !== undefined;
  }

  /** The host has been up for long: what is to be written first has been. */
  start(): void {
    const memory = this.#memory;
    if (memory.roomMaker === undefined || memory.clairvoyance !== undefined) return;
    this.#balanceWith(memory.roomMaker);
    this.#reclaim = memory.roomMaker;
    memory.roomMaker = this;
    memory.reserve = this.marks.minimum;
    memory.wakeBelow = this.marks.low;
  }

  wake(): void {
    const { frames } = this.#memory;
    // Free memory has just fallen to the mark: others have freed some since.
    if (frames.free === this.marks.low) this.#failures = 0;
    this.#memory.woken = this.#failures < MOST_FAILURES && frames.available < this.marks.high;
  }

  balance(): void {
    this.#memory.woken = false;
    if (this.#reclaim !== undefined) this.#balanceWith(this.#reclaim);
  }

  #balanceWith(reclaim: RoomMaker): void {
    const { frames } = this.#memory;
    while (frames.available < this.marks.high && this.#take(reclaim));
  }

  /** A frame for whoever finds too few free. Close to the end of memory, what is left is given out rather than nothing. */
  makeRoom(): number {
    const { frames, reserve } = this.#memory;
    const mayTake = this.#failures < MOST_FAILURES || frames.free === 0;
    if (frames.writing === 0 && mayTake && this.#reclaim !== undefined) this.#take(this.#reclaim);
    if (frames.free <= reserve && frames.writing > 0) {
      frames.endWriting(1);
      this.#lent++;
    }
    return frames.free;
  }

  writes(frees: boolean): void {
    if (!this.isOn) return;
    if (frees) this.#memory.frames.beginWriting();
    else this.#lent++;
  }

  written(pages: number): void {
    const settled = Math.min(pages, this.#lent - this.#settled);
    this.#settled += settled;
    this.#memory.frames.endWriting(pages - settled);
  }

  get underWriteback(): number {
    return this.#memory.frames.writing + this.#lent - this.#settled;
  }

  takeDebt(): number {
    const debt = this.#lent > this.#told ? this.#lent : 0;
    this.#told = this.#lent;
    return debt;
  }

  isSettled(debt: number): boolean {
    return this.#settled >= debt;
  }

  #take(reclaim: RoomMaker): boolean {
    const freed = reclaim.makeRoom() > 0;
    this.#failures = freed ? 0 : this.#failures + 1;
    return freed;
  }
}
