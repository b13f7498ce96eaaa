/**
 * Machine memory: one frame per machine page number (MPN), on typed arrays. What is free comes back in turn: first what was
 * freed last, then in order what has never been used. The arrays grow with the frames in use, so that the others take no
 * memory of the simulator; nor do those that the VMM keeps for itself for good, which have no number.
 *
 * Conservation law, which tests check after every step: free + private + shared + overhead = total.
 */
import { copyInto, lengthFor } from "../core/copy-into.ts";

export const FrameState = { Free: 0, Private: 1, Shared: 2, Overhead: 3 } as const;

const NONE = -1;

export class MachineFrames {
  /** Frames for VMs; those of the VMM itself come on top. */
  readonly forVms: number;
  total: number;
  /** Content id (see content-ids.ts) of each frame in use. Like the other arrays it grows: don't keep a reference to it. */
  content = new Uint32Array(0);
  state = new Uint8Array(0);
  /** Guest pages mapped to the frame; for a free frame, the next one on the free list. */
  #references = new Int32Array(0);
  #freeHead = NONE;
  /** Frames from this one on have never been used, and are not on the free list. */
  #fresh = 0;
  free: number;
  private = 0;
  shared = 0;
  overhead = 0;
  /** Frames that the VMM holds, see {@link hold}. */
  readonly #held = new Set<number>();
  /** Frames saved by sharing: guest pages mapped to shared frames, minus those of these frames that any is mapped to. */
  saved = 0;

  constructor(forVms: number) {
    this.forVms = forVms;
    this.total = forVms;
    this.free = forVms;
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

  /** The host has `pages` more frames, which the VMM keeps for itself. For a host that is being put together. */
  addOverhead(pages: number): void {
    this.overhead += pages;
    this.total += pages;
  }

  /** The host has `pages` more frames that are handed out like those for VMs, but are not for them. */
  addFrames(pages: number): void {
    this.free += pages;
    this.total += pages;
  }

  /** The host has one more frame, which the VMM maps itself and guest pages may share; it is never freed. */
  addShared(content: number): number {
    this.total++;
    const mpn = this.#takeFresh();
    this.shared++;
    this.state[mpn] = FrameState.Shared;
    this.content[mpn] = content;
    this.#references[mpn] = 1;
    return mpn;
  }

  /** A frame that the VMM keeps for itself until it gives it back. Throws a RangeError when none is free. */
  takeForVmm(): number {
    const mpn = this.#take();
    this.state[mpn] = FrameState.Overhead;
    this.overhead++;
    return mpn;
  }

  giveBack(mpn: number): void {
    this.overhead--;
    this.#free(mpn);
  }

  /** One guest page less maps the frame; the last one frees it. Returns whether the frame became free. */
  drop(mpn: number): boolean {
    if (this.#references[mpn] > 1) {
      this.#references[mpn]--;
      if (!this.#isOnlyHeld(mpn)) this.saved--;
      return false;
    }
    if (this.state[mpn] === FrameState.Shared) this.shared--;
    else this.private--;
    this.#free(mpn);
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

  /**
   * The VMM needs a private frame as it is: whoever maps it and writes to it gets a copy, and it stays when nobody maps it any
   * more, until it is let go.
   */
  hold(mpn: number): void {
    this.markShared(mpn);
    this.#references[mpn]++;
    this.#held.add(mpn);
  }

  letGo(mpn: number): void {
    this.#held.delete(mpn);
    if (this.#references[mpn] > 1) {
      this.#references[mpn]--;
      this.markPrivate(mpn);
    } else this.drop(mpn);
  }

  /** No guest page maps it, only the VMM needs it. */
  #isOnlyHeld(mpn: number): boolean {
    return this.#references[mpn] === 1 && this.#held.has(mpn);
  }

  /** One more guest page maps a shared frame. */
  addReference(mpn: number): void {
    if (!this.#isOnlyHeld(mpn)) this.saved++;
    this.#references[mpn]++;
  }

  #free(mpn: number): void {
    this.state[mpn] = FrameState.Free;
    this.#references[mpn] = this.#freeHead;
    this.#freeHead = mpn;
    this.free++;
  }

  #take(): number {
    if (this.free === 0) throw new RangeError("no free machine frame");
    const mpn = this.#freeHead === NONE ? this.#takeFresh() : this.#freeHead;
    if (mpn === this.#freeHead) this.#freeHead = this.#references[mpn];
    this.#references[mpn] = 1;
    this.free--;
    return mpn;
  }

  #takeFresh(): number {
    if (this.#fresh === this.content.length) {
      const length = lengthFor(this.#fresh + 1, this.#fresh, this.total);
      this.content = copyInto(this.content, new Uint32Array(length));
      this.state = copyInto(this.state, new Uint8Array(length));
      this.#references = copyInto(this.#references, new Int32Array(length));
    }
    return this.#fresh++;
  }
}
