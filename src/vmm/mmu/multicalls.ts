/**
 * Hypercalls that a paravirtual Linux hands over together (arch/x86/xen/multicalls.c, Linux 6.1): up to 32 entries with 512
 * bytes of arguments. One entry alone is made as the hypercall it stands for.
 */
import { cause, event } from "../../core/ledger.ts";
import type { Meter } from "../../machine/meter.ts";
import { primitiveCost } from "../../machine/profile.ts";
import type { MonitorContext } from "../monitor-contract.ts";

const HYPERCALL = cause("vmm.hypercall");
const MULTICALL_ENTRY = cause("vmm.hypercall.multicall-entry");
const QUEUE = cause("guest.paravirtual");
const MC_ENTRY = event("mc_entry");
const MC_FLUSH = event("mc_flush");

/** MC_BATCH, multicalls.c. */
const MOST_ENTRIES = 32;
/** Arguments are full when 512 bytes are reached; an update has 16 (struct mmu_update). */
const UPDATES_PER_CALL = 31;

export class Multicalls {
  /** Page-table updates that fit the arguments of one hypercall. */
  readonly updatesPerCall = UPDATES_PER_CALL;
  readonly #meter: Meter;
  readonly #hypercall: number;
  readonly #updateList: number;
  readonly #entry: number;
  readonly #queueUpdate: number;
  readonly #queueFlush: number;
  #entries = 0;

  constructor({ profile, meter }: MonitorContext) {
    this.#meter = meter;
    this.#hypercall = primitiveCost(profile, "xen.hypercall");
    this.#updateList = primitiveCost(profile, "xen.update-list");
    this.#entry = primitiveCost(profile, "xen.multicall-entry");
    this.#queueUpdate = primitiveCost(profile, "xen.queue-update");
    this.#queueFlush = primitiveCost(profile, "xen.queue-flush");
  }

  /** A hypercall for one page-table update, for which the guest finds out as much as for one of many (virt_to_machine, pte_val_ma). */
  update(): void {
    this.queueUpdate();
    this.#callWithList();
  }

  #callWithList(): void {
    this.#meter.spend(HYPERCALL, this.#hypercall + this.#updateList);
  }

  /** An entry that is issued by itself; `isUpdate`: a list of page-table updates. */
  callOnce(isUpdate: boolean): void {
    this.countEntry();
    this.#meter.count(MC_FLUSH);
    if (isUpdate) this.#callWithList();
    else this.#meter.spend(HYPERCALL, this.#hypercall);
  }

  countEntry(): void {
    this.#meter.count(MC_ENTRY);
  }

  /** One more update in the argument list of a hypercall. */
  queueUpdate(): void {
    this.#meter.spend(QUEUE, this.#queueUpdate);
  }

  /** The guest's part of a flush of the TLB. */
  queueFlush(): void {
    this.#meter.spend(QUEUE, this.#queueFlush);
  }

  /** Make the hypercall with the updates queued so far; the end of a batch looks even when there are none. */
  flushUpdates(count: number): void {
    this.#meter.count(MC_FLUSH);
    if (count > 0) this.#callWithList();
  }

  /** Queue entries of a multicall; a full one is issued. */
  queue(entries: number): void {
    for (let entry = 0; entry < entries; entry++) {
      this.countEntry();
      this.#entries++;
      if (this.#entries === MOST_ENTRIES) this.issue();
    }
  }

  /** Issue what is queued. */
  issue(): void {
    if (this.#entries === 0) return;
    this.#meter.count(MC_FLUSH);
    this.#meter.spend(HYPERCALL, this.#hypercall);
    if (this.#entries > 1) this.#meter.spendMany(MULTICALL_ENTRY, this.#entries, this.#entry);
    this.#entries = 0;
  }
}
