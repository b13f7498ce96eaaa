import type { Region } from "../guest/regions.ts";
import type { Waiter } from "./io-job.ts";
import type { RequestSource } from "./request-source.ts";

/** Told when what a thread waited for has come. */
export interface ThreadOwner {
  threadReady(thread: GuestThread, now: number): void;
}

/** A thread of a guest that serves one request after the other. */
export class GuestThread implements Waiter {
  readonly index: number;
  /** Logical pages of its forked children and executed images. */
  readonly transientBase: number;
  readonly transientPages: number;
  readonly #owner: ThreadOwner;
  /** Where the request begins, its next operation, and where it ends. */
  first = 0;
  next = 0;
  end = 0;
  /** When the request arrived, in cycles. */
  arrival = 0;
  timed = false;
  /** Current service process. */
  process = 0;
  /** Forks that have not exited. */
  depth = 0;
  /** Pages of the image it executes; 0: it still runs a copy of its parent. */
  image = 0;
  /** Pages that its child has mapped, those in page tables that it has used, and its mappings of files; see ProcessPages. */
  mapped = 0;
  used = 0;
  files: readonly Region[] = [];
  connection: number | undefined = undefined;
  #waits = 0;

  constructor(index: number, transientBase: number, transientPages: number, owner: ThreadOwner) {
    this.index = index;
    this.transientBase = transientBase;
    this.transientPages = transientPages;
    this.#owner = owner;
  }

  /** Its next request, which it takes at `now`. */
  take(request: number, source: RequestSource, now: number): void {
    this.first = source.first(request);
    this.next = this.first;
    this.end = source.end(request);
    this.timed = source.isTimed(request);
    this.arrival = source.begins(request, now);
  }

  /** If its request has begun, it is not carried out any further, and does not count as one that was. */
  abandon(): void {
    if (this.next === this.first) return;
    this.next = this.end;
    this.timed = false;
  }

  /** Its request has been carried out. */
  get over(): boolean {
    return this.next === this.end;
  }

  get waiting(): boolean {
    return this.#waits > 0;
  }

  begin(): void {
    this.#waits++;
  }

  done(now: number): void {
    if (--this.#waits === 0) this.#owner.threadReady(this, now);
  }
}
