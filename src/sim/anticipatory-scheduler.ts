/**
 * The anticipatory I/O scheduler (Iyer and Druschel 2001) as Linux 2.6 had it by default until 2.6.18 (block/as-iosched.c, 2.6.16, and
 * Documentation/block/as-iosched.txt), before a disk that takes one request at a time. Reads and writes have the disk in turn, for a batch
 * each, in sweeps one way over it; what has waited too long comes first, once in a while. After a read the disk is left idle for a moment
 * though others wait, if the process that read may be about to read on near by. What is kept of the processes is in read-history.ts.
 *
 * Left out: requests that follow one another are not merged, as they are served one after the other anyway, and processes do not exit.
 */
import { FirstReads, ReadHistory } from "./read-history.ts";
import type { DiskScheduler } from "./disk-scheduler.ts";
import type { Taken } from "./request-rings.ts";

const SECTORS_PER_PAGE = 8;
/** Sectors that a sweep goes back for a request, and how much farther one behind the head counts. */
const FARTHEST_BACK = 1024 * 1024;
const BACK_PENALTY = 2;
/** Sectors up to which another process's read is as good as one of the process that is waited for, at first. */
const CLOSE = 8192;
/** From then on, ms, every read is. */
const ANY_IS_CLOSE_MS = 20;

interface Request {
  readonly taken: Taken;
  readonly submitter: ReadHistory;
  readonly sector: number;
  /** On which tick it has waited too long. */
  readonly expires: number;
}

/** Reads, or writes: processes of a driver domain that submit them wait for reads only. */
class Direction {
  /** In order of arrival. */
  readonly waiting: Request[] = [];
  /** Times in ticks. */
  readonly expiry: number;
  readonly batch: number;
  /** Where the last one ended. */
  end = 0;
  #checked = 0;

  constructor(expiry: number, batch: number) {
    this.expiry = expiry;
    this.batch = batch;
  }

  /** The next of the sweep. */
  get next(): Request | undefined {
    let next: Request | undefined;
    for (const request of this.waiting) {
      if (next === undefined || this.#isBefore(request.sector, next.sector)) next = request;
    }
    return next;
  }

  /** The oldest one has waited too long. That is looked at once in the time that it may wait: it costs a sweep. */
  hasExpired(tick: number): boolean {
    if (tick - this.#checked < this.expiry) return false;
    this.#checked = tick;
    return this.waiting.length > 0 && tick > this.waiting[0].expires;
  }

  /** The oldest one is served, whether or not it has waited too long. */
  takesOldest(tick: number): Request {
    this.#checked = tick;
    return this.waiting[0];
  }

  remove(request: Request): void {
    this.waiting.splice(this.waiting.indexOf(request), 1);
  }

  #isBefore(sector: number, other: number): boolean {
    const [way, otherWay] = [this.#wayTo(sector), this.#wayTo(other)];
    if (way === Infinity && otherWay === Infinity) return sector < other;
    return way < otherWay || (way === otherWay && sector > other);
  }

  /** Infinity: only the next sweep gets there. */
  #wayTo(sector: number): number {
    if (sector >= this.end) return sector - this.end;
    return sector + FARTHEST_BACK >= this.end ? (this.end - sector) * BACK_PENALTY : Infinity;
  }
}

export class AnticipatoryScheduler implements DiskScheduler {
  wakeAt = Infinity;
  readonly #hz: number;
  readonly #tickCycles: number;
  readonly #longestThinkTime: number;
  /** Ticks for which the disk is left idle. */
  readonly #patience: number;
  readonly #reads: Direction;
  readonly #writes: Direction;
  readonly #first = new FirstReads();
  /** By guest, from the host's own requests (-1) on. */
  readonly #submitters: ReadHistory[] = [];
  #batch: Direction;
  #batchExpires: number;
  /** The batch is one of reads of which none is done yet. */
  #isNewBatch = false;
  /** Writes of a batch, so that it takes its time, and those that are left of this one; nobody waited to read after it. */
  #writesInBatch: number;
  #writesLeft = 0;
  #isWriteBatchIdle = false;
  #atDisk: Request | undefined;
  /** Who has read last; undefined: the last request was a write. */
  #reader: ReadHistory | undefined;
  #readDoneAt = 0;
  #isWaiting = false;
  #hasWaited = false;

  /** `hz`: ticks of the kernel in a second. */
  constructor(hz: number, megahertz: number) {
    this.#hz = hz;
    this.#tickCycles = Math.round((1e6 * megahertz) / hz);
    this.#patience = Math.max(1, Math.floor(hz / 150));
    this.#longestThinkTime = Math.floor(hz / 50) - 1;
    this.#reads = new Direction(Math.floor(hz / 8), Math.floor(hz / 2));
    this.#writes = new Direction(Math.floor(hz / 4), Math.floor(hz / 8));
    this.#batch = this.#writes;
    this.#batchExpires = this.#reads.batch;
    this.#writesInBatch = Math.max(2, Math.floor(this.#writes.batch / 10));
  }

  put(taken: Taken, now: number): void {
    const tick = this.#tickAt(now);
    const direction = taken.job.write === true ? this.#writes : this.#reads;
    const submitter = this.#submitterOf(taken.job.guest);
    const sector = SECTORS_PER_PAGE * taken.page;
    const request = { taken, submitter, sector, expires: tick + direction.expiry };
    if (direction === this.#reads) submitter.reads(tick, sector, SECTORS_PER_PAGE * taken.pages);
    submitter.waiting++;
    direction.waiting.push(request);
    if (this.#isWaiting && this.#isWorthNoWait(this.#reader, request, tick)) this.#stopWaiting();
  }

  take(now: number): Taken | undefined {
    if (this.#atDisk !== undefined) return undefined;
    const tick = this.#tickAt(now);
    if (this.#isWaiting && now >= this.wakeAt) this.#stopWaiting();
    const request = this.#choose(tick);
    if (request === undefined) return undefined;
    this.#begin(request);
    return request.taken;
  }

  done(now: number): void {
    const request = this.#atDisk;
    if (request === undefined) throw new RangeError("the disk has no request that could be done");
    this.#atDisk = undefined;
    // What was written last is no read.
    if (this.#reader === undefined) return;
    const tick = this.#tickAt(now);
    if (this.#isNewBatch && this.#batch === this.#reads) this.#beginReadBatch(tick);
    this.#readDoneAt = tick;
    request.submitter.readDone(tick);
  }

  #tickAt(now: number): number {
    return Math.floor(now / this.#tickCycles);
  }

  #choose(tick: number): Request | undefined {
    const [reads, writes] = [this.#reads, this.#writes];
    const [readsWait, writesWait] = [reads.waiting.length > 0, writes.waiting.length > 0];
    if (this.#batch === writes && !readsWait && (this.#writesLeft === 0 || !writesWait)) this.#isWriteBatchIdle = true;
    if (this.#isWaiting || !(readsWait || writesWait)) return undefined;
    if (!(readsWait && writesWait && this.#hasBatchExpired(tick))) {
      if (this.#batch === reads && reads.hasExpired(tick)) return reads.waiting[0];
      const { next } = this.#batch;
      if (this.#batch === reads && this.#waitsRatherThan(next, tick)) return undefined;
      if (next !== undefined) {
        if (readsWait && !writesWait) this.#batchExpires = tick + reads.batch;
        return this.#orOldest(next, tick);
      }
    }
    const readsNext = readsWait && !(writesWait && this.#batch === reads);
    return readsNext ? this.#turnToReads(tick) : this.#turnToWrites(tick);
  }

  #hasBatchExpired(tick: number): boolean {
    if (this.#isNewBatch) return false;
    return tick > this.#batchExpires || (this.#batch === this.#writes && this.#writesLeft === 0);
  }

  #orOldest(next: Request, tick: number): Request {
    return this.#batch.hasExpired(tick) ? this.#batch.waiting[0] : next;
  }

  #turnToReads(tick: number): Request {
    if (this.#batch === this.#writes) this.#isNewBatch = true;
    this.#batch = this.#reads;
    return this.#reads.takesOldest(tick);
  }

  #turnToWrites(tick: number): Request | undefined {
    if (this.#batch === this.#reads) {
      this.#isNewBatch = false;
      this.#batchExpires = tick + this.#writes.batch;
    }
    this.#batch = this.#writes;
    this.#writesLeft = this.#writesInBatch;
    this.#isWriteBatchIdle = false;
    const { next } = this.#writes;
    return next && this.#orOldest(next, tick);
  }

  #begin(request: Request): void {
    const isRead = request.taken.job.write !== true;
    const direction = isRead ? this.#reads : this.#writes;
    this.#stopWaiting();
    this.#hasWaited = false;
    direction.end = request.sector + SECTORS_PER_PAGE * request.taken.pages;
    if (!isRead && this.#writesLeft > 0) this.#writesLeft--;
    this.#reader = isRead ? request.submitter : undefined;
    request.submitter.waiting--;
    direction.remove(request);
    this.#atDisk = request;
  }

  /** The first of a batch of reads is done: the batch is timed from now on, and the one of writes before it has been. */
  #beginReadBatch(tick: number): void {
    this.#fitWriteBatch(tick);
    this.#batchExpires = tick + this.#reads.batch;
    this.#isNewBatch = false;
  }

  /** As many writes as take the time of a batch. */
  #fitWriteBatch(tick: number): void {
    const { batch } = this.#writes;
    const took = Math.max(0, tick - this.#batchExpires + batch);
    let writes = this.#writesInBatch;
    if (took > batch && !this.#isWriteBatchIdle) writes = took > 3 * batch ? Math.floor(writes / 2) : writes - 1;
    else if (took < batch && this.#writesLeft === 0) writes = batch > 3 * took ? 2 * writes : writes + 1;
    this.#writesInBatch = Math.max(1, writes);
  }

  #waitsRatherThan(next: Request | undefined, tick: number): boolean {
    const reader = this.#reader;
    if (reader === undefined || this.#hasWaited || this.#isWorthNoWait(reader, next, tick)) return false;
    this.#isWaiting = true;
    this.wakeAt = (this.#readDoneAt + this.#patience) * this.#tickCycles;
    return true;
  }

  #stopWaiting(): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.#hasWaited = true;
    this.wakeAt = Infinity;
  }

  /** The disk is not left idle for a read of `reader`: this one is as good, it has been waited for that long, or none is to be expected. */
  #isWorthNoWait(reader: ReadHistory | undefined, next: Request | undefined, tick: number): boolean {
    if (reader === undefined || next?.submitter === reader || tick - this.#readDoneAt >= this.#patience) return true;
    if (reader.waiting > 0) return true;
    if (next !== undefined && next.taken.job.write !== true && this.#isClose(reader, next.sector, tick)) {
      reader.reads(tick, next.sector, SECTORS_PER_PAGE * next.taken.pages);
      return true;
    }
    return reader.thinkTime > this.#patience;
  }

  /** The longer it has been waited for one that is near, the farther away it may be. */
  #isClose(reader: ReadHistory, sector: number, tick: number): boolean {
    const waitedMs = this.#isWaiting ? Math.floor(((tick - this.#readDoneAt) * 1000) / this.#hz) : 0;
    // The kernel compares milliseconds with ticks.
    if (waitedMs > Math.min(ANY_IS_CLOSE_MS, this.#patience)) return true;
    const { end } = this.#batch;
    const near = CLOSE * 2 ** waitedMs;
    if (end - sector <= near / 2 && sector - end <= near) return true;
    return reader.distance > Math.abs(sector - end);
  }

  #submitterOf(guest: number): ReadHistory {
    while (this.#submitters.length <= guest + 1) {
      this.#submitters.push(new ReadHistory(this.#first, this.#longestThinkTime));
    }
    return this.#submitters[guest + 1];
  }
}
