/**
 * The two zones of a Linux 6.1 guest with less than 4 GiB (mm/page_alloc.c). Pages come from the upper zone until its low watermark is
 * reached, then from the lower one; reclaim may end as soon as either is balanced. When the marks of a zone are boosted, kswapd is woken to reclaim
 * from that zone and those below it.
 *
 * Which zone a page is in is decided when it is taken: the simulated guest does not care which of its pages it gets.
 */
import { BitSet } from "../core/bit-set.ts";
import { BATCH } from "./scan-targets.ts";
import { type Watermarks, zoneMarks } from "./watermarks.ts";
import { type BlockKind, type FreeInZone, Zone } from "./zone.ts";

/** Memory below 16 MiB on a PC, without what is reserved at boot. */
const LOWER_PAGES = 3840;

const Mark = { Minimum: "minimum", Low: "low" } as const;
type Mark = (typeof Mark)[keyof typeof Mark];

/** Which zones a page may come from, or reclaim is for. */
export const Reach = { Lower: 0, Both: 1 } as const;
export type Reach = (typeof Reach)[keyof typeof Reach];

export class Zones {
  /** Reclaim is for these zones. */
  reach: Reach = Reach.Both;
  readonly #upper: Zone;
  readonly #lower: Zone;
  /** Held back in the lower zone from those who can use the upper one. */
  readonly #reserve: number;
  readonly #isLower: BitSet;
  /** Kswapd has been woken, and does not sleep until it has balanced what was asked for. */
  isAwake = false;
  /** Somebody has asked for pages of these zones since kswapd last began (kswapd_highest_zoneidx). */
  #askedFor: Reach | undefined;
  /** What it was for the last time. */
  #lastReach: Reach = Reach.Both;
  #inReclaim = false;
  /** The boosts that there were when reclaim began. */
  #lowerBoost = 0;
  #upperBoost = 0;

  /** `pages`: of the guest; `managed`: those that the kernel hands out. */
  constructor(pages: number, managed: number, marks: Watermarks, lower: FreeInZone, upper: FreeInZone) {
    this.#isLower = new BitSet(pages);
    this.#reserve = marks.reserve;
    const share = LOWER_PAGES / managed;
    this.#lower = new Zone(LOWER_PAGES, zoneMarks(marks, share), lower);
    this.#upper = new Zone(managed - LOWER_PAGES, zoneMarks(marks, 1 - share), upper);
  }

  /** By how many pages the marks of the zones are raised that reclaim is for. */
  get boost(): number {
    return this.#lower.boost + (this.reach === Reach.Both ? this.#upper.boost : 0);
  }

  /** A page is wanted: wake kswapd, if there are few. */
  wakeIfLow(): void {
    if (!this.#isUsable(Mark.Low)) this.#wake(Reach.Both);
  }

  /** There are so few pages that nobody but reclaim may have any. */
  get isBelowMinimum(): boolean {
    return !this.#isUsable(Mark.Minimum);
  }

  get isBalanced(): boolean {
    return this.#isBalanced(this.reach);
  }

  #isBalanced(reach: Reach): boolean {
    if (reach === Reach.Lower) return this.#lower.isAbove(this.#lower.marks.high, 0);
    return this.#lower.isAbove(this.#lower.marks.high, this.#reserve) || this.#upper.isAbove(this.#upper.marks.high, 0);
  }

  /** The high watermarks of the zones that reclaim is for: so much is enough for a pass (kswapd_shrink_node). */
  get wanted(): number {
    const lower = Math.max(BATCH, this.#lower.marks.high + this.#lower.boost);
    return this.reach === Reach.Lower ? lower : lower + this.#upper.marks.high + this.#upper.boost;
  }

  /** The high watermarks of all zones. */
  get high(): number {
    return this.#lower.marks.high + this.#lower.boost + this.#upper.marks.high + this.#upper.boost;
  }

  /** Reclaim is for one zone only. */
  get isPartial(): boolean {
    return this.reach === Reach.Lower;
  }

  /** A page that reclaim has come to is in a zone that it is for. */
  reaches(page: number): boolean {
    return this.reach === Reach.Both || this.#isLower.has(page);
  }

  /** Kswapd begins to reclaim. */
  beginReclaim(): void {
    this.reach = this.#askedFor ?? this.#lastReach;
    this.#lastReach = this.reach;
    this.#askedFor = undefined;
    this.#inReclaim = true;
    this.#lowerBoost = this.#lower.boost;
    this.#upperBoost = this.reach === Reach.Both ? this.#upper.boost : 0;
  }

  /**
   * It has reclaimed, or has given it up: the boosts that there were are over. It goes on at once if none of the zones is balanced that somebody has asked
   * for meanwhile, and sleeps else (prepare_kswapd_sleep).
   */
  endReclaim(): void {
    this.#lower.boost -= this.#lowerBoost;
    this.#upper.boost -= this.#upperBoost;
    this.#inReclaim = false;
    this.reach = Reach.Both;
    this.lookAgain();
  }

  /** None of the zones is balanced that somebody has asked for, or that were reclaimed last: kswapd does not sleep. */
  lookAgain(): void {
    this.isAwake = !this.#isBalanced(this.#askedFor ?? this.#lastReach);
  }

  /** A page is taken. */
  take(page: number, kind: BlockKind): void {
    const isLower = this.#comesFromLower;
    if (isLower) this.#isLower.add(page);
    if (!(isLower ? this.#lower : this.#upper).take(kind)) return;
    this.#wake(isLower ? Reach.Lower : Reach.Both);
  }

  /** A page is free again. */
  release(page: number, kind: BlockKind): void {
    if (this.#isLower.has(page)) {
      this.#isLower.delete(page);
      this.#lower.release(kind, this.#inReclaim);
    } else this.#upper.release(kind, this.#inReclaim);
  }

  #wake(reach: Reach): void {
    if (this.#askedFor !== Reach.Both) this.#askedFor = reach;
    this.isAwake = true;
  }

  /** The lower zone when the upper one is low; when both are, the upper one until it is at its minimum (get_page_from_freelist). */
  get #comesFromLower(): boolean {
    if (this.#isUpperUsable(Mark.Low)) return false;
    if (this.#isLowerUsable(Mark.Low)) return true;
    return !this.#isUpperUsable(Mark.Minimum) && this.#isLowerUsable(Mark.Minimum);
  }

  #isUsable(mark: Mark): boolean {
    return this.#isUpperUsable(mark) || this.#isLowerUsable(mark);
  }

  #isLowerUsable(mark: Mark): boolean {
    return this.#lower.isAbove(this.#lower.marks[mark], this.#reserve);
  }

  #isUpperUsable(mark: Mark): boolean {
    return this.#upper.isAbove(this.#upper.marks[mark], 0);
  }
}
