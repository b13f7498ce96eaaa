/**
 * The rings of one kind of device, one for each guest. A ring holds so many requests until they are answered; more wait in
 * the guest. Whoever serves the rings takes some requests of one guest, then some of the next.
 */
import { BitSet } from "../core/bit-set.ts";
import { PAYLOAD, FRAME_HEADER_BYTES } from "../machine/network-link.ts";
import type { DeviceQueue } from "../vmm/host-contract.ts";
import type { IoJob } from "./io-job.ts";
import type { TransmitCredit } from "./transmit-credit.ts";

/** Requests of one job that are taken from a ring together. */
export interface Taken {
  readonly job: IoJob;
  /** Absent: the job did not come by a ring. */
  readonly ring: { readonly rings: RequestRings; readonly queued: Queued } | undefined;
  readonly requests: number;
  /** Of a disk. */
  readonly page: number;
  readonly pages: number;
  /** Payload to be sent. */
  readonly bytes: number;
}

/** A job that goes to its device as it is. */
export function withoutRing(job: IoJob): Taken {
  const { page, pages, bytes } = job;
  return { job, ring: undefined, requests: 1, page, pages, bytes };
}

/** A job on its way. */
export interface Queued {
  readonly job: IoJob;
  /** Requests that have not been taken, and those that have not been answered. */
  left: number;
  open: number;
}

export class RequestRings {
  readonly #queue: DeviceQueue;
  readonly #credit: TransmitCredit | undefined;
  readonly #onFull: () => void;
  /** By guest: its jobs in order, how many of its requests have been put, and how many are taken and not answered. */
  readonly #jobs: Queued[][] = [];
  readonly #waiting: number[] = [];
  readonly #underWay: number[] = [];
  /** Guests that have jobs: of hundreds of guests few have any at a time. */
  readonly #busy = new BitSet(0);
  #allUnderWay = 0;
  #allWaiting = 0;
  #guest = 0;
  #leftInTurn: number;

  constructor(queue: DeviceQueue, onFull: () => void, credit?: TransmitCredit) {
    this.#queue = queue;
    this.#onFull = onFull;
    this.#credit = credit;
    this.#leftInTurn = queue.inTurn;
  }

  /** When a guest that has used up what it may send gets more; Infinity: nobody has to wait for that. */
  get creditAt(): number {
    return this.#credit?.nextAt ?? Infinity;
  }

  /** The time {@link creditAt} has come. */
  forgetCredit(): void {
    if (this.#credit !== undefined) this.#credit.nextAt = Infinity;
  }

  put(job: IoJob): void {
    while (this.#jobs.length <= job.guest) {
      this.#jobs.push([]);
      this.#waiting.push(0);
      this.#underWay.push(0);
    }
    this.#busy.grow(this.#jobs.length);
    this.#busy.add(job.guest);
    const requests = this.#requestsOf(job);
    this.#jobs[job.guest].push({ job, left: requests, open: requests });
    this.#waiting[job.guest] += requests;
    this.#allWaiting += requests;
    if (this.#waiting[job.guest] + this.#underWay[job.guest] > this.#queue.entries) this.#onFull();
  }

  /** What is served next, at most so many requests; undefined: nothing that may be taken now. */
  take(most: number, now: number): Taken | undefined {
    if (this.#allWaiting === 0 || this.#allUnderWay >= this.#queue.underWay) return undefined;
    const turn = this.#guest;
    const goesOn = Math.min(most, this.#leftInTurn, this.#takeable(turn, now));
    if (goesOn > 0) return this.#takeFrom(turn, goesOn);
    this.#leftInTurn = this.#queue.inTurn;
    return this.#takeBetween(turn + 1, this.#jobs.length, most, now) ?? this.#takeBetween(0, turn + 1, most, now);
  }

  /** From the first of the guests `from` to below `to` of whom something may be taken; else it is the turn of the one after them. */
  #takeBetween(from: number, to: number, most: number, now: number): Taken | undefined {
    for (let guest = this.#busy.next(from); guest >= 0 && guest < to; guest = this.#busy.next(guest + 1)) {
      const requests = Math.min(most, this.#leftInTurn, this.#takeable(guest, now));
      if (requests === 0) continue;
      this.#guest = guest;
      return this.#takeFrom(guest, requests);
    }
    this.#guest = to % this.#jobs.length;
    return undefined;
  }

  /** Requests have been answered, and their places on the ring are free. Returns whether the job is done. */
  answer(queued: Queued, requests: number): boolean {
    this.#underWay[queued.job.guest] -= requests;
    this.#allUnderWay -= requests;
    queued.open -= requests;
    return queued.open === 0;
  }

  #takeable(guest: number, now: number): number {
    const [head] = this.#jobs[guest];
    if (head === undefined) return 0;
    const room = Math.min(this.#queue.entries - this.#underWay[guest], this.#queue.underWay - this.#allUnderWay);
    if (room <= 0) return 0;
    if (this.#credit !== undefined && !this.#credit.covers(guest, bytesOf(head, 1) + FRAME_HEADER_BYTES, now)) return 0;
    return Math.min(room, head.left, this.#credit === undefined ? Infinity : 1);
  }

  #takeFrom(guest: number, requests: number): Taken {
    const [head] = this.#jobs[guest];
    const { job } = head;
    const bytes = bytesOf(head, requests);
    const done = this.#requestsOf(job) - head.left;
    const firstPage = done === 0 ? 0 : done * this.#queue.pagesPerRequest;
    const pages = Math.min(job.pages - firstPage, requests * this.#queue.pagesPerRequest);
    head.left -= requests;
    if (head.left === 0) this.#jobs[guest].shift();
    if (this.#jobs[guest].length === 0) this.#busy.delete(guest);
    this.#waiting[guest] -= requests;
    this.#allWaiting -= requests;
    this.#underWay[guest] += requests;
    this.#allUnderWay += requests;
    this.#leftInTurn -= requests;
    if (this.#credit !== undefined) this.#credit.use(guest, bytes + FRAME_HEADER_BYTES);
    return { job, ring: { rings: this, queued: head }, requests, page: job.page + firstPage, pages, bytes };
  }

  #requestsOf({ pages, units }: IoJob): number {
    return pages === 0 ? units : Math.max(1, Math.ceil(pages / this.#queue.pagesPerRequest));
  }
}

/** Payload of the next requests of a job: full packets, then what is left. */
function bytesOf({ job, left }: Queued, requests: number): number {
  const sent = (job.units - left) * PAYLOAD;
  return Math.max(0, Math.min(job.bytes - sent, requests * PAYLOAD));
}
