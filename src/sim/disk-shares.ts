/**
 * Disk shares of ESX: VMs that compete for a disk get it in proportion to their shares, whatever each asks for. A command
 * costs one unit, and more by its size (ESX Server 2.x administration guide). Start-time fair queueing (Goyal, Vin and Cheng
 * 1996, section 2) decides whose command the device gets next, with so many commands at the device.
 */
import { BitSet } from "../core/bit-set.ts";
import type { DiskSharing } from "../vmm/host-contract.ts";
import { vmShares } from "../workload/vm-settings.ts";
import type { DiskScheduler } from "./disk-scheduler.ts";
import type { Taken } from "./request-rings.ts";

/** Requests of one VM. */
interface Flow {
  readonly place: number;
  readonly shares: number;
  readonly waiting: Taken[];
  /** Start tag of the first request that waits, and finish tag of the last one given to the device. */
  start: number;
  finish: number;
}

export class DiskShares implements DiskScheduler {
  readonly wakeAt = Infinity;
  readonly #sharing: DiskSharing;
  readonly #sharesOf: (guest: number) => number;
  /** By guest, from the VMM's own requests (-1) on. */
  readonly #flows: Flow[] = [];
  /** Places in {@link #flows} of those that wait. */
  readonly #waiting = new BitSet(0);
  #virtualTime = 0;
  #atDevice = 0;
  /** Whose request was given to the device last, where it ended, and how many in a row have gone on from there. */
  #last: Flow | undefined;
  #lastEnd = -1;
  #inRow = 0;

  constructor(sharing: DiskSharing, sharesOf: (guest: number) => number) {
    this.#sharing = sharing;
    this.#sharesOf = sharesOf;
  }

  put(taken: Taken): void {
    const flow = this.#flowOf(taken.job.guest);
    if (flow.waiting.length === 0) flow.start = Math.max(this.#virtualTime, flow.finish);
    flow.waiting.push(taken);
    this.#waiting.add(flow.place);
  }

  /** What the device gets next; undefined: nobody waits, or it has all that it takes at once. */
  take(): Taken | undefined {
    if (this.#atDevice >= this.#sharing.outstanding) return undefined;
    const flow = this.#goesOn() ? this.#last : this.#least();
    const taken = flow?.waiting.shift();
    if (flow === undefined || taken === undefined) return undefined;
    if (flow.waiting.length === 0) this.#waiting.delete(flow.place);
    this.#inRow = flow === this.#last && taken.page === this.#lastEnd ? this.#inRow + 1 : 1;
    this.#last = flow;
    this.#lastEnd = taken.page + taken.pages;
    this.#atDevice++;
    this.#virtualTime = Math.max(this.#virtualTime, flow.start);
    flow.finish = flow.start + (1 + taken.pages / this.#sharing.pagesPerUnit) / flow.shares;
    flow.start = flow.finish;
    return taken;
  }

  /** The device has finished a request. */
  done(): void {
    if (this.#atDevice === 0) throw new RangeError("the device has no request that could be done");
    this.#atDevice--;
  }

  /** A VM that reads or writes on where it left off may do so a few times before it is another's turn: it saves the way there. */
  #goesOn(): boolean {
    const next = this.#last?.waiting[0];
    return next?.page === this.#lastEnd && this.#inRow < this.#sharing.inRow;
  }

  #least(): Flow | undefined {
    let least: Flow | undefined;
    for (let place = this.#waiting.next(0); place >= 0; place = this.#waiting.next(place + 1)) {
      const flow = this.#flows[place];
      if (least === undefined || flow.start < least.start) least = flow;
    }
    return least;
  }

  #flowOf(guest: number): Flow {
    for (let known = this.#flows.length - 1; known <= guest; known++) {
      const shares = known < 0 ? vmShares() : this.#sharesOf(known);
      this.#flows.push({ place: this.#flows.length, shares, waiting: [], start: 0, finish: 0 });
      this.#waiting.grow(this.#flows.length);
    }
    return this.#flows[guest + 1];
  }
}
