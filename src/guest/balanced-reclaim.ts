/**
 * Reclaim of Linux 6.1 (mm/vmscan.c: balance_pgdat, get_scan_count, shrink_lruvec): the balance between files and anonymous
 * memory, and the scan of both pairs of lists. It is the work of kswapd, done here at once when free pages run low.
 */
import { Evicted, type GuestPages, PageUse, type Replacement } from "./guest-pages.ts";
import type { PageDescriptors } from "./page-descriptors.ts";
import type { PageList } from "./page-list.ts";
import { anonymousShare, mayDeactivate } from "./scan-balance.ts";
import { type GroupLists, PageFlag, type PagePool, SplitLru } from "./split-lru.ts";

/** Most pages looked at before the other lists have their turn (SWAP_CLUSTER_MAX). */
const BATCH = 32;
/** Lists are scanned in parts of 2^-priority (DEF_PRIORITY). */
const FIRST_PRIORITY = 12;
const NONE = -1;

/** What a page is worth that the scan has come to. */
const Fate = { Keep: 0, Activate: 1, Reclaim: 2 } as const;

/** What reclaim has to know of a guest. */
export interface ReclaimShape {
  /** Control groups: each service process is one (systemd gives every service its own). */
  readonly groups: number;
  /** Logical anonymous pages of each; those beyond all of them are the last one's. */
  readonly pagesEach: number;
  readonly anonymousItems: number;
  readonly fileItems: number;
  /** Whether there is any swap space. */
  readonly canSwap: boolean;
}

export class BalancedReclaim implements Replacement {
  readonly lru: SplitLru;
  /** Pages looked at on inactive lists, and pages freed. */
  scanned = 0;
  stolen = 0;
  readonly #pages: GuestPages;
  readonly #descriptors: PageDescriptors;
  /** Pages on their way to the swap device, in this pass. */
  readonly #writing = new Set<number>();
  /** Of what is looked at, how much is anonymous memory. */
  #anonymousShare = 0;
  #mayDeactivateAnonymous = false;
  #mayDeactivateFiles = false;
  readonly #canSwap: boolean;
  readonly #pagesEach: number;
  readonly #lastGroup: number;

  constructor(pages: GuestPages, shape: ReclaimShape) {
    const { groups, pagesEach, fileItems, canSwap } = shape;
    this.#pages = pages;
    this.#descriptors = pages.descriptors;
    this.#canSwap = canSwap;
    this.#pagesEach = pagesEach;
    this.#lastGroup = groups - 1;
    this.lru = new SplitLru(pages.descriptors, groups, shape.anonymousItems, fileItems);
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

  /** A process unmaps a page of a file: that it was used counts like a system call (zap_pte_range, mm/memory.c). */
  unmap(ppn: number): void {
    const used = (this.#descriptors.flags[ppn] & PageFlag.Accessed) !== 0;
    this.#descriptors.flags[ppn] &= ~(PageFlag.Accessed | PageFlag.Executable);
    if (used) this.useByCall(ppn);
  }

  forget(item: number): void {
    this.lru.anonymous.setShadow(item, 0);
  }

  /** Reclaim until there are as many free pages as the high watermark says, or nothing more is found. */
  balance(): void {
    const { anonymous, files } = this.lru;
    const { free, marks } = this.#pages;
    for (let priority = FIRST_PRIORITY; priority >= 1 && free.length < marks.high; ) {
      const [scanned, stolen] = [this.scanned, this.stolen];
      this.#ageAnonymous();
      this.#pass(priority);
      // A pass that looked at enough, and found something, is repeated before the scan goes deeper.
      if (this.scanned - scanned < this.#wanted || this.stolen === stolen) priority--;
    }
    anonymous.seenActivations = anonymous.activations;
    files.seenActivations = files.activations;
  }

  /** The high watermarks of all zones: so much is enough for a pass, and files are few below it (kswapd_shrink_node). */
  get #wanted(): number {
    const { high, reserve } = this.#pages.marks;
    return high - reserve;
  }

  #ageAnonymous(): void {
    const { anonymous } = this.lru;
    if (!this.#canSwap || !anonymous.inactiveIsLow) return;
    for (const { active } of anonymous.groups) this.#shrinkActive(anonymous, active, BATCH);
  }

  #pass(priority: number): void {
    const { anonymous, files } = this.lru;
    this.#balanceKinds(priority);
    for (let group = 0; group <= this.#lastGroup; group++) {
      this.#shrinkGroup(anonymous.groups[group], files.groups[group], priority);
    }
    this.#finishWrites();
  }

  /** How much to look at of either kind. */
  #balanceKinds(priority: number): void {
    const { anonymous, files } = this.lru;
    this.#mayDeactivateAnonymous = mayDeactivate(anonymous);
    this.#mayDeactivateFiles = mayDeactivate(files);
    this.#anonymousShare = anonymousShare(this.lru, priority);
    // Next to no files left: taking them would only bring them back.
    const filesAreTiny =
      files.length + this.#pages.free.length <= this.#wanted &&
      !this.#mayDeactivateAnonymous &&
      anonymous.inactive >> priority > 0;
    if (!this.#canSwap) this.#anonymousShare = 0;
    else if (filesAreTiny) this.#anonymousShare = 1;
  }

  /** Scan the four lists of a control group in turns (shrink_lruvec). */
  #shrinkGroup(anonymous: GroupLists, files: GroupLists, priority: number): void {
    const { lru } = this;
    const share = this.#anonymousShare;
    let inactiveAnonymous = Math.floor((anonymous.inactive.length >> priority) * share);
    let activeAnonymous = Math.floor((anonymous.active.length >> priority) * share);
    let inactiveFiles = Math.floor((files.inactive.length >> priority) * (1 - share));
    let activeFiles = Math.floor((files.active.length >> priority) * (1 - share));
    const enough = this.stolen + this.#wanted;
    while (inactiveAnonymous > 0 || inactiveFiles > 0 || activeFiles > 0) {
      this.#shrinkInactive(lru.anonymous, anonymous, Math.min(BATCH, inactiveAnonymous));
      if (this.#mayDeactivateAnonymous) {
        this.#shrinkActive(lru.anonymous, anonymous.active, Math.min(BATCH, activeAnonymous));
      }
      this.#shrinkInactive(lru.files, files, Math.min(BATCH, inactiveFiles));
      if (this.#mayDeactivateFiles) this.#shrinkActive(lru.files, files.active, Math.min(BATCH, activeFiles));
      if (this.stolen >= enough) break;
      inactiveAnonymous -= Math.min(BATCH, inactiveAnonymous);
      activeAnonymous -= Math.min(BATCH, activeAnonymous);
      inactiveFiles -= Math.min(BATCH, inactiveFiles);
      activeFiles -= Math.min(BATCH, activeFiles);
    }
    if (this.#canSwap && anonymous.inactive.length < anonymous.active.length) {
      this.#shrinkActive(lru.anonymous, anonymous.active, BATCH);
    }
  }

  #shrinkInactive(pool: PagePool, { inactive }: GroupLists, wanted: number): void {
    const writing = this.#writing.size;
    for (let left = Math.min(wanted, inactive.length); left > 0 && inactive.head !== NONE; left--) {
      const page = inactive.head;
      this.scanned++;
      const fate = this.#fate(page, pool);
      if (fate === Fate.Reclaim) this.#give(page, pool);
      else if (fate === Fate.Activate) this.lru.activate(page, pool);
      else this.lru.rotate(page, pool);
    }
    const written = this.#writing.size - writing;
    if (written > 0) this.lru.noteCost(pool, written);
  }

  /** A page found used stays, and if it is found so twice, or is program text, it becomes active (folio_check_references). */
  #fate(page: number, pool: PagePool): number {
    if (this.#writing.has(page)) return Fate.Activate;
    const flags = this.#descriptors.flags[page];
    this.#descriptors.flags[page] = flags & ~(PageFlag.Accessed | PageFlag.Referenced);
    if ((flags & PageFlag.Accessed) === 0) return Fate.Reclaim;
    this.#descriptors.flags[page] |= PageFlag.Referenced;
    const isText = pool === this.lru.files && (flags & PageFlag.Executable) !== 0;
    return isText || (flags & PageFlag.Referenced) !== 0 ? Fate.Activate : Fate.Keep;
  }

  #give(page: number, pool: PagePool): void {
    const item = this.#pages.item(page);
    const evicted = this.#pages.evict(page);
    if (evicted === Evicted.Safe) {
      this.lru.evict(page, pool, item);
      this.#pages.release(page);
      this.stolen++;
    } else if (evicted === Evicted.Kept) this.lru.activate(page, pool);
    else {
      this.lru.rotate(page, pool);
      this.#writing.add(page);
    }
  }

  /** All but program text in use goes to the inactive list (shrink_active_list). */
  #shrinkActive(pool: PagePool, active: PageList, wanted: number): void {
    for (let left = Math.min(wanted, active.length); left > 0; left--) {
      const page = active.head;
      const flags = this.#descriptors.flags[page];
      this.#descriptors.flags[page] = flags & ~PageFlag.Accessed;
      const isText = pool === this.lru.files && (flags & PageFlag.Executable) !== 0;
      if (isText && (flags & PageFlag.Accessed) !== 0) this.lru.rotate(page, pool);
      else this.lru.deactivate(page, pool);
    }
  }

  /** What has been written is the next to be freed. */
  #finishWrites(): void {
    for (const page of this.#writing) {
      if (this.#pages.use(page) === PageUse.Anonymous) this.lru.putFirst(page, this.lru.anonymous);
    }
    this.#writing.clear();
  }

  #pool(isFile: boolean): PagePool {
    return isFile ? this.lru.files : this.lru.anonymous;
  }
}
