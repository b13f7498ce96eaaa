/**
 * What a guest's kernel does when it has neither memory nor swap space left (Linux, mm/oom_kill.c): it kills the process with
 * the highest badness, which is all that the process has in memory and on the swap device, its page tables included. A service
 * that was killed is started again at once by whoever manages services, without memory of its own: what it was doing is lost.
 */
import type { GuestMemory } from "../guest/memory-manager.ts";
import type { GuestShape } from "../workload/compiled-workload.ts";
import type { GuestThread } from "./guest-thread.ts";
import type { ProcessPages } from "./process-pages.ts";

/** Entries of a page table on x86-64. */
const TABLE_PAGES = 512;

/** A process: a service, or what a thread has forked and executed. Logical pages from `first` on are its own. */
interface Candidate {
  readonly service: number;
  readonly child: GuestThread | undefined;
  readonly first: number;
  readonly pages: number;
}

export class OomKiller {
  kills = 0;
  readonly #memory: GuestMemory;
  readonly #pages: ProcessPages;
  readonly #threads: readonly GuestThread[];
  readonly #candidates: readonly Candidate[];

  constructor(shape: GuestShape, memory: GuestMemory, pages: ProcessPages, threads: readonly GuestThread[]) {
    const { processes, anonymousPages } = shape;
    this.#memory = memory;
    this.#pages = pages;
    this.#threads = threads;
    const services = Array.from({ length: processes }, (_, service) => {
      return { service, child: undefined, first: service * anonymousPages, pages: anonymousPages };
    });
    const children = threads.map((child) => {
      return { service: -1, child, first: child.transientBase, pages: child.transientPages };
    });
    this.#candidates = [...services, ...children];
  }

  /** Kill the process that has most. False: none has anything. */
  kill(): boolean {
    let [worst, most] = [this.#candidates[0], 0];
    for (const candidate of this.#candidates) {
      const badness = this.#badness(candidate);
      if (badness > most) [worst, most] = [candidate, badness];
    }
    if (most === 0) return false;
    this.kills++;
    this.#memory.anonymous.discardRange(worst.first, worst.pages);
    if (worst.child === undefined) this.#endService(worst.service);
    else this.#endChild(worst.child);
    return true;
  }

  #badness({ first, pages }: Candidate): number {
    const { anonymous } = this.#memory;
    let [held, tables] = [0, 0];
    for (let table = first; table < first + pages; table += TABLE_PAGES) {
      const before = held;
      for (let page = table; page < Math.min(table + TABLE_PAGES, first + pages); page++) {
        if (anonymous.isUsed(page)) held++;
      }
      if (held > before) tables++;
    }
    return held + tables;
  }

  /** What it was doing for anybody is over, and answered to nobody. Children that it has forked live on. */
  #endService(service: number): void {
    this.#pages.endService(service);
    for (const thread of this.#threads) {
      if (thread.process === service && thread.depth === 0) thread.abandon();
    }
  }

  /** Its parent does not wait for the rest of the request either. */
  #endChild(thread: GuestThread): void {
    while (thread.depth > 0) this.#pages.exit(thread);
    thread.abandon();
  }
}
