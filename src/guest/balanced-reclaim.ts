/**
 * Reclaim of Linux 6.1 (mm/vmscan.c: balance_pgdat, get_scan_count, shrink_lruvec): the balance between files and anonymous
 * memory, and the scan of both pairs of lists. It is the work of kswapd, done here at once when free pages run low.
 */
import type { GuestPages, Replacement } from "./guest-pages.ts";
import type { PageDescriptors } from "./page-descriptors.ts";
import { NodeScan } from "./node-scan.ts";
import { BATCH } from "./scan-targets.ts";
import { PageFlag, type PagePool, SplitLru } from "./split-lru.ts";

/** Lists are scanned in parts of 2^-priority (DEF_PRIORITY). */
const FIRST_PRIORITY = 12;
/** For a boost no larger part is scanned. */
const LAST_BOOST_PRIORITY = 10;

/** What {@link SplitLru.markAccessed} makes of a page that is used by calls again and again. */
const KNOWN = PageFlag.Referenced | PageFlag.Active;

/** What reclaim has to know of a guest. */
export interface ReclaimShape {
  /** Control groups: each service process is one (systemd gives every service its own). */
  readonly groups: number;
  /** Groups of services that have ended, after these. What they had in the cache is still theirs. */
  readonly endedGroups: number;
  /** Logical anonymous pages of each; those beyond all of them are the last one's. */
  readonly pagesEach: number;
  readonly anonymousItems: number;
  readonly fileItems: number;
  /** Whether there is any swap space. */
  readonly canSwap: boolean;
}

export class BalancedReclaim implements Replacement {
  readonly lru: SplitLru;
  readonly #pages: GuestPages;
  readonly #descriptors: PageDescriptors;
  readonly #kswapd: NodeScan;
  readonly #direct: NodeScan;
  /** Pages on their way to the swap device. */
  readonly #writing = new Set<number>();
  readonly #pagesEach: number;
  readonly #lastGroup: number;

  constructor(pages: GuestPages, shape: ReclaimShape) {
    const { groups, endedGroups, pagesEach, fileItems, canSwap } = shape;
    this.#pages = pages;
    this.#descriptors = pages.descriptors;
    this.#pagesEach = pagesEach;
    this.#lastGroup = groups + endedGroups - 1;
    this.lru = new SplitLru(pages.descriptors, groups + endedGroups, shape.anonymousItems, fileItems);
    this.#kswapd = new NodeScan(pages, this.lru, this.#writing, groups, canSwap);
    this.#direct = new NodeScan(pages, this.lru, this.#writing, groups, canSwap);
  }

  /** Pages looked at on inactive lists. */
  get scanned(): number {
    return this.#kswapd.pages.scanned + this.#direct.pages.scanned;
  }

  /** Of these, pages of zones that reclaim was not for. */
  get passedOver(): number {
    return this.#kswapd.pages.passedOver + this.#direct.pages.passedOver;
  }

  /** Pages freed. */
  get stolen(): number {
    return this.#kswapd.pages.stolen + this.#direct.pages.stolen;
  }

  get filePages(): number {
    return this.lru.files.length;
  }

  get anonymousPages(): number {
    return this.lru.anonymous.length;
  }

  get activePages(): number {
    return this.lru.files.active + this.lru.anonymous.active;
  }

  get inactivePages(): number {
    return this.lru.files.inactive + this.lru.anonymous.inactive;
  }

  get inactiveTarget(): number {
    return 0;
  }

  add(ppn: number, isFile: boolean, item: number): void {
    const group = isFile ? this.#pages.group : Math.min(this.#lastGroup, Math.floor(item / this.#pagesEach));
    this.lru.add(ppn, this.#pool(isFile), item, group);
  }

  remove(ppn: number, isFile: boolean): void {
    if (this.#writing.size > 0) this.#writing.delete(ppn);
    this.lru.remove(ppn, this.#pool(isFile));
  }

  use(ppn: number): void {
    this.#descriptors.flags[ppn] |= PageFlag.Accessed;
  }

  useText(ppn: number): void {
    this.#descriptors.flags[ppn] |= PageFlag.Accessed | PageFlag.Executable;
  }

  useByCall(ppn: number): void {
    this.lru.markAccessed(ppn, this.lru.files);
  }

  passBy(): void {}

  secondPassed(): void {}

  isKnownUsed(ppn: number): boolean {
    return (this.#descriptors.flags[ppn] & PageFlag.Accessed) !== 0;
  }

  isKnownToCalls(ppn: number): boolean {
    return (this.#descriptors.flags[ppn] & KNOWN) === KNOWN;
  }

  /** A process unmaps a page of a file: that it was used counts like a system call (zap_pte_range, mm/memory.c). */
  unmap(ppn: number): void {
    const used = (this.#descriptors.flags[ppn] & PageFlag.Accessed) !== 0;
    this.#descriptors.flags[ppn] &= ~(PageFlag.Accessed | PageFlag.Executable);
    if (used) this.useByCall(ppn);
  }

  forget(item: number): void {
    this.lru.anonymous.setShadow(item, 0);
  }

  balance(): void {
    for (const _ of this.balancing());
  }

  /**
   * Reclaim until there are as many free pages as the high watermark says, or nothing more is found (balance_pgdat). If a watermark has
   * been boosted and there are as many already, take as many files as the boost, unless that is too hard. Yields where others may have the
   * processor; returns whether it has given up without having freed a page.
   */
  *balancing(): Generator<void, boolean> {
    const { zones } = this.#pages;
    zones?.beginReclaim();
    const scan = this.#kswapd;
    scan.pages.isPartial = zones?.isPartial === true;
    const { stolen: before } = scan.pages;
    let boostLeft = zones === undefined ? 0 : zones.boost;
    let isDone = false;
    for (let priority = FIRST_PRIORITY; priority >= 1; ) {
      const balanced = this.#isBalanced;
      if (!balanced && boostLeft > 0) {
        boostLeft = 0;
        priority = FIRST_PRIORITY;
      }
      isDone = balanced && boostLeft === 0;
      if (isDone) break;
      scan.mayWrite = boostLeft === 0;
      const { scanned, stolen, passedOver } = scan.pages;
      scan.ageAnonymous();
      scan.enough = this.#wanted;
      scan.begin(priority);
      while (scan.goOn()) yield;
      const found = scan.pages.stolen - stolen;
      if (boostLeft > 0 && found === 0) break;
      // A pass that looked at enough, and found something, is repeated before the scan goes deeper.
      const deeper =
        scan.pages.scanned - scanned - (scan.pages.passedOver - passedOver) < this.#wanted &&
        (boostLeft === 0 || priority > LAST_BOOST_PRIORITY);
      if (deeper || found === 0) priority--;
      boostLeft = Math.max(0, boostLeft - found);
    }
    zones?.endReclaim();
    this.#snapshot();
    return !isDone && scan.pages.stolen === before;
  }

  /**
   * Whoever finds less than the minimum frees a few pages, of either kind; the first and least thorough pass goes on when it has them
   * (try_to_free_pages, do_try_to_free_pages). Returns how many.
   */
  reclaimDirectly(): number {
    const scan = this.#direct;
    const { stolen } = scan.pages;
    for (let priority = FIRST_PRIORITY; priority >= 0 && scan.pages.stolen - stolen < BATCH; priority--) {
      scan.enough = priority === FIRST_PRIORITY ? Infinity : BATCH;
      scan.begin(priority);
      while (scan.goOn());
    }
    this.#snapshot();
    return scan.pages.stolen - stolen;
  }

  #snapshot(): void {
    const { anonymous, files } = this.lru;
    anonymous.seenActivations = anonymous.activations;
    files.seenActivations = files.activations;
  }

  get #isBalanced(): boolean {
    const { free, marks, zones } = this.#pages;
    return zones === undefined ? free.length >= marks.high : zones.isBalanced;
  }

  /** So much is enough for a pass: the high watermarks (kswapd_shrink_node). */
  get #wanted(): number {
    const { marks, zones } = this.#pages;
    return zones === undefined ? marks.high - marks.reserve : zones.wanted;
  }

  #pool(isFile: boolean): PagePool {
    return isFile ? this.lru.files : this.lru.anonymous;
  }
}
