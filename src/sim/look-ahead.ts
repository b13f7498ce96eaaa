/**
 * A look at the pages that the next operations of a request use. Nothing happens to them; but what the simulator knows of
 * them has long left the processor's caches on a host of many VMs, and comes back many lines at a time if it is read in loops
 * that wait for nothing in between. Each loop goes one step further: from the operations to where the guest has their pages,
 * to what its kernel knows of these, and to the frames behind them.
 */
import type { GuestMemory } from "../guest/memory-manager.ts";
import { Op, type OperationStream } from "../workload/operation-stream.ts";
import type { GuestThread } from "./guest-thread.ts";
import type { ProcessPages } from "./process-pages.ts";

/** Most operations looked at: about as many as there are lines that a processor fetches from memory at once. */
const MOST = 32;
const NONE = -1;
/** PPNs of the look in hand: of pages that are not settled, and of settled ones that are written. */
const reads = new Int32Array(MOST);
const writes = new Int32Array(MOST);

export class LookAhead {
  /** Of no meaning: it is there so that the compiler cannot drop the loops. */
  seen = 0;
  readonly #stream: OperationStream;
  readonly #memory: GuestMemory;
  readonly #pages: ProcessPages;

  constructor(stream: OperationStream, memory: GuestMemory, pages: ProcessPages) {
    this.#stream = stream;
    this.#memory = memory;
    this.#pages = pages;
  }

  /** Look at what a thread uses next. Returns the operation from which on to do so again. */
  at(thread: GuestThread): number {
    const { op, b, c } = this.#stream;
    const { next } = thread;
    const most = Math.min(thread.end, next + MOST);
    let seen = 0;
    let end = next;
    while (end < most && (op[end] === Op.Touch || op[end] === Op.ReadFile)) seen ^= b[end] ^ c[end++];
    if (end - next < 2) return next + 1;
    this.seen = seen ^ this.#look(this.#pages.logicalPage(thread, 0), next, end);
    return end;
  }

  /** `first`: logical page that is page 0 of the process. */
  #look(first: number, from: number, end: number): number {
    const { op, a, b } = this.#stream;
    const { anonymous, cache, settled } = this.#memory;
    let read = 0;
    let written = 0;
    for (let i = from; i < end; i++) {
      if (op[i] === Op.ReadFile) {
        const ppn = settled.hasFile(a[i]) ? NONE : cache.ppnOf(a[i]);
        if (ppn >= 0) reads[read++] = ppn;
        continue;
      }
      const page = (first + a[i]) | 0;
      const isWrite = (b[i] & 1) === 1;
      const isSettled = settled.has(page);
      if (isSettled && !isWrite) continue;
      const ppn = anonymous.ppnOf(page);
      if (ppn < 0) continue;
      if (isSettled) writes[written++] = ppn;
      else reads[read++] = ppn;
    }
    return this.#memory.lookAhead(reads, read, false) ^ this.#memory.lookAhead(writes, written, true);
  }
}
