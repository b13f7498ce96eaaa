/**
 * What a guest is going to do with its pages, read off its operation stream: when each anonymous page and each page of a file is
 * used next. Requests are taken in order, so that the order of uses is known but for what threads do at the same time. A forked
 * child's own pages are needed as long as there are any; those it has from its parent are the parent's.
 */
import type { FileCache } from "../guest/file-cache.ts";
import { type GuestPages, PageUse } from "../guest/guest-pages.ts";
import type { GuestMemory } from "../guest/memory-manager.ts";
import type { Foresight } from "../vmm/host-memory/vm-memory.ts";
import type { CompiledWorkload } from "../workload/compiled-workload.ts";
import { Op, type OperationStream } from "../workload/operation-stream.ts";
import type { GuestThread } from "./guest-thread.ts";
import type { RequestSource } from "./request-source.ts";
import { StreamUses } from "./stream-uses.ts";

const IN_USE = -1;
/** Linux writes back what has been dirty for 30 s, and reads it for that. */
const DIRTY_AGE_S = 30;

export class RequestForesight implements Foresight {
  readonly #pages: GuestPages;
  readonly #cache: FileCache;
  readonly #stream: OperationStream;
  readonly #source: RequestSource;
  readonly #uses: StreamUses;
  readonly #dirtyAge: number;
  readonly #now: () => number;
  /** By item: the first of its uses in this round of the stream that may not have taken place. */
  readonly #cursor: Uint32Array;
  #round = 0;
  #threads: readonly GuestThread[] = [];
  #running: () => GuestThread | undefined = () => undefined;

  /** `now`: time in cycles. */
  constructor(
    { guest, stream }: CompiledWorkload,
    { pages, cache }: GuestMemory,
    source: RequestSource,
    megahertz: number,
    now: () => number,
  ) {
    this.#pages = pages;
    this.#cache = cache;
    this.#stream = stream;
    this.#source = source;
    this.#uses = new StreamUses(stream, guest);
    this.#cursor = this.#uses.starts.slice();
    this.#dirtyAge = DIRTY_AGE_S * megahertz * 1e6;
    this.#now = now;
  }

  /** Who carries the requests out, and who of them ran last. */
  watch(threads: readonly GuestThread[], running: () => GuestThread | undefined): void {
    this.#threads = threads;
    this.#running = running;
  }

  nextUse(ppn: number): number {
    const use = this.#pages.use(ppn);
    const page = this.#pages.item(ppn);
    if (use === PageUse.Anonymous) return page < this.#uses.anonymous ? this.#nextOf(page) : 0;
    if (use !== PageUse.File) return Infinity;
    const next = this.#nextOf(this.#uses.anonymous + page);
    return this.#cache.isDirty(page) ? Math.min(next, this.#now() + this.#dirtyAge) : next;
  }

  overwrites(ppn: number): boolean {
    const thread = this.#running();
    if (thread === undefined || this.#pages.use(ppn) !== PageUse.File) return false;
    const { op, a, b } = this.#stream;
    const at = thread.next - 1;
    const page = this.#pages.item(ppn);
    return op[at] === Op.WriteFile && page >= a[at] && page < a[at] + b[at];
  }

  /** Next use of the content of an item; one that is overwritten as a whole first is not needed. */
  #nextOf(item: number): number {
    this.#keepRound();
    const { starts, positions } = this.#uses;
    const left = this.#leftOf(item);
    if (left >= 0) return this.#isUnderWay(left) ? IN_USE : this.#expected(left, -1);
    let use = this.#cursor[item];
    for (; use < starts[item + 1]; use++) {
      if (this.#isUnderWay(positions[use])) return IN_USE;
      if (!this.#isOver(positions[use])) break;
    }
    this.#cursor[item] = use;
    if (use < starts[item + 1]) return this.#expected(positions[use], 0);
    if (!this.#source.startsOver || starts[item] === starts[item + 1]) return Infinity;
    return this.#expected(positions[starts[item]], 1);
  }

  #expected(at: number, later: number): number {
    return this.#stream.op[at] === Op.WriteFile ? Infinity : this.#source.expected(at, this.#now(), later);
  }

  #keepRound(): void {
    if (this.#round === this.#source.rounds) return;
    this.#round = this.#source.rounds;
    this.#cursor.set(this.#uses.starts.subarray(0, this.#cursor.length));
  }

  /** Position of the next use by a thread that has its request from the round before; -1: there is none. */
  #leftOf(item: number): number {
    if (this.#round === 0) return -1;
    const { position } = this.#source;
    const { starts, positions } = this.#uses;
    let left = -1;
    for (const { next, end } of this.#threads) {
      if (next <= position) continue;
      for (let use = starts[item + 1] - 1; use >= starts[item] && positions[use] >= next - 1; use--) {
        const at = positions[use];
        if (at < end && (at >= next || this.#isUnderWay(at)) && (left < 0 || at < left)) left = at;
      }
    }
    return left;
  }

  /** A run of pages of a file: some of them may still be to come. */
  #isUnderWay(at: number): boolean {
    const op = this.#stream.op[at];
    if (op !== Op.ReadFile && op !== Op.WriteFile) return false;
    return this.#threads.some(({ next }) => next - 1 === at);
  }

  #isOver(at: number): boolean {
    if (at >= this.#source.position) return false;
    return !this.#threads.some(({ next, end }) => at >= next && at < end);
  }
}
