/** The requests of an operation stream: where each begins and ends, and when. */
import { privatePages } from "../guest/program-image.ts";
import { Op, type OperationStream } from "../workload/operation-stream.ts";

export class RequestSource {
  readonly #stream: OperationStream;
  readonly #cyclesPerMicrosecond: number;
  readonly #originCycles: number;
  /** Index of the first operation of each request, and the stream's end. */
  readonly #starts: Uint32Array;
  /** Whether requests arrive at given times, and do not follow one another. */
  readonly #isOpen: boolean;
  readonly #repeatsAfterUs: number | undefined;
  #next = 0;
  #rounds = 0;

  /**
   * `originUs`: when the stream begins; requests that arrive at a given time do so that much later. `repeatsAfterUs`: the stream
   * starts over when all of it is taken, because the run is longer, and its times count from that much later. Undefined: it ends.
   */
  constructor(stream: OperationStream, cyclesPerMicrosecond: number, originUs = 0, repeatsAfterUs?: number) {
    this.#originCycles = Math.round(originUs * cyclesPerMicrosecond);
    this.#repeatsAfterUs = repeatsAfterUs;
    this.#stream = stream;
    this.#cyclesPerMicrosecond = cyclesPerMicrosecond;
    const starts: number[] = [];
    // Operations before the first request are one that nobody asked for.
    if (stream.length > 0 && stream.op[0] !== Op.Request) starts.push(0);
    for (let i = 0; i < stream.length; i++) if (stream.op[i] === Op.Request) starts.push(i);
    starts.push(stream.length);
    this.#starts = Uint32Array.from(starts);
    this.#isOpen = stream.length > 0 && stream.op[0] === Op.Request && stream.c[0] === 1;
  }

  /** First operation of the next request that is to be taken. */
  get position(): number {
    return this.#starts[this.#next];
  }

  /** Times that the stream has been gone through. */
  get rounds(): number {
    return this.#rounds;
  }

  get startsOver(): boolean {
    return this.#repeatsAfterUs !== undefined;
  }

  /** Take the next request; -1: there are no more. */
  take(): number {
    const requests = this.#starts.length - 1;
    if (this.#next === requests && requests > 0 && this.#repeatsAfterUs !== undefined) {
      this.#next = 0;
      this.#rounds++;
    }
    return this.#next < requests ? this.#next++ : -1;
  }

  isTimed(request: number): boolean {
    return this.#stream.op[this.#starts[request]] === Op.Request;
  }

  /** First operation of the request proper. */
  first(request: number): number {
    return this.#starts[request] + (this.isTimed(request) ? 1 : 0);
  }

  end(request: number): number {
    return this.#starts[request + 1];
  }

  /**
   * When a request begins, in cycles: on arrival, or some time after this client's previous one, which ended `now`. `round`: that
   * of the request taken last, or another one.
   */
  begins(request: number, now: number, round = this.#rounds): number {
    if (!this.isTimed(request)) return now;
    const at = this.#starts[request];
    const microseconds = this.#stream.a[at] * 1e6 + this.#stream.b[at];
    const isGiven = this.#stream.c[at] === 1;
    const earlierUs = isGiven ? round * (this.#repeatsAfterUs ?? 0) : 0;
    const cycles = Math.round((earlierUs + microseconds) * this.#cyclesPerMicrosecond);
    return isGiven ? this.#originCycles + cycles : now + cycles;
  }

  /**
   * About when an operation comes, in cycles: when its request arrives, or, in a closed loop, as fast as it has gone
   * since the stream began, up to `now`. The operations of a request are a fraction of a cycle apart. `later`: in the round after so many more.
   */
  expected(operation: number, now: number, later = 0): number {
    const request = this.#requestOf(operation);
    const first = this.#starts[request];
    const fraction = (operation - first) / (this.#starts[request + 1] - first);
    if (this.#isOpen) return this.begins(request, now, this.#rounds + later) + fraction;
    const round = this.#starts.length - 1;
    const taken = Math.max(1, this.#rounds * round + this.#next);
    const number = (this.#rounds + later) * round + request + 1;
    return now + ((now - this.#originCycles) / taken) * Math.max(0, number - taken) + fraction;
  }

  #requestOf(operation: number): number {
    let low = 0;
    for (let high = this.#starts.length - 1; high - low > 1; ) {
      const middle = (low + high) >> 1;
      if (this.#starts[middle] <= operation) low = middle;
      else high = middle;
    }
    return low;
  }
}

/**
 * Anonymous pages that one thread needs beyond those of the service processes, for its forked child: every page of the heap
 * up to the last one a child uses, then the private pages of the largest image executed.
 */
export function transientPages({ length, op, a, b }: OperationStream): number {
  let heap = 0;
  let image = 0;
  let depth = 0;
  for (let i = 0; i < length; i++) {
    if (op[i] === Op.Fork) depth++;
    else if (op[i] === Op.Exit) depth--;
    else if (op[i] === Op.Exec) image = Math.max(image, privatePages(a[i]));
    else if (depth > 0 && op[i] === Op.Touch) heap = Math.max(heap, a[i] + 1);
    else if (depth > 0 && isMapping(op[i])) heap = Math.max(heap, a[i] + b[i]);
  }
  return heap + image;
}

function isMapping(op: number): boolean {
  return op === Op.Mmap || op === Op.Munmap || op === Op.Mprotect;
}
