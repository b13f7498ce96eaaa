/** The guest kernel's page frames, at monitor resolution: which are free, and how many mappings each has. */
export class FrameAllocator {
  readonly total: number;
  /** Frames below are the kernel's own (and program text): mapped at will, never counted, never freed. */
  readonly #reserved: number;
  readonly #free: Int32Array;
  #freeCount: number;
  /** Page-table entries (or page-cache slots) that refer to the frame. */
  readonly references: Uint16Array;

  /** Frames [0, reserved) belong to the kernel for good. */
  constructor(total: number, reserved: number) {
    this.total = total;
    this.#reserved = reserved;
    this.#freeCount = total - reserved;
    // Taken from the end: the lowest frame first, as a freshly booted system hands them out.
    this.#free = new Int32Array(total);
    for (let position = 0; position < total; position++) this.#free[position] = total - 1 - position;
    this.references = new Uint16Array(total);
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

  /** One more reference. */
  share(frame: number): void {
    if (frame >= this.#reserved) this.references[frame] += 1;
  }

  /** One reference less; the last one frees the frame. */
  release(frame: number): void {
    if (frame < this.#reserved) return;
    this.references[frame] -= 1;
    if (this.references[frame] === 0) this.#free[this.#freeCount++] = frame;
  }
}
