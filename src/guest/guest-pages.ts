/**
 * The guest's own view of its physical pages, at either resolution: what each holds, and the free list. What is given up when
 * free pages run low is the affair of the kernel's {@link Replacement}.
 */
import { FreePages } from "./free-pages.ts";
import { PageDescriptors } from "./page-descriptors.ts";
import { Kswapd } from "./kswapd.ts";
import type { SettledPages } from "./settled-pages.ts";
import type { Watermarks } from "./watermarks.ts";
import { BlockKind } from "./zone.ts";
import type { Zones } from "./zones.ts";

export const PageUse = { Free: 0, Kernel: 1, Anonymous: 2, File: 3, Balloon: 4, Absent: 5 } as const;

/** Item of a page of the kernel with objects that it would give up (SLAB_RECLAIM_ACCOUNT). */
export const RECLAIMABLE = -2;

const USE_MASK = 0x07;
const NONE = -1;

/** What happened to a page that was to be given up. */
export const Evicted = {
  /** There is no place to put its content, or it is in use. */
  Kept: 0,
  /** Its content is safe, and there is one reference left: it can be freed. */
  Safe: 1,
  /** Nobody maps it any more, and it is on its way to the disk. */
  Writing: 2,
} as const;
export type Evicted = (typeof Evicted)[keyof typeof Evicted];

/** Whoever owns the pages of one use, and can bring their content to safety. */
export interface PageOwner {
  /** Give up a page, and all references to it but one. */
  evict(ppn: number, item: number): Evicted;
  /** Its content has to be written somewhere before the page can be given up. */
  isDirty(item: number): boolean;
  /** More than one process has used the page since replacement last looked. Absent: no page is several processes'. */
  isUsedBySeveral?(item: number): boolean;
}

/** What a kernel gives up when free pages run low, and what it knows of the use of pages to choose. */
export interface Replacement {
  /** How many pages of files and of anonymous memory there are. */
  readonly filePages: number;
  readonly anonymousPages: number;
  /** How many of both are on active lists, and how many on inactive ones. */
  readonly activePages: number;
  readonly inactivePages: number;
  /** Pages that are to be inactive or free, as far as that depends on how many were asked for lately. */
  readonly inactiveTarget: number;
  add(ppn: number, isFile: boolean, item: number): void;
  remove(ppn: number, isFile: boolean): void;
  /** A process uses a page that it has mapped: only the accessed bit of the page-table entry tells. */
  use(ppn: number): void;
  /** The same of program text. */
  useText(ppn: number): void;
  /** A system call uses a page of a file. */
  useByCall(ppn: number): void;
  /** A page of a file has been written up to its end by a system call, or calls that read in sequence have gone past it. */
  passBy(ppn: number): void;
  /** One more use of the page by a process changes nothing. */
  isKnownUsed(ppn: number): boolean;
  /** One more call that uses the page changes nothing. */
  isKnownToCalls(ppn: number): boolean;
  /** A process no longer maps a page of a file. */
  unmap(ppn: number): void;
  /** A logical anonymous page that is out of memory will not come back. */
  forget(item: number): void;
  /** Free pages up to the high watermark, as far as any are found. */
  balance(): void;
  /** The same for {@link Kswapd}, which may wait for the processor where this yields; returns whether it has given up without having freed a page. */
  balancing?(): Iterator<void, boolean>;
  /** Free a few pages for whoever needs one now, where kswapd is a thread. Returns how many. */
  reclaimDirectly?(): number;
  /** What the kernel does about pages once a second. */
  secondPassed(): void;
}

/** Makes the replacement of a guest. */
export type ReplacementOf<R extends Replacement> = (pages: GuestPages) => R;

/** Pages of the kernel are unmovable or, as their item says, reclaimable. */
function blockKind(use: number, item: number): BlockKind {
  if (use !== PageUse.Kernel) return BlockKind.Movable;
  return item === RECLAIMABLE ? BlockKind.Reclaimable : BlockKind.Unmovable;
}

export class GuestPages<R extends Replacement = Replacement> {
  readonly total: number;
  marks: Watermarks;
  readonly replacement: R;
  readonly free: FreePages;
  readonly descriptors: PageDescriptors;
  readonly kswapd = new Kswapd(this);
  /** The control group to which pages of files are charged that come into memory now: one for each service process. */
  group = 0;
  /**
   * Who allocates has had the processor for as long as others: where kswapd is a thread and has been woken, it runs before the next page is
   * allocated (check_preempt_wakeup, kernel/sched/fair.c; might_alloc, include/linux/sched/mm.h).
   */
  isPreemptible = true;
  /** A page that must stay in memory while others are read, or -1. */
  kept = NONE;
  /** Pages in the balloon. */
  ballooned = 0;
  kernel = 0;
  /** Times a page was asked for and none could be had. */
  outOfMemory = 0;
  /** Absent: all memory is one zone, and the kernel's pages are among the others. */
  zones: Zones | undefined;
  /** Told of every page that becomes free, with its content of no use to anybody. */
  freed: ((ppn: number) => void) | undefined;
  /** Absent: nobody keeps it. */
  settled: SettledPages | undefined;
  #cacheOwner: PageOwner | undefined;
  #anonymousOwner: PageOwner | undefined;

  /** `present`: pages that are there from the beginning. */
  constructor(total: number, marks: Watermarks, replacement: ReplacementOf<R>, present = total) {
    this.total = total;
    this.marks = marks;
    this.descriptors = new PageDescriptors(total);
    this.free = new FreePages(this.descriptors, present);
    this.replacement = replacement(this);
  }

  /** Who evicts cache pages and anonymous pages; set once, when the guest is put together. */
  setOwners(cache: PageOwner, anonymous: PageOwner): void {
    this.#cacheOwner = cache;
    this.#anonymousOwner = anonymous;
  }

  get freePages(): number {
    return this.free.length;
  }

  get lowWatermark(): number {
    return this.marks.low;
  }

  isFree(ppn: number): boolean {
    return this.use(ppn) === PageUse.Free;
  }

  use(ppn: number): number {
    if (ppn >= this.free.present) return PageUse.Absent;
    return this.free.isFresh(ppn) ? PageUse.Free : this.descriptors.flags[ppn] & USE_MASK;
  }

  item(ppn: number): number {
    return this.descriptors.item[ppn];
  }

  /** How many page-table entries, or others, refer to a page; 0: it is free. */
  references(ppn: number): number {
    return this.isFree(ppn) ? 0 : this.descriptors.references(ppn);
  }

  /**
   * A page with one reference for the given use, reclaiming if free pages are low; -1 when the guest is out of memory and swap. The balloon
   * may not have the last pages: it waits rather than drive the guest out of memory.
   */
  allocate(use: number, item: number): number {
    if (this.zones === undefined) {
      if (this.free.length <= this.marks.low) this.replacement.balance();
    } else {
      if (this.isPreemptible) this.runKswapd();
      this.zones.wakeIfLow();
      if (this.zones.isBelowMinimum && (this.replacement.reclaimDirectly?.() ?? 0) > 0) this.kswapd.revive();
    }
    const ppn = this.free.head;
    if (use === PageUse.Balloon && this.free.length <= this.marks.minimum) return NONE;
    if (ppn === NONE) {
      this.outOfMemory++;
      return NONE;
    }
    this.take(ppn, use, item);
    return ppn;
  }

  /** The same for whoever cannot wait until memory is reclaimed: -1 once there are no free pages above the minimum. */
  allocateFree(use: number, item: number): number {
    if (this.free.length <= this.marks.minimum) return NONE;
    const ppn = this.free.head;
    this.take(ppn, use, item);
    return ppn;
  }

  /** Kswapd has work to do. Where there are zones, it is a thread, and does nothing until the processor comes to it. */
  get isKswapdAwake(): boolean {
    return this.kswapd.isAwake;
  }

  /** The processor comes to kswapd. */
  runKswapd(): void {
    this.kswapd.run();
  }

  /** Put a particular free page to use; it has one reference. */
  take(ppn: number, use: number, item: number): void {
    this.zones?.take(ppn, blockKind(use, item));
    this.free.remove(ppn);
    const { flags, item: items } = this.descriptors;
    flags[ppn] = use;
    items[ppn] = item;
    if (use === PageUse.File || use === PageUse.Anonymous) this.replacement.add(ppn, use === PageUse.File, item);
    else if (use === PageUse.Balloon) this.ballooned++;
    else this.kernel++;
  }

  /** A read of the page may change something again. */
  unsettle(ppn: number): void {
    const use = this.use(ppn);
    if (use === PageUse.Anonymous) this.settled?.delete(this.item(ppn));
    else if (use === PageUse.File) this.settled?.deleteFile(this.item(ppn));
  }

  /** One more reference. */
  share(ppn: number): void {
    this.descriptors.share(ppn);
  }

  /** One reference less; the last one frees the page. */
  release(ppn: number): void {
    if (this.descriptors.unshare(ppn)) return;
    const { flags } = this.descriptors;
    const use = this.use(ppn);
    this.zones?.release(ppn, blockKind(use, this.item(ppn)));
    this.unsettle(ppn);
    if (use === PageUse.File || use === PageUse.Anonymous) this.replacement.remove(ppn, use === PageUse.File);
    else if (use === PageUse.Balloon) this.ballooned--;
    else this.kernel--;
    flags[ppn] = PageUse.Free;
    this.free.add(ppn);
    this.freed?.(ppn);
  }

  /** The page of a file is newer than what is on the disk. */
  isDirtyFile(ppn: number): boolean {
    return this.#cacheOwner?.isDirty(this.item(ppn)) === true;
  }

  /** More than one process has used a page of a file since replacement last looked. */
  isUsedBySeveral(ppn: number): boolean {
    return this.use(ppn) === PageUse.File && this.#cacheOwner?.isUsedBySeveral?.(this.item(ppn)) === true;
  }

  /** Have its owner give up a page of a file or of anonymous memory. It is for the caller to {@link release} it. */
  evict(ppn: number): Evicted {
    const owner = this.use(ppn) === PageUse.File ? this.#cacheOwner : this.#anonymousOwner;
    return owner === undefined ? Evicted.Kept : owner.evict(ppn, this.item(ppn));
  }
}
