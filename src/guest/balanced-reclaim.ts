/**
 * Reclaim of Linux 6.1 (mm/vmscan.c: balance_pgdat, get_scan_count, shrink_lruvec): the balance between files and anonymous
 * memory, and the scan of both pairs of lists. It is the work of kswapd, done here at once when free pages run low.
 */
import { Evicted, type GuestPages, PageUse, type Replacement } from "./guest-pages.ts";
import type { PageLinks, PageList } from "./page-list.ts";
import { PageFlag, type PagePool, SplitLru } from "./split-lru.ts";

/** Most pages looked at before the other lists have their turn (SWAP_CLUSTER_MAX). */
const BATCH = 32;
/** Lists are scanned in parts of 2^-priority (DEF_PRIORITY). */
const FIRST_PRIORITY = 12;
/** vm.swappiness: cost of reading a file's page against a swapped one, of 200. */
const SWAPPINESS = 60;
const NONE = -1;

/** What a page is worth that the scan has come to. */
const Fate = { Keep: 0, Activate: 1, Reclaim: 2 } as const;

/** Pages to look at on the four lists in one pass. */
interface ScanCount {
  inactiveAnonymous: number;
  activeAnonymous: number;
  inactiveFiles: number;
  activeFiles: number;
}

export class BalancedReclaim implements Replacement {
  readonly lru: SplitLru;
  /** Pages looked at on inactive lists, and pages freed. */
  scanned = 0;
  stolen = 0;
  readonly #pages: GuestPages;
  readonly #flags: Uint8Array;
  /** Pages on their way to the swap device, in this pass. */
  readonly #writing: number[] = [];
  readonly #isWriting: Uint8Array;
  readonly #count: ScanCount = { inactiveAnonymous: 0, activeAnonymous: 0, inactiveFiles: 0, activeFiles: 0 };
  #mayDeactivateAnonymous = false;
  #mayDeactivateFiles = false;
  /** Whether the guest has any swap space. */
  readonly #canSwap: boolean;

  /** `anonymousItems`, `fileItems`: how many logical pages of either kind there are. */
  constructor(
    pages: GuestPages,
    links: PageLinks,
    flags: Uint8Array,
    anonymousItems: number,
    fileItems: number,
    canSwap: boolean,
  ) {
    this.#pages = pages;
    this.#canSwap = canSwap;
    this.lru = new SplitLru(links, flags, anonymousItems, fileItems);
    this.#flags = flags;
    this.#isWriting = new Uint8Array(flags.length);
  }

  get filePages(): number {
    return this.lru.files.length;
  }

  get anonymousPages(): number {
    return this.lru.anonymous.length;
  }

  add(ppn: number, isFile: boolean, item: number): void {
    this.lru.add(ppn, this.#pool(isFile), item);
  }

  remove(ppn: number, isFile: boolean): void {
    this.lru.remove(ppn, this.#pool(isFile));
  }

  use(ppn: number): void {
    this.#flags[ppn] |= PageFlag.Accessed;
  }

  useText(ppn: number): void {
    this.#flags[ppn] |= PageFlag.Accessed | PageFlag.Executable;
  }

  useByCall(ppn: number): void {
    this.lru.markAccessed(ppn, this.lru.files);
  }

  /** A process unmaps a page of a file: that it was used counts like a system call (zap_pte_range, mm/memory.c). */
  unmap(ppn: number): void {
    const used = (this.#flags[ppn] & PageFlag.Accessed) !== 0;
    this.#flags[ppn] &= ~(PageFlag.Accessed | PageFlag.Executable);
    if (used) this.useByCall(ppn);
  }

  forget(item: number): void {
    this.lru.forget(this.lru.anonymous, item);
  }

  /** Reclaim until there are as many free pages as the high watermark says, or nothing more is found. */
  balance(): void {
    const { anonymous, files } = this.lru;
    for (let priority = FIRST_PRIORITY; priority >= 1 && this.#pages.free.length < this.#pages.marks.high; ) {
      const [scanned, stolen] = [this.scanned, this.stolen];
      if (anonymous.inactiveIsLow) this.#shrinkActive(anonymous, BATCH);
      this.#pass(priority);
      // A pass that looked at enough, and found something, is repeated before the scan goes deeper.
      if (this.scanned - scanned < this.#pages.marks.high || this.stolen === stolen) priority--;
    }
    anonymous.seenActivations = anonymous.activations;
    files.seenActivations = files.activations;
  }

  #pass(priority: number): void {
    const count = this.#count;
    this.#countPages(priority);
    const { anonymous, files } = this.lru;
    let stolen = 0;
    while (count.inactiveAnonymous > 0 || count.activeFiles > 0 || count.inactiveFiles > 0) {
      const turns = [
        Math.min(BATCH, count.inactiveAnonymous),
        Math.min(BATCH, count.activeAnonymous),
        Math.min(BATCH, count.inactiveFiles),
        Math.min(BATCH, count.activeFiles),
      ];
      count.inactiveAnonymous -= turns[0];
      count.activeAnonymous -= turns[1];
      count.inactiveFiles -= turns[2];
      count.activeFiles -= turns[3];
      stolen += this.#shrinkInactive(anonymous, turns[0]);
      if (this.#mayDeactivateAnonymous) this.#shrinkActive(anonymous, turns[1]);
      stolen += this.#shrinkInactive(files, turns[2]);
      if (this.#mayDeactivateFiles) this.#shrinkActive(files, turns[3]);
      if (stolen >= this.#pages.marks.high) break;
    }
    if (anonymous.inactiveIsLow) this.#shrinkActive(anonymous, BATCH);
    this.#finishWrites();
  }

  /** How much of each list to look at: by what reclaim of either kind has cost lately (prepare_scan_count, get_scan_count). */
  #countPages(priority: number): void {
    const { anonymous, files } = this.lru;
    const count = this.#count;
    this.#mayDeactivateAnonymous = anonymous.activations !== anonymous.seenActivations || anonymous.inactiveIsLow;
    this.#mayDeactivateFiles = files.activations !== files.seenActivations || files.inactiveIsLow;
    const total = anonymous.cost + files.cost;
    const anonymousShare = (SWAPPINESS * (2 * total + 1)) / (total + anonymous.cost + 1);
    const fileShare = ((200 - SWAPPINESS) * (2 * total + 1)) / (total + files.cost + 1);
    let ofAnonymous = anonymousShare / (anonymousShare + fileShare);
    let ofFiles = 1 - ofAnonymous;
    const filesAreTiny =
      files.length + this.#pages.free.length <= this.#pages.marks.high &&
      !this.#mayDeactivateAnonymous &&
      anonymous.inactive.length >> priority > 0;
    const trimFiles = files.inactive.length >> priority > 0 && !this.#mayDeactivateFiles;
    if (!this.#canSwap) [ofAnonymous, ofFiles] = [0, 1];
    else if (filesAreTiny) [ofAnonymous, ofFiles] = [1, 0];
    else if (trimFiles) [ofAnonymous, ofFiles] = [0, 1];
    count.inactiveAnonymous = Math.floor((anonymous.inactive.length >> priority) * ofAnonymous);
    count.activeAnonymous = Math.floor((anonymous.active.length >> priority) * ofAnonymous);
    count.inactiveFiles = Math.floor((files.inactive.length >> priority) * ofFiles);
    count.activeFiles = Math.floor((files.active.length >> priority) * ofFiles);
  }

  /** Pages freed. */
  #shrinkInactive(pool: PagePool, wanted: number): number {
    let stolen = 0;
    let written = 0;
    for (let left = Math.min(wanted, pool.inactive.length); left > 0; left--) {
      const page = pool.inactive.head;
      if (page === NONE) break;
      this.scanned++;
      const fate = this.#fate(page, pool);
      if (fate === Fate.Reclaim) {
        const before = this.#writing.length;
        if (this.#give(page, pool)) stolen++;
        written += this.#writing.length - before;
      } else if (fate === Fate.Activate) this.#activate(page, pool);
      else this.#rotate(page, pool.inactive);
    }
    if (written > 0) this.lru.noteCost(pool, written);
    this.stolen += stolen;
    return stolen;
  }

  /**
   * A page found used stays, and if it is found so twice, or is program text, it becomes active (folio_check_references).
   */
  #fate(page: number, pool: PagePool): number {
    if (this.#isWriting[page] !== 0) return Fate.Activate;
    const flags = this.#flags[page];
    this.#flags[page] = flags & ~(PageFlag.Accessed | PageFlag.Referenced);
    if ((flags & PageFlag.Accessed) === 0) return Fate.Reclaim;
    this.#flags[page] |= PageFlag.Referenced;
    const text = pool === this.lru.files && (flags & PageFlag.Executable) !== 0;
    return text || (flags & PageFlag.Referenced) !== 0 ? Fate.Activate : Fate.Keep;
  }

  /** True: the page is free. Otherwise it is being written, or cannot be spared. */
  #give(page: number, pool: PagePool): boolean {
    const item = this.#pages.item(page);
    const evicted = this.#pages.evict(page);
    if (evicted === Evicted.Safe) {
      this.lru.evict(page, pool, item);
      this.#pages.release(page);
      return true;
    }
    if (evicted === Evicted.Kept) {
      this.#activate(page, pool);
      return false;
    }
    this.#rotate(page, pool.inactive);
    this.#isWriting[page] = 1;
    this.#writing.push(page);
    return false;
  }

  #activate(page: number, pool: PagePool): void {
    pool.inactive.remove(page);
    this.#flags[page] |= PageFlag.Active;
    pool.active.append(page);
    this.lru.grow();
  }

  #rotate(page: number, list: PageList): void {
    list.remove(page);
    list.append(page);
  }

  /** All but program text in use goes to the inactive list (shrink_active_list). */
  #shrinkActive(pool: PagePool, wanted: number): void {
    for (let left = Math.min(wanted, pool.active.length); left > 0; left--) {
      const page = pool.active.head;
      const flags = this.#flags[page];
      const usedText = (flags & PageFlag.Accessed) !== 0 && (flags & PageFlag.Executable) !== 0;
      this.#flags[page] &= ~PageFlag.Accessed;
      if (usedText && pool === this.lru.files) {
        this.#rotate(page, pool.active);
        this.lru.grow();
        continue;
      }
      pool.active.remove(page);
      this.#flags[page] = (this.#flags[page] & ~PageFlag.Active) | PageFlag.WorkingSet;
      pool.inactive.append(page);
    }
  }

  /** Written pages are the next to be freed (folio_rotate_reclaimable). */
  #finishWrites(): void {
    const pool = this.lru.anonymous;
    for (const page of this.#writing) {
      this.#isWriting[page] = 0;
      if (this.#pages.use(page) !== PageUse.Anonymous) continue;
      if ((this.#flags[page] & PageFlag.Active) !== 0) pool.active.remove(page);
      else pool.inactive.remove(page);
      this.#flags[page] &= ~PageFlag.Active;
      pool.inactive.prepend(page);
    }
    this.#writing.length = 0;
  }

  #pool(isFile: boolean): PagePool {
    return isFile ? this.lru.files : this.lru.anonymous;
  }
}
