/**
 * A ring of requests and responses in memory that two domains share, with the producer and consumer indices and the event
 * thresholds of Xen (the macros of its header io/ring.h; thresholds are set as there). One side puts requests and takes
 * responses, the other takes requests and puts responses; a response takes the slot of a request. Whoever goes to sleep says
 * by a threshold which entry it wants an event for; whoever publishes entries is told whether that one is among them.
 *
 * Indices only ever grow; the slot is the index modulo the size.
 */
export class SharedRing {
  readonly size: number;
  readonly #bytes: Float64Array;
  #requestsPut = 0;
  #requestsPublished = 0;
  #requestsTaken = 0;
  #responsesPut = 0;
  #responsesPublished = 0;
  #responsesTaken = 0;
  #requestEvent = 1;
  #responseEvent = 1;

  /** `size` entries. */
  constructor(size: number) {
    this.size = size;
    this.#bytes = new Float64Array(size);
  }

  /** Slots for requests: entries whose response has been taken. */
  get free(): number {
    return this.size - (this.#requestsPut - this.#responsesTaken);
  }

  /** Requests that have been published and not taken. */
  get waiting(): number {
    return this.#requestsPublished - this.#requestsTaken;
  }

  /** Requests that have been taken and not answered. */
  get unanswered(): number {
    return this.#requestsTaken - this.#responsesPut;
  }

  /** Responses that have been published and not taken. */
  get answers(): number {
    return this.#responsesPublished - this.#responsesTaken;
  }

  putRequest(bytes: number): void {
    if (this.free === 0) throw new RangeError("the ring is full");
    this.#bytes[this.#requestsPut++ % this.size] = bytes;
  }

  /** Make the requests put so far visible. True: the other side has asked for an event. */
  publishRequests(): boolean {
    const before = this.#requestsPublished;
    this.#requestsPublished = this.#requestsPut;
    return before < this.#requestEvent && this.#requestEvent <= this.#requestsPublished;
  }

  /** Bytes of the next request. */
  takeRequest(): number {
    if (this.waiting === 0) throw new RangeError("there is no request");
    return this.#bytes[this.#requestsTaken++ % this.size];
  }

  /** The taker of requests wants to sleep until the next one. False: there is one already, it must go on. */
  awaitRequests(): boolean {
    if (this.waiting > 0) return false;
    this.#requestEvent = this.#requestsTaken + 1;
    return this.waiting === 0;
  }

  /** Answer the oldest request that has been taken and not answered. */
  putResponse(): void {
    if (this.unanswered === 0) throw new RangeError("there is no request to answer");
    this.#responsesPut++;
  }

  /** Make the responses put so far visible. True: the other side has asked for an event. */
  publishResponses(): boolean {
    const before = this.#responsesPublished;
    this.#responsesPublished = this.#responsesPut;
    return before < this.#responseEvent && this.#responseEvent <= this.#responsesPublished;
  }

  takeResponse(): void {
    if (this.answers === 0) throw new RangeError("there is no response");
    this.#responsesTaken++;
  }

  /** The taker of responses wants an event at the `count`th one from now on. False: there are responses already. */
  awaitResponses(count = 1): boolean {
    if (this.answers > 0) return false;
    this.#responseEvent = this.#responsesTaken + count;
    return true;
  }
}
