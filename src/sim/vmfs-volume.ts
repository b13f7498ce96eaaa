/**
 * A VMFS volume with thin virtual disks (Vaghani 2010): a block of a disk is there once it has been written. The first write to a
 * block waits for a transaction: take the lock on disk, write the journal, the map of blocks and the file's descriptor, fill the
 * block with zeros, give the lock back. With SCSI reservations the volume has one lock, and no other host gets at its disk while it
 * is taken or given back; with atomic test and set each file has one, and nobody else is kept out.
 */
import type { VolumeSettings } from "../vmm/host-contract.ts";
import { METADATA_PAGE } from "./disk-areas.ts";
import type { Taken } from "./request-rings.ts";
import { VolumeLock } from "./volume-lock.ts";

export interface VolumeRequest {
  readonly page: number;
  readonly pages: number;
  readonly write: boolean;
  /** It is this host's. */
  readonly own: boolean;
}

/** What the volume needs of the host. */
export interface VolumeHost {
  /** A request of the volume itself, or of another host; tells when it is done. */
  request(request: VolumeRequest, now: number, done: (now: number) => void): void;
  /** A command of a guest goes to the disk. */
  goOn(taken: Taken, now: number): void;
  /** A virtual disk grows by a block. */
  grows(): void;
  /** Cycles for which a command waited for somebody else's transaction. */
  waited(cycles: number): void;
}

/** Places of the metadata. */
const LOCK_PAGE = METADATA_PAGE;
const JOURNAL_PAGE = METADATA_PAGE + 256;
const JOURNAL_PAGES = 256;
const MAP_PAGE = METADATA_PAGE + 1024;
const DESCRIPTOR_PAGE = METADATA_PAGE + 2048;
const OTHER_HOST = -1;

export class VmfsVolume {
  readonly #settings: VolumeSettings;
  readonly #host: VolumeHost;
  /** Blocks that are there. */
  readonly #blocks = new Set<number>();
  /** By block that is being made: the commands that wait for it. */
  readonly #comingWith = new Map<number, Taken[]>();
  /** By file; with reservations there is one for all. */
  readonly #locks: VolumeLock[] = [];
  #journal = 0;
  /** Another host has reserved the disk: commands that wait until it lets go, and since when. */
  #reserved = false;
  #othersAsk = false;
  readonly #held: (readonly [taken: Taken, since: number])[] = [];

  constructor(settings: VolumeSettings, host: VolumeHost) {
    this.#settings = settings;
    this.#host = host;
  }

  /** A command of a guest: it goes to the disk at once, or when all its blocks are there and nobody keeps this host out. */
  submit(taken: Taken, now: number): void {
    if (this.#reserved) {
      this.#held.push([taken, now]);
      return;
    }
    const block = this.#missing(taken);
    if (block < 0) return this.#host.goOn(taken, now);
    const waiting = this.#comingWith.get(block);
    if (waiting !== undefined) {
      waiting.push(taken);
      return;
    }
    this.#comingWith.set(block, [taken]);
    this.#transact(block, taken.job.guest, now);
  }

  /** Another host takes a lock on this volume, or gives it back, unless others still wait for theirs: they ask no faster than they get. */
  otherHost(now: number): void {
    if (this.#othersAsk) return;
    this.#othersAsk = true;
    if (this.#settings.atomicTestAndSet) return this.#changeLock(false, now, () => this.#othersAreDone());
    this.#lockOf(OTHER_HOST).take(now, (at) => {
      this.#reserved = true;
      this.#changeLock(false, at, (then) => this.#letGo(then));
    });
  }

  #othersAreDone(): void {
    this.#othersAsk = false;
  }

  #letGo(now: number): void {
    this.#reserved = false;
    this.#othersAreDone();
    this.#lockOf(OTHER_HOST).release(now);
    for (const [taken, since] of this.#held.splice(0)) {
      this.#host.waited(now - since);
      this.submit(taken, now);
    }
  }

  /** The first block that a write has to wait for; -1: none. What is read has been there before, unless it is being made. */
  #missing({ page, pages, job }: Taken): number {
    const { thin, blockPages } = this.#settings;
    if (!thin) return -1;
    const last = Math.floor((page + Math.max(1, pages) - 1) / blockPages);
    for (let block = Math.floor(page / blockPages); block <= last; block++) {
      if (this.#blocks.has(block)) continue;
      if (job.write === true) return block;
      if (!this.#comingWith.has(block)) this.#blocks.add(block);
    }
    return -1;
  }

  #transact(block: number, file: number, now: number): void {
    const lock = this.#lockOf(file);
    this.#host.grows();
    lock.take(now, (at) => {
      if (at > now) this.#host.waited(at - now);
      const giveBack = (then: number): void => this.#changeLock(true, then, (end) => this.#finish(block, lock, end));
      this.#changeLock(true, at, (then) => this.#writeMetadata(then, block, file, giveBack));
    });
  }

  /** Read the lock and write it, while the disk is reserved; or one command that does both. */
  #changeLock(own: boolean, now: number, then: (now: number) => void): void {
    const lock = { page: LOCK_PAGE, pages: 1, own };
    const write = (at: number): void => this.#host.request({ ...lock, write: true }, at, then);
    if (this.#settings.atomicTestAndSet) write(now);
    else this.#host.request({ ...lock, write: false }, now, write);
  }

  /** One after the other: what is in the journal has to be there before the rest. */
  #writeMetadata(now: number, block: number, file: number, then: (now: number) => void): void {
    const { blockPages } = this.#settings;
    const write = (page: number, pages: number, next: (now: number) => void) => (at: number) =>
      this.#host.request({ page, pages, write: true, own: true }, at, next);
    this.#journal = (this.#journal + 1) % JOURNAL_PAGES;
    const zeros = write(block * blockPages, blockPages, then);
    const descriptor = write(DESCRIPTOR_PAGE + file, 1, zeros);
    const map = write(MAP_PAGE, 1, descriptor);
    write(JOURNAL_PAGE + this.#journal, 1, map)(now);
  }

  #finish(block: number, lock: VolumeLock, now: number): void {
    this.#blocks.add(block);
    lock.release(now);
    const waiting = this.#comingWith.get(block) ?? [];
    this.#comingWith.delete(block);
    for (const taken of waiting) this.submit(taken, now);
  }

  #lockOf(file: number): VolumeLock {
    const number = this.#settings.atomicTestAndSet ? file + 1 : 0;
    return (this.#locks[number] ??= new VolumeLock());
  }
}
