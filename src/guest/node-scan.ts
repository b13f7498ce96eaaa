/**
 * Passes of one reclaimer over the lists of all control groups (Linux 6.1, mm/vmscan.c: shrink_node, get_scan_count, shrink_lruvec): kswapd and
 * whoever reclaims himself have a scan of their own (struct scan_control), as kswapd may have to wait for the processor amid a pass.
 */
import type { GuestPages } from "./guest-pages.ts";
import { PageScan } from "./page-scan.ts";
import { anonymousShare, mayDeactivate, scanTarget } from "./scan-balance.ts";
import { BATCH, List, ScanTargets } from "./scan-targets.ts";
import type { SplitLru } from "./split-lru.ts";

export class NodeScan {
  readonly pages: PageScan;
  /** Whether pages may be written: not for a boost. */
  mayWrite = true;
  /** Pages of a control group after which a pass is cut short. */
  enough = 0;
  readonly #guest: GuestPages;
  readonly #lru: SplitLru;
  readonly #targets = new ScanTargets();
  readonly #canSwap: boolean;
  readonly #firstEnded: number;
  /** Where the pass is: at what part of the lists, in which control group, and when that has given enough. */
  #priority = 0;
  #group = -1;
  #groupEnough = 0;
  /** Of what is looked at, how much is anonymous memory. */
  #anonymousShare = 0;
  #mayDeactivateAnonymous = false;
  #mayDeactivateFiles = false;

  /** `firstEnded`: groups from this one on are those of services that have ended; `writing`: pages on their way to the swap device. */
  constructor(guest: GuestPages, lru: SplitLru, writing: Set<number>, firstEnded: number, canSwap: boolean) {
    this.#guest = guest;
    this.#lru = lru;
    this.#firstEnded = firstEnded;
    this.#canSwap = canSwap;
    this.pages = new PageScan(guest, lru, writing);
  }

  /** A few anonymous pages of each group are aged before each pass of kswapd (kswapd_age_node). */
  ageAnonymous(): void {
    const { anonymous } = this.#lru;
    if (!this.#canSwap || !anonymous.inactiveIsLow) return;
    for (const { active } of anonymous.groups) this.pages.shrinkActive(anonymous, active, BATCH);
  }

  /** Begin to look at a part of 2^-priority of all lists. */
  begin(priority: number): void {
    this.#balanceKinds(priority);
    this.#priority = priority;
    this.#group = -1;
  }

  /** Go on with it until others may have the processor (cond_resched). Returns whether it is to be gone on with. */
  goOn(): boolean {
    const { pages: scan } = this;
    while (!this.#targets.any) {
      if (this.#group >= 0) this.#fillInactive(this.#group);
      if (++this.#group === this.#lru.files.groups.length) {
        scan.finishWrites();
        return false;
      }
      this.#setTargets(this.#group, this.#priority);
      this.#groupEnough = scan.stolen + this.enough;
    }
    this.#shrinkLists(this.#group);
    if (scan.stolen >= this.#groupEnough) this.#targets.curtail();
    return true;
  }

  /** How much to look at of either kind. */
  #balanceKinds(priority: number): void {
    const { anonymous, files } = this.#lru;
    this.#mayDeactivateAnonymous = mayDeactivate(anonymous);
    this.#mayDeactivateFiles = mayDeactivate(files);
    this.#anonymousShare = anonymousShare(this.#lru, priority);
    // Next to no files left: taking them would only bring them back.
    const filesAreTiny =
      files.length + this.#guest.free.length <= this.#fewFiles &&
      !this.#mayDeactivateAnonymous &&
      anonymous.inactive >> priority > 0;
    if (!this.#canSwap || !this.mayWrite) this.#anonymousShare = 0;
    else if (filesAreTiny) this.#anonymousShare = 1;
  }

  /** Next to no files are left, when there are no more of them and of free pages than the high watermarks of all zones. */
  get #fewFiles(): number {
    const { marks, zones } = this.#guest;
    return zones === undefined ? marks.high - marks.reserve : zones.high;
  }

  /** Look at a few pages of each of the four lists of a control group. */
  #shrinkLists(group: number): void {
    const { files: filePool, anonymous: anonymousPool } = this.#lru;
    const [anonymous, files] = [anonymousPool.groups[group], filePool.groups[group]];
    const targets = this.#targets;
    const scan = this.pages;
    scan.shrinkInactive(anonymousPool, anonymous.inactive, targets.next(List.InactiveAnonymous));
    const activeAnonymous = targets.next(List.ActiveAnonymous);
    if (this.#mayDeactivateAnonymous) scan.shrinkActive(anonymousPool, anonymous.active, activeAnonymous);
    scan.shrinkInactive(filePool, files.inactive, targets.next(List.InactiveFile));
    const activeFiles = targets.next(List.ActiveFile);
    if (this.#mayDeactivateFiles) scan.shrinkActive(filePool, files.active, activeFiles);
  }

  /** A control group has fewer inactive anonymous pages than active ones: a few more become inactive. */
  #fillInactive(group: number): void {
    const { anonymous } = this.#lru;
    const { active, inactive } = anonymous.groups[group];
    if (this.#canSwap && inactive.length < active.length) this.pages.shrinkActive(anonymous, active, BATCH);
  }

  /** How much to look at. */
  #setTargets(group: number, priority: number): void {
    const { files, anonymous } = this.#lru;
    const { active: activeAnonymous, inactive: inactiveAnonymous } = anonymous.groups[group];
    const { active: activeFiles, inactive: inactiveFiles } = files.groups[group];
    const ended = group >= this.#firstEnded;
    const share = this.#anonymousShare;
    const targets = this.#targets;
    const scan = this.pages;
    targets.set(List.InactiveAnonymous, scanTarget(scan.eligible(inactiveAnonymous), priority, share, ended));
    targets.set(List.ActiveAnonymous, scanTarget(scan.eligible(activeAnonymous), priority, share, ended));
    targets.set(List.InactiveFile, scanTarget(scan.eligible(inactiveFiles), priority, 1 - share, ended));
    targets.set(List.ActiveFile, scanTarget(scan.eligible(activeFiles), priority, 1 - share, ended));
  }
}
