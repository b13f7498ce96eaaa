/**
 * Linux's KSM: merges pages of equal content that do not change (Linux, `Documentation/admin-guide/mm/ksm.rst`).
 *
 * It visits the pages of all VMs in order, pass after pass. A page that has kept its content since the last visit is looked
 * for among the shared frames (the stable tree), then among the pages of this pass (the unstable tree). On the memory of real
 * guests, the counters are those of a real kernel after the same number of pages scanned (workloads/data/ksm-runs.json).
 */
import { ZERO_CONTENT } from "../../machine/content-ids.ts";
import { PAGE_BYTES } from "../../machine/page.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { VmMemory } from "../host-memory/vm-memory.ts";
import { NO_PAGE, ScannedPages } from "./scanned-pages.ts";
import { afterPass, isLeftOut } from "./smart-scan.ts";
import { NO_NODE } from "./stable-contents.ts";
import { StableNodes } from "./stable-nodes.ts";
import { UnstableTree } from "./unstable-tree.ts";

/** Memory of the modelled kernel for each page it tracks, on 64-bit machines (`ksm.rst`, general_profit). */
export const ITEM_BYTES = 64;

/** How often the modelled kernel looks at all shared frames of one content (Linux, ksm.rst, stable_node_chains_prune_millisecs). */
export const CHAINS_PRUNE_MS = 2000;

/** Pages to look at before others. */
export interface ScanHints {
  /** Take the next one, which is then in `vm` and `ppn`; false: there is none. */
  take(): boolean;
  readonly vm: VmMemory;
  readonly ppn: number;
}

export interface KsmSettings {
  /** Most pages that share one frame; at least 2. */
  readonly maxPageSharing: number;
  /** Map pages of zeros to the kernel's own page of zeros. */
  readonly useZeroPages: boolean;
  /** Leave pages out that were scanned in vain. */
  readonly smartScan: boolean;
  /** Look among the shared frames before looking whether the page has changed, as kernels before about 6.11 do. */
  readonly stableFirst: boolean;
  /** How often all shared frames of one content are looked at, where there are several. */
  readonly chainsPruneMs: number;
}

export class KsmScanner {
  /** Passes completed. */
  fullScans = 0;
  pagesScanned = 0;
  /** Visits left out by smart scan. */
  pagesSkipped = 0;
  /** Checksums computed, pages compared on the way through the trees, page-table entries replaced: what scanning costs. */
  hashes = 0;
  comparisons = 0;
  remaps = 0;
  readonly #memory: HostMemory;
  readonly #settings: KsmSettings;
  readonly #pages: ScannedPages;
  readonly #stable: StableNodes;
  readonly #unstable: UnstableTree;
  /** A page may have been put in the unstable tree before its turn, and so be in it at its next visit. */
  #hinted = false;
  /** The unstable tree is that of this pass. */
  #begun = false;
  /** The next page to visit. */
  #vm = 0;
  #ppn = 0;

  /** Shares pages of `memory`; whoever makes it passes on what happens to shared frames ({@link forget}). */
  constructor(memory: HostMemory, settings: KsmSettings) {
    this.#memory = memory;
    this.#settings = settings;
    this.#pages = new ScannedPages(memory, settings.smartScan);
    this.#stable = new StableNodes(memory.frames, settings.maxPageSharing, settings.chainsPruneMs);
    this.#unstable = new UnstableTree(this.#pages);
    if (settings.useZeroPages) memory.zeroFrame = memory.frames.addShared(ZERO_CONTENT);
  }

  /** How long it has been scanning, sleep included. */
  set timeMs(time: number) {
    this.#stable.timeMs = time;
  }

  /** Shared frames in use. A page that has left its frame counts with it until its next visit. */
  get pagesShared(): number {
    return this.#stable.shared;
  }

  /** Pages mapped to shared frames beyond one for each frame: what is saved, zero pages apart. */
  get pagesSharing(): number {
    return this.#stable.sharing;
  }

  /** Pages that were unchanged at their last visit and found no equal page. */
  get pagesUnshared(): number {
    return this.#pages.unstable;
  }

  /** Pages that are tracked and in no tree: new, changed since the last visit, or left out by smart scan. */
  get pagesVolatile(): number {
    return this.#pages.tracked - this.pagesShared - this.pagesSharing - this.pagesUnshared;
  }

  /** Pages mapped to the page of zeros. */
  get zeroPages(): number {
    const { zeroFrame, frames } = this.#memory;
    return zeroFrame < 0 ? 0 : frames.references(zeroFrame) - 1;
  }

  /** Memory saved less the kernel's own, in bytes. */
  get profitBytes(): number {
    return PAGE_BYTES * (this.pagesSharing + this.zeroPages) - ITEM_BYTES * this.#pages.tracked;
  }

  /** Visit up to `most` pages, fewer if the pass ends before. Pages without a frame do not count, nor do those left out. */
  scan(most: number): void {
    const { vms } = this.#memory;
    if (vms.length === 0) return;
    if (this.#pages.meetVms()) this.#unstable.grow();
    this.#beginPass();
    const end = this.pagesScanned + most;
    while (this.pagesScanned < end) {
      if (this.#vm === vms.length) return this.#endPass();
      const vm = vms[this.#vm];
      while (this.#ppn < vm.pages && this.pagesScanned < end) this.#visit(vm, this.#ppn++);
      if (this.#ppn === vm.pages && this.pagesScanned < end) {
        this.#vm++;
        this.#ppn = 0;
      }
    }
  }

  /**
   * Visit up to `most` pages that hints name, newest first. Such a page is not looked at twice: it is merged with the content that
   * it has, or waits for an equal one until the pass is over.
   */
  scanHints(hints: ScanHints, most: number): void {
    if (this.#pages.meetVms()) this.#unstable.grow();
    this.#beginPass();
    const end = this.pagesScanned + most;
    while (this.pagesScanned < end && hints.take()) {
      this.#hinted = true;
      this.pagesScanned++;
      this.#mergeNow(hints.vm, hints.ppn);
    }
  }

  /**
   * Before the first scan: merge a page as if it had been visited with the content that it has. Returns whether it was merged.
   * Throws a RangeError once scanning has begun.
   */
  mergeUnchanged(vm: VmMemory, ppn: number): boolean {
    if (this.pagesScanned > 0 || this.fullScans > 0)
      throw new RangeError("KSM merges unvisited pages only before it scans");
    if (this.#pages.meetVms()) this.#unstable.grow();
    if (this.#pages.isUnstable(this.#pages.pageOf(vm, ppn))) return false;
    return this.#mergeNow(vm, ppn);
  }

  /** Of a page that has a frame of its own and is in no tree of this pass. Returns whether it was merged. */
  #mergeNow(vm: VmMemory, ppn: number): boolean {
    const page = this.#pages.pageOf(vm, ppn);
    const mpn = vm.backing[ppn];
    const { frames } = this.#memory;
    if (mpn < 0 || frames.isShared(mpn)) return false;
    if (!this.#pages.isTracked(page)) this.#pages.track(page);
    this.#leaveTrees(page);
    const content = frames.content[mpn];
    this.#pages.lastContent[page] = content;
    if (!this.#settings.stableFirst || !this.#joinStable(vm, ppn, page, content)) this.#merge(vm, ppn, page, content);
    return frames.isShared(vm.backing[ppn]);
  }

  /** The last page that maps a shared frame is about to leave it. */
  forget(vm: VmMemory, ppn: number): void {
    this.#stable.loseFrame(this.#pages.nodeOf(this.#pages.pageOf(vm, ppn)));
  }

  #beginPass(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#unstable.clear();
    this.#hinted = false;
  }

  #endPass(): void {
    this.#begun = false;
    this.#vm = 0;
    this.#ppn = 0;
    this.fullScans++;
  }

  #visit(vm: VmMemory, ppn: number): void {
    const mpn = vm.backing[ppn];
    const page = this.#pages.pageOf(vm, ppn);
    if (mpn < 0 || mpn === this.#memory.zeroFrame) return this.#skipUnmapped(page);
    if (this.#memory.frames.isShared(mpn)) {
      this.pagesScanned++;
      return;
    }
    if (!this.#pages.isTracked(page)) this.#pages.track(page);
    if (this.#settings.smartScan && this.#leavesOut(page)) return this.#leaveTrees(page);
    this.pagesScanned++;
    const content = this.#memory.frames.content[mpn];
    // While these kernels search, the page still has its place in a node that it has left.
    const node = this.#settings.stableFirst ? this.#findStable(content) : NO_NODE;
    this.#leaveTrees(page);
    if (node !== NO_NODE) return this.#joinNode(vm, ppn, page, node);
    this.hashes++;
    if (this.#pages.lastContent[page] === content) this.#merge(vm, ppn, page, content);
    else this.#pages.lastContent[page] = content;
  }

  /** There is no page of the guest's, only what is left of one that was there at the last visit. */
  #skipUnmapped(page: number): void {
    if (!this.#pages.isTracked(page)) return;
    this.#leaveTrees(page);
    this.#pages.untrack(page);
  }

  #leavesOut(page: number): boolean {
    const { age } = this.#pages;
    const leftOut = isLeftOut(age[page]);
    age[page] = afterPass(age[page]);
    if (leftOut) this.pagesSkipped++;
    return leftOut;
  }

  /** The page has a frame of its own: whatever it was counted with, it is not there any more. */
  #leaveTrees(page: number): void {
    const node = this.#pages.nodeOf(page);
    if (node >= 0) this.#stable.leave(node);
    else if (this.#pages.isUnstable(page)) {
      if (this.#hinted) this.#unstable.remove(page);
      this.#pages.unstable--;
    }
    this.#pages.putNowhere(page);
  }

  /** Find a place for a page that has not changed since the last visit. */
  #merge(vm: VmMemory, ppn: number, page: number, content: number): void {
    if (this.#settings.useZeroPages && content === ZERO_CONTENT) {
      this.comparisons++;
      return this.#mergeWith(vm, ppn, this.#memory.zeroFrame);
    }
    if (!this.#settings.stableFirst && this.#joinStable(vm, ppn, page, content)) return;
    this.comparisons += comparisonsIn(this.#unstable.size);
    const other = this.#unstable.take(content);
    if (other === NO_PAGE) this.#unstable.insert(page);
    else this.#pairUp(vm, ppn, page, other);
  }

  #joinStable(vm: VmMemory, ppn: number, page: number, content: number): boolean {
    const node = this.#findStable(content);
    if (node === NO_NODE) return false;
    this.#joinNode(vm, ppn, page, node);
    return true;
  }

  #findStable(content: number): number {
    this.comparisons += comparisonsIn(this.#stable.shared);
    return this.#stable.find(content);
  }

  #joinNode(vm: VmMemory, ppn: number, page: number, node: number): void {
    this.#mergeWith(vm, ppn, this.#stable.frameOf(node));
    this.#stable.join(node);
    this.#pages.putInNode(page, node);
  }

  /** Two equal pages become the first two of a shared frame: the other one's, which is write-protected for that. */
  #pairUp(vm: VmMemory, ppn: number, page: number, other: number): void {
    const otherVm = this.#pages.vmOf(other);
    const mpn = otherVm.backing[this.#pages.ppnOf(other, otherVm)];
    this.#memory.breakUp(otherVm, this.#pages.ppnOf(other, otherVm));
    this.#memory.frames.markShared(mpn);
    this.remaps++;
    this.#mergeWith(vm, ppn, mpn);
    const node = this.#stable.add(mpn);
    this.#pages.putInNode(other, node);
    this.#pages.putInNode(page, node);
  }

  /** A large page is split for it (Linux, mm/ksm.c, try_to_merge_one_page). */
  #mergeWith(vm: VmMemory, ppn: number, mpn: number): void {
    this.#memory.breakUp(vm, ppn);
    this.remaps++;
    this.#memory.merge(vm, ppn, mpn);
  }
}

/** Pages a page is compared with when it is looked for in a balanced tree: one on each level. */
export function comparisonsIn(pages: number): number {
  return 32 - Math.clz32(pages);
}
