/**
 * What the guest of a VM that starts late does before it serves anybody: it reads what will be in its page cache from its disk,
 * one readahead window after the other, and fills its processes' memory, page by page. What it holds at the end has been put
 * there when the VM was built; what its kernel computes on the way is not known.
 */
import type { PendingCharges } from "../core/pending-charges.ts";
import { DiskRequestKind, type DiskRequests } from "../guest/disk-requests.ts";
import type { GuestShape } from "../workload/compiled-workload.ts";
import type { Waiter } from "./io-job.ts";
import type { OperationPrices } from "./operation-prices.ts";
import { Outstanding } from "./outstanding.ts";

/** The largest readahead window, 128 KiB (Linux, VM_MAX_READAHEAD). */
const WINDOW_PAGES = 32;

export interface BootingGuest {
  readonly shape: GuestShape;
  readonly prices: OperationPrices;
  readonly requests: DiskRequests;
  /** Of the vCPU that boots. */
  readonly pending: PendingCharges;
  /** Submit what has been requested, and let the vCPU run. */
  submit(waiter: Waiter): void;
}

export class GuestBoot {
  readonly #guest: BootingGuest;
  readonly #booted: (now: number) => void;
  readonly #disk = new Outstanding((now) => this.#readNext(now));
  /** File pages that have been read. */
  #read = 0;

  /** `booted` is called when all has been read. */
  constructor(guest: BootingGuest, booted: (now: number) => void) {
    this.#guest = guest;
    this.#booted = booted;
  }

  start(now: number): void {
    const { shape, prices, pending } = this.#guest;
    pending.addVector(prices.pageFault, shape.processes * shape.residentAnonymousPages);
    this.#readNext(now);
  }

  #readNext(now: number): void {
    const { shape, prices, pending, requests } = this.#guest;
    const pages = Math.min(WINDOW_PAGES, shape.residentFilePages - this.#read);
    if (pages === 0) return this.#booted(now);
    pending.addVector(prices.readFilePage, pages);
    requests.add(DiskRequestKind.FileRead, this.#read, pages);
    this.#read += pages;
    this.#guest.submit(this.#disk);
  }
}
