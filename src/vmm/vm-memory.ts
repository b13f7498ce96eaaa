/** The memory of one VM as the VMM manages it: where each guest page is, and what the VM is entitled to. */

/** Entries of {@link VmMemory.backing} that are not machine page numbers; everything below is a swap slot. */
export const UNBACKED = -1;
export const BALLOONED = -2;
const FIRST_SLOT_CODE = -3;

/** The entry of a page that is in a slot of the host's swap space, and back. The mapping is its own inverse. */
export function slotCode(slotOrCode: number): number {
  return FIRST_SLOT_CODE - slotOrCode;
}

/** The balloon driver in the guest, as the VMM reaches it. */
export interface BalloonPort {
  /** Ask for a balloon of `target` pages; at most `most` pages move at once. */
  poll(target: number, most: number): void;
}

/** What a guest says of its memory when it is asked, pages. */
export interface GuestStatistics {
  /** Free. */
  readonly unused: number;
  /** Free, and what the guest could free at once: its page cache. */
  readonly available: number;
  /** Memory of its processes, in memory or on its swap device. */
  readonly committed: number;
  /** Time in which at least one of its threads waited for memory to be read back, by the guest or by the host. */
  readonly stallUs: number;
}

/** The guest's free list, as far as it shows it. */
export interface FreeList {
  readonly freePages: number;
  /** Pages free below which the guest begins to reclaim. */
  readonly lowWatermark: number;
  isFree(ppn: number): boolean;
}

export class VmMemory {
  readonly index: number;
  /** Configured memory, pages. */
  readonly pages: number;
  /** PPN -> MPN, UNBACKED, BALLOONED or a swap slot's code. */
  readonly backing: Int32Array;
  /** 1: the page is in the current sample of the activity estimate and has not been touched since. */
  readonly sampled: Uint8Array;
  /** Absent: no driver in the guest, which then cannot be ballooned. */
  balloon: BalloonPort | undefined;
  /** Absent: the guest reports nothing. */
  statistics: GuestStatistics | undefined;
  /** Absent: the guest does not show it. */
  freeList: FreeList | undefined;
  mapped = 0;
  ballooned = 0;
  swapped = 0;
  /** Pages that a deflating balloon gave back and that have not been touched since: promised, not yet in use. */
  returned = 0;
  /** Sampled pages that were touched. */
  sampleTouched = 0;
  /** Machine memory the allocation policy grants, pages. */
  target: number;
  /** Pages the VM is to have outside its balloon, whether in use or not; undefined: the balloon follows {@link target}. */
  size: number | undefined;
  /** Pages that were in its balloon when it was built. */
  builtWithout = 0;
  /** The VMM does not let it run. */
  blocked = false;
  /** It was moved away from this host. */
  evicted = false;

  constructor(index: number, pages: number) {
    this.index = index;
    this.pages = pages;
    this.target = pages;
    this.backing = new Int32Array(pages).fill(UNBACKED);
    this.sampled = new Uint8Array(pages);
  }

  /** Machine memory it uses or may use at any moment without asking. */
  get claimed(): number {
    return this.mapped + this.returned;
  }
}
