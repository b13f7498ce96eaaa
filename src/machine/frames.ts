/**
 * Machine memory: one frame per machine page number (MPN), on typed arrays.
 *
 * Conservation law, which tests check after every step: free + private + shared + overhead = total.
 */
import { arithmeticSequence } from "../core/arithmetic-sequence.ts";

export const FrameState = { Free: 0, Private: 1, Shared: 2, Overhead: 3 } as const;

const NONE = -1;

export class MachineFrames {
  readonly total: number;
  /** Content id (see content-ids.ts) of each frame in use. */
  readonly content: Uint32Array;
  readonly state: Uint8Array;
  /** Guest pages mapped to the frame; for a free frame, the next one on the free list. */
  readonly #references: Int32Array;
  #freeHead: number;
  free: number;
  private = 0;
  shared = 0;
  overhead = 0;
  /** Frames saved by sharing: guest pages mapped to shared frames, minus those frames. */
  saved = 0;

  constructor(total: number) {
    this.total = total;
    this.free = total;
    this.content = new Uint32Array(total);
    this.state = new Uint8Array(total);
    this.#references = arithmeticSequence(total, 1, 1);
    if (total > 0) this.#references[total - 1] = NONE;
    this.#freeHead = total > 0 ? 0 : NONE;
  }

  /** Guest pages mapped to a frame in use. */
  references(mpn: number): number {
    return this.state[mpn] === FrameState.Free ? 0 : this.#references[mpn];
  }

  /** A private frame with one reference and the given content. Throws a RangeError when none is free. */
  allocate(content: number): number {
    const mpn = this.#take();
    this.state[mpn] = FrameState.Private;
    this.content[mpn] = content;
    this.private++;
    return mpn;
  }

  /** Take `pages` frames for the VMM itself. Throws a RangeError when they are not free. */
  reserveOverhead(pages: number): void {
    for (let taken = 0; taken < pages; taken++) this.state[this.#take()] = FrameState.Overhead;
    this.overhead += pages;
  }

  /** One guest page less maps the frame; the last one frees it. Returns whether the frame became free. */
  drop(mpn: number): boolean {
    if (this.#references[mpn] > 1) {
      this.#references[mpn]--;
      this.saved--;
      return false;
    }
    if (this.state[mpn] === FrameState.Shared) this.shared--;
    else this.private--;
    this.state[mpn] = FrameState.Free;
    this.#references[mpn] = this.#freeHead;
    this.#freeHead = mpn;
    this.free++;
    return true;
  }

  /** Turn a private frame into a shared, copy-on-write one. */
  markShared(mpn: number): void {
    this.state[mpn] = FrameState.Shared;
    this.private--;
    this.shared++;
  }

  /** Turn a shared frame that one guest page maps back into a private one. */
  markPrivate(mpn: number): void {
    this.state[mpn] = FrameState.Private;
    this.shared--;
    this.private++;
  }

  /** One more guest page maps a shared frame. */
  addReference(mpn: number): void {
    this.#references[mpn]++;
    this.saved++;
  }

  #take(): number {
    const mpn = this.#freeHead;
    if (mpn === NONE) throw new RangeError("no free machine frame");
    this.#freeHead = this.#references[mpn];
    this.#references[mpn] = 1;
    this.free--;
    return mpn;
  }
}
