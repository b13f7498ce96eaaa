/**
 * Reclaim of Linux 6.1 (mm/vmscan.c: balance_pgdat, get_scan_count, shrink_lruvec): the balance between files and anonymous
 * memory, and the scan of both pairs of lists. It is the work of kswapd, done here at once when free pages run low.
 */
import type { GuestPages, Replacement } from "./guest-pages.ts";
import type { PageDescriptors } from "./page-descriptors.ts";
import { PageScan } from "./page-scan.ts";
import { anonymousShare, mayDeactivate, scanTarget } from "./scan-balance.ts";
import { BATCH, List, ScanTargets } from "./scan-targets.ts";
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
  readonly #scan: PageScan;
  readonly #targets = new ScanTargets();
  /** Whether pages may be written: not for a boost. */
  #mayWrite = true;
  /** Pages of a control group after which a pass is cut short. */
  #enough = 0;
  /** Of what is looked at, how much is anonymous memory. */
  #anonymousShare = 0;
  #mayDeactivateAnonymous = false;
  #mayDeactivateFiles = false;
  readonly #canSwap: boolean;
  readonly #pagesEach: number;
  readonly #lastGroup: number;
  readonly #firstEnded: number;

  constructor(pages: GuestPages, shape: ReclaimShape) {
    const { groups, endedGroups, pagesEach, fileItems, canSwap } = shape;
    this.#pages = pages;
    this.#descriptors = pages.descriptors;
    this.#canSwap = canSwap;
    this.#pagesEach = pagesEach;
    this.#lastGroup = groups + endedGroups - 1;
    this.#firstEnded = groups;
    this.lru = new SplitLru(pages.descriptors, groups + endedGroups, shape.anonymousItems, fileItems);
    this.#scan = new PageScan(pages, this.lru);
  }

  /** Pages looked at on inactive lists. */
  get scanned(): number {
    return this.#scan.scanned;
  }

  /** Pages freed. */
  get stolen(): number {
    return this.#scan.stolen;
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

  /**
   * Reclaim until there are as many free pages as the high watermark says, or nothing more is found (balance_pgdat). If a watermark has
   * been boosted and there are as many already, take as many files as the boost, unless that is too hard.
   */
  balance(): void {
    const { zones } = this.#pages;
    zones?.beginReclaim();
    let boostLeft = zones === undefined ? 0 : zones.boost;
    for (let priority = FIRST_PRIORITY; priority >= 1; ) {
      const balanced = this.#isBalanced;
      if (!balanced && boostLeft > 0) {
        boostLeft = 0;
        priority = FIRST_PRIORITY;
      }
      if (balanced && boostLeft === 0) break;
      this.#mayWrite = boostLeft === 0;
      const { scanned, stolen, passedOver } = this.#scan;
      this.#ageAnonymous();
      this.#enough = this.#wanted;
      this.#pass(priority);
      const found = this.stolen - stolen;
      if (boostLeft > 0 && found === 0) break;
      // A pass that looked at enough, and found something, is repeated before the scan goes deeper.
      const deeper =
        this.scanned - scanned - (this.#scan.passedOver - passedOver) < this.#wanted &&
        (boostLeft === 0 || priority > LAST_BOOST_PRIORITY);
      if (deeper || found === 0) priority--;
      boostLeft = Math.max(0, boostLeft - found);
    }
    zones?.endReclaim();
    this.#snapshot();
  }

  /**
   * Whoever finds less than the minimum frees a few pages, of either kind; the first and least thorough pass goes on when it has them
   * (try_to_free_pages, do_try_to_free_pages).
   */
  reclaimDirectly(): void {
    const { stolen } = this;
    this.#mayWrite = true;
    for (let priority = FIRST_PRIORITY; priority >= 0 && this.stolen - stolen < BATCH; priority--) {
      this.#enough = priority === FIRST_PRIORITY ? Infinity : BATCH;
      this.#pass(priority);
    }
    this.#snapshot();
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

  /** Next to no files are left, when there are no more of them and of free pages than the high watermarks of all zones. */
  get #fewFiles(): number {
    const { marks, zones } = this.#pages;
    return zones === undefined ? marks.high - marks.reserve : zones.high;
  }

  #ageAnonymous(): void {
    const { anonymous } = this.lru;
    if (!this.#canSwap || !anonymous.inactiveIsLow) return;
    for (const { active } of anonymous.groups) this.#scan.shrinkActive(anonymous, active, BATCH);
  }

  #pass(priority: number): void {
    this.#balanceKinds(priority);
    for (let group = 0; group < this.lru.files.groups.length; group++) this.#shrinkGroup(group, priority);
    this.#scan.finishWrites();
  }

  /** How much to look at of either kind. */
  #balanceKinds(priority: number): void {
    const { anonymous, files } = this.lru;
    this.#mayDeactivateAnonymous = mayDeactivate(anonymous);
    this.#mayDeactivateFiles = mayDeactivate(files);
    this.#anonymousShare = anonymousShare(this.lru, priority);
    // Next to no files left: taking them would only bring them back.
    const filesAreTiny =
      files.length + this.#pages.free.length <= this.#fewFiles &&
      !this.#mayDeactivateAnonymous &&
      anonymous.inactive >> priority > 0;
    if (!this.#canSwap || !this.#mayWrite) this.#anonymousShare = 0;
    else if (filesAreTiny) this.#anonymousShare = 1;
  }

  /** Scan the four lists of a control group in turns (shrink_lruvec). */
  #shrinkGroup(group: number, priority: number): void {
    const { files: filePool, anonymous: anonymousPool } = this.lru;
    const [anonymous, files] = [anonymousPool.groups[group], filePool.groups[group]];
    this.#setTargets(group, priority);
    const targets = this.#targets;
    const scan = this.#scan;
    const enough = this.stolen + this.#enough;
    while (targets.any) {
      scan.shrinkInactive(anonymousPool, anonymous.inactive, targets.next(List.InactiveAnonymous));
      const activeAnonymous = targets.next(List.ActiveAnonymous);
      if (this.#mayDeactivateAnonymous) scan.shrinkActive(anonymousPool, anonymous.active, activeAnonymous);
      scan.shrinkInactive(filePool, files.inactive, targets.next(List.InactiveFile));
      const activeFiles = targets.next(List.ActiveFile);
      if (this.#mayDeactivateFiles) scan.shrinkActive(filePool, files.active, activeFiles);
      if (this.stolen >= enough) targets.curtail();
    }
    if (this.#canSwap && anonymous.inactive.length < anonymous.active.length) {
      scan.shrinkActive(anonymousPool, anonymous.active, BATCH);
    }
  }

  /** How much to look at (get_scan_count). */
  #setTargets(group: number, priority: number): void {
    const { files, anonymous } = this.lru;
    const { active: activeAnonymous, inactive: inactiveAnonymous } = anonymous.groups[group];
    const { active: activeFiles, inactive: inactiveFiles } = files.groups[group];
    const ended = group >= this.#firstEnded;
    const share = this.#anonymousShare;
    const targets = this.#targets;
    const scan = this.#scan;
    targets.set(List.InactiveAnonymous, scanTarget(scan.eligible(inactiveAnonymous), priority, share, ended));
    targets.set(List.ActiveAnonymous, scanTarget(scan.eligible(activeAnonymous), priority, share, ended));
    targets.set(List.InactiveFile, scanTarget(scan.eligible(inactiveFiles), priority, 1 - share, ended));
    targets.set(List.ActiveFile, scanTarget(scan.eligible(activeFiles), priority, 1 - share, ended));
  }

  #pool(isFile: boolean): PagePool {
    return isFile ? this.lru.files : this.lru.anonymous;
  }
}
