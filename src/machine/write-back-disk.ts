/**
 * A disk that is done with a write when its cache has it. What is in the cache goes to the medium when there is nothing to read,
 * or, in turn with what is to be read, when a write finds no room. What the medium has begun is not interrupted.
 */
import { Fifo } from "../core/fifo.ts";
import type { Disk, DiskAnswer, DiskDevice } from "./disk.ts";
import { PAGE_BYTES } from "./page.ts";
import type { DiskProfile } from "./profile.ts";
import { WriteCache } from "./write-cache.ts";

interface Request {
  readonly page: number;
  readonly pages: number;
  readonly tag: number;
}

/** The tag of requests that are waited for: see {@link DiskDevice.serve}. */
const SERVED = -1;

export class WriteBackDisk implements DiskDevice {
  /** When the medium is done with what it has begun; Infinity: it has nothing to do. */
  wakeAt = Infinity;
  readonly #medium: Disk;
  readonly #cache: WriteCache;
  readonly #command: number;
  readonly #cyclesPerPage: number;
  /** When the last command that did without the medium is done: they take turns on the bus. */
  #busFree = 0;
  /** For the medium, and for room in the cache. */
  readonly #accesses = new Fifo<Request>();
  readonly #waiting = new Fifo<Request>();
  /** Pages that are on their way from the cache to the medium. */
  #leaving = 0;
  #answers: DiskAnswer[] = [];

  constructor(medium: Disk, cache: NonNullable<DiskProfile["writeCache"]>, megahertz: number) {
    this.#medium = medium;
    this.#cache = new WriteCache(cache.pages);
    this.#command = Math.round(cache.commandUs * megahertz);
    this.#cyclesPerPage = (PAGE_BYTES * megahertz) / cache.megabytesPerSecond;
  }

  get busy(): number {
    return this.#medium.busy;
  }

  submit(now: number, page: number, pages: number, write: boolean, tag: number): number {
    this.#goOn(now);
    if (write && pages <= this.#cache.capacity) return this.#write({ page, pages, tag }, now);
    if (write) this.#cache.drop(page, pages);
    else if (this.#cache.held(page, pages) === pages) return this.#transfer(now, pages);
    this.#accesses.push({ page, pages, tag });
    if (this.wakeAt !== Infinity) return -1;
    this.#begin(now);
    return this.#answers.pop()?.at ?? -1;
  }

  advance(now: number): readonly DiskAnswer[] {
    this.#goOn(now);
    const answers = this.#answers;
    this.#answers = [];
    return answers;
  }

  serve(now: number, page: number, pages: number, write: boolean): number {
    let at = this.submit(now, page, pages, write, SERVED);
    while (at < 0) at = this.advance(this.wakeAt).find(({ tag }) => tag === SERVED)?.at ?? -1;
    return at;
  }

  #write(request: Request, now: number): number {
    if (this.#waiting.length > 0 || !this.#fits(request)) {
      this.#waiting.push(request);
      return -1;
    }
    this.#cache.add(request.page, request.pages);
    if (this.wakeAt === Infinity) this.#begin(now);
    return this.#transfer(now, request.pages);
  }

  #fits({ page, pages }: Request): boolean {
    const missing = pages - this.#cache.held(page, pages);
    return this.#cache.length + this.#leaving + missing <= this.#cache.capacity;
  }

  /** Between the cache and the host. */
  #transfer(now: number, pages: number): number {
    this.#busFree = Math.max(now, this.#busFree) + this.#command + Math.round(pages * this.#cyclesPerPage);
    return this.#busFree;
  }

  /** What the medium has done by `now`, and what it has begun since. */
  #goOn(now: number): void {
    while (this.wakeAt <= now) {
      const at = this.wakeAt;
      this.wakeAt = Infinity;
      const destaged = this.#leaving > 0;
      this.#leaving = 0;
      for (let next = this.#waiting.head; next !== undefined && this.#fits(next); next = this.#waiting.head) {
        this.#waiting.shift();
        this.#admit(next, at);
      }
      this.#begin(at, destaged);
    }
  }

  #admit(request: Request, now: number): void {
    this.#cache.add(request.page, request.pages);
    this.#answers.push({ tag: request.tag, at: this.#transfer(now, request.pages) });
  }

  /** Let the idle medium begin with what comes next, if there is anything. `destaged`: it has just written from the cache. */
  #begin(now: number, destaged = true): void {
    const reads = this.#accesses.length > 0;
    if (this.#cache.length > 0 && !(reads && (destaged || this.#waiting.length === 0))) {
      this.#cache.takeRun(this.#medium.head);
      this.#leaving = this.#cache.run;
      this.wakeAt = this.#medium.sweep(now, this.#cache.first, this.#cache.run);
      return;
    }
    const request = this.#accesses.shift();
    if (request === undefined) return;
    this.wakeAt = this.#medium.serve(now, request.page, request.pages);
    this.#answers.push({ tag: request.tag, at: this.wakeAt });
  }
}
