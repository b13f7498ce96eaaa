/**
 * The guest kernel's page frames, at monitor resolution: which are free, how many mappings each has, and whose the
 * anonymous ones are (so that they can be swapped out).
 */
export const NO_OWNER = -1;

export class FrameAllocator {
  readonly total: number;
  /** Frames below are the kernel's own (and program text): mapped at will, never counted, never freed. */
  readonly #reserved: number;
  readonly #free: Int32Array;
  #freeCount: number;
  /** Page-table entries (or page-cache slots) that refer to the frame. */
  readonly references: Uint16Array;
  /** Address space and virtual page of an anonymous frame that is mapped once, or {@link NO_OWNER}. */
  readonly ownerSpace: Int32Array;
  readonly ownerPage: Uint32Array;

  /** Frames [0, reserved) belong to the kernel for good. */
  constructor(total: number, reserved: number) {
    this.total = total;
    this.#reserved = reserved;
    this.#freeCount = total - reserved;
    // Taken from the end: the lowest frame first, as a freshly booted system hands them out.
    this.#free = new Int32Array(total);
    for (let position = 0; position < total; position++) this.#free[position] = total - 1 - position;
    this.references = new Uint16Array(total);
    this.ownerSpace = new Int32Array(total).fill(NO_OWNER);
    this.ownerPage = new Uint32Array(total);
  }

  get free(): number {
    return this.#freeCount;
  }

  get used(): number {
    return this.total - this.#freeCount;
  }

  /** A frame with one reference, or -1 when there is none. */
  take(): number {
    if (this.#freeCount === 0) return -1;
    const frame = this.#free[--this.#freeCount];
    this.references[frame] = 1;
    return frame;
  }

  /** One more reference: the frame has no single owner any more. */
  share(frame: number): void {
    if (frame < this.#reserved) return;
    this.references[frame] += 1;
    this.ownerSpace[frame] = NO_OWNER;
  }

  /** One reference less; the last one frees the frame. */
  release(frame: number): void {
    if (frame < this.#reserved) return;
    this.references[frame] -= 1;
    if (this.references[frame] > 0) return;
    this.ownerSpace[frame] = NO_OWNER;
    this.#free[this.#freeCount++] = frame;
  }

  own(frame: number, space: number, page: number): void {
    this.ownerSpace[frame] = space;
    this.ownerPage[frame] = page;
  }
}
