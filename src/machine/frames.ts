/**
 * Machine memory: one frame per machine page number (MPN), on typed arrays, five bytes each. What is free comes back in turn:
 * first what was freed last, then in order what has never been used. The arrays grow with the frames in use, so that the others
 * take no memory of the simulator; nor do those that the VMM keeps for itself for good, which have no number.
 *
 * Conservation law, which tests check after every step: free + writing + private + shared + overhead = total.
 */
import { copyInto, lengthFor } from "../core/copy-into.ts";

export const FrameState = { Free: 0, Private: 1, Shared: 2, Overhead: 3 } as const;

/** What a frame's byte says: its state, and from {@link SHARED} on how many guest pages map it, one more each. */
const FREE = 0;
const OVERHEAD = 1;
const PRIVATE = 2;
const SHARED = 3;
/** So many and more: they are counted apart. */
const MANY = 0xff;
const MOST_IN_BYTE = MANY - SHARED;

/** The end of the free list. */
const END = 0xffff_ffff;

export class MachineFrames {
  /** Frames for VMs; those of the VMM itself come on top. */
  readonly forVms: number;
  total: number;
  /**
   * Content id (see content-ids.ts) of each frame in use, and of one on the free list the next one. It grows: don't keep a
   * reference to it.
   */
  content = new Uint32Array(0);
  #use = new Uint8Array(0);
  /** Guest pages mapped to frames that have {@link MANY}: few, such as that of the zero page. */
  readonly #many = new Map<number, number>();
  #freeHead = END;
  /** Frames from this one on have never been used, and are not on the free list. */
  #fresh = 0;
  free: number;
  /** Frames like free ones, but for what was in them, which is still being written to a disk: which of them it is does not matter. */
  writing = 0;
  private = 0;
  shared = 0;
  overhead = 0;
  /** Frames that the VMM holds, see {@link hold}. */
  readonly #held = new Set<number>();
  /** Frames saved by sharing: guest pages mapped to shared frames, minus those of these frames that any is mapped to. */
  saved = 0;
  /** Times that a shared frame was left to a single guest page. */
  leftToOne = 0;

  constructor(forVms: number) {
    this.forVms = forVms;
    this.total = forVms;
    this.free = forVms;
  }

  /** A {@link FrameState}. */
  state(mpn: number): number {
    const use = this.#use[mpn];
    if (use >= SHARED) return FrameState.Shared;
    if (use === PRIVATE) return FrameState.Private;
    return use === FREE ? FrameState.Free : FrameState.Overhead;
  }

  isFree(mpn: number): boolean {
    return this.#use[mpn] === FREE;
  }

  isPrivate(mpn: number): boolean {
    return this.#use[mpn] === PRIVATE;
  }

  isShared(mpn: number): boolean {
    return this.#use[mpn] >= SHARED;
  }

  /** Guest pages mapped to a frame of theirs; 0: it is free, or the VMM's. */
  references(mpn: number): number {
    const use = this.#use[mpn];
    if (use <= PRIVATE) return use === PRIVATE ? 1 : 0;
    return use < MANY ? use - SHARED + 1 : (this.#many.get(mpn) ?? 0);
  }

  /** Look at the first `count` frames of `mpns`; what is returned means nothing. */
  lookAhead(mpns: Int32Array, count: number): number {
    let seen = 0;
    for (let i = 0; i < count; i++) seen ^= this.#use[mpns[i]] ^ this.content[mpns[i]];
    return seen;
  }

  /** A private frame with one reference and the given content. Throws a RangeError when none is free. */
  allocate(content: number): number {
    const mpn = this.#take();
    this.#use[mpn] = PRIVATE;
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
    this.#use[mpn] = SHARED;
    this.content[mpn] = content;
    return mpn;
  }

  /** A frame that the VMM keeps for itself until it gives it back. Throws a RangeError when none is free. */
  takeForVmm(): number {
    const mpn = this.#take();
    this.#use[mpn] = OVERHEAD;
    this.overhead++;
    return mpn;
  }

  giveBack(mpn: number): void {
    this.overhead--;
    this.#free(mpn);
  }

  /** One guest page less maps the frame; the last one frees it. Returns whether the frame became free. */
  drop(mpn: number): boolean {
    if (this.#use[mpn] > SHARED) {
      const references = this.references(mpn) - 1;
      this.#setReferences(mpn, references);
      if (references === 1) this.leftToOne++;
      if (!this.#isOnlyHeld(mpn)) this.saved--;
      return false;
    }
    if (this.#use[mpn] === SHARED) this.shared--;
    else this.private--;
    this.#free(mpn);
    return true;
  }

  /** Frames that are free, or will be when the disk has got on. */
  get available(): number {
    return this.free + this.writing;
  }

  /** Nobody may have one of the free frames before what was in it has been written. */
  beginWriting(): void {
    if (this.free === 0) throw new RangeError("no free machine frame");
    this.free--;
    this.writing++;
  }

  endWriting(frames: number): void {
    if (frames > this.writing) throw new RangeError(`${frames} frames were written, and ${this.writing} were to be`);
    this.writing -= frames;
    this.free += frames;
  }

  /** Turn a private frame into a shared, copy-on-write one. */
  markShared(mpn: number): void {
    this.#use[mpn] = SHARED;
    this.private--;
    this.shared++;
  }

  /** Turn a shared frame that one guest page maps back into a private one. */
  markPrivate(mpn: number): void {
    this.#use[mpn] = PRIVATE;
    this.shared--;
    this.private++;
  }

  /**
   * The VMM needs a private frame as it is: whoever maps it and writes to it gets a copy, and it stays when nobody maps it any
   * more, until it is let go.
   */
  hold(mpn: number): void {
    this.markShared(mpn);
    this.#setReferences(mpn, 2);
    this.#held.add(mpn);
  }

  letGo(mpn: number): void {
    this.#held.delete(mpn);
    const others = this.references(mpn) - 1;
    if (others > 1) this.#setReferences(mpn, others);
    else if (others === 1) {
      this.markPrivate(mpn);
      this.leftToOne++;
    } else this.drop(mpn);
  }

  /** No guest page maps it, only the VMM needs it. */
  #isOnlyHeld(mpn: number): boolean {
    return this.#use[mpn] === SHARED && this.#held.has(mpn);
  }

  /** One more guest page maps a shared frame. */
  addReference(mpn: number): void {
    if (!this.#isOnlyHeld(mpn)) this.saved++;
    this.#setReferences(mpn, this.references(mpn) + 1);
  }

  /** Of a shared frame. */
  #setReferences(mpn: number, count: number): void {
    if (count <= MOST_IN_BYTE) {
      if (this.#use[mpn] === MANY) this.#many.delete(mpn);
      this.#use[mpn] = SHARED + count - 1;
    } else {
      this.#use[mpn] = MANY;
      this.#many.set(mpn, count);
    }
  }

  #free(mpn: number): void {
    this.#use[mpn] = FREE;
    this.content[mpn] = this.#freeHead;
    this.#freeHead = mpn;
    this.free++;
  }

  #take(): number {
    if (this.free === 0) throw new RangeError("no free machine frame");
    this.free--;
    if (this.#freeHead === END) return this.#takeFresh();
    const mpn = this.#freeHead;
    this.#freeHead = this.content[mpn];
    return mpn;
  }

  #takeFresh(): number {
    if (this.#fresh === this.content.length) {
      const length = lengthFor(this.#fresh + 1, this.#fresh, this.total);
      this.content = copyInto(this.content, new Uint32Array(length));
      this.#use = copyInto(this.#use, new Uint8Array(length));
    }
    return this.#fresh++;
  }
}
