/**
 * The hypervisor's record of what each machine frame is used for (Barham 2003, section 3.3.3): a frame is a page table of
 * one level, or may be mapped writable, never both; it changes only when nothing uses it as what it was.
 */

/** The guest asked for something that would break its isolation. */
export class RefusedUpdate extends Error {
  constructor(reason: string) {
    super(`the hypervisor refuses an update of a page table: ${reason}`);
    this.name = "RefusedUpdate";
  }
}

const ORDINARY = 0;

export class PageTypes {
  /** 0: ordinary memory; n + 1: page table of level n. */
  readonly #type: Uint8Array;
  /** References as a page table: a pin, and upper-level entries. */
  readonly #tableReferences: Uint32Array;
  readonly #writableReferences: Uint32Array;

  constructor(frames: number) {
    this.#type = new Uint8Array(frames);
    this.#tableReferences = new Uint32Array(frames);
    this.#writableReferences = new Uint32Array(frames);
  }

  /** Level of the page table in a frame, or -1. */
  tableLevel(frame: number): number {
    return this.#type[frame] - 1;
  }

  tableReferences(frame: number): number {
    return this.#tableReferences[frame];
  }

  writableReferences(frame: number): number {
    return this.#writableReferences[frame];
  }

  /** Fix the type of a frame as a page table until {@link unpin}. */
  pin(frame: number, level: number): void {
    if (this.#writableReferences[frame] > 0) throw new RefusedUpdate(`frame ${frame} is mapped writable`);
    if (this.#type[frame] !== ORDINARY) throw new RefusedUpdate(`frame ${frame} is a page table already`);
    this.#type[frame] = level + 1;
    this.#tableReferences[frame] = 1;
  }

  unpin(frame: number): void {
    if (this.#tableReferences[frame] !== 1) throw new RefusedUpdate(`page table in frame ${frame} is in use`);
    this.#tableReferences[frame] = 0;
    this.#type[frame] = ORDINARY;
  }

  /** An upper-level entry refers to a table of the level below. */
  referToTable(frame: number, level: number): void {
    if (this.tableLevel(frame) !== level)
      throw new RefusedUpdate(`frame ${frame} is not a page table of level ${level}`);
    this.#tableReferences[frame] += 1;
  }

  dropTable(frame: number): void {
    this.#tableReferences[frame] -= 1;
  }

  /** A last-level entry maps a frame writable. */
  mapWritable(frame: number): void {
    if (this.#type[frame] !== ORDINARY) throw new RefusedUpdate(`frame ${frame} is a page table, not to be written`);
    this.#writableReferences[frame] += 1;
  }

  unmapWritable(frame: number): void {
    this.#writableReferences[frame] -= 1;
  }
}
