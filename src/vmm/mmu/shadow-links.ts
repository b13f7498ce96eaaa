/** Which entry of an upper shadow refers to each shadow: one at most, so that a shadow is found when its entry is to go. */
import { entryOf, frameOf, type PageTableMemory, Pte, UPPER_FLAGS } from "../../machine/page-tables.ts";

const NONE = -1;

export class ShadowLinks {
  readonly #tables: PageTableMemory;
  readonly #parent: Int32Array;
  readonly #parentIndex: Int32Array;

  /** `capacity`: how many shadows there may be in `tables`. */
  constructor(tables: PageTableMemory, capacity: number) {
    this.#tables = tables;
    this.#parent = new Int32Array(capacity).fill(NONE);
    this.#parentIndex = new Int32Array(capacity);
  }

  /** Whether an entry of an upper shadow refers to a lower one. */
  isLinked(upper: number, index: number, lower: number): boolean {
    return this.#parent[lower] === upper && this.#parentIndex[lower] === index;
  }

  /** Let an entry of an upper shadow refer to a lower one, and no other entry. */
  link(upper: number, index: number, lower: number): void {
    if (this.isLinked(upper, index, lower)) return;
    this.unlink(lower);
    this.#tables.write(upper, index, entryOf(lower, UPPER_FLAGS));
    this.#parent[lower] = upper;
    this.#parentIndex[lower] = index;
  }

  unlink(lower: number): void {
    const upper = this.#parent[lower];
    if (upper === NONE) return;
    this.#tables.write(upper, this.#parentIndex[lower], 0);
    this.#parent[lower] = NONE;
  }

  /** The shadow that an entry of an upper one refers to, or -1. */
  below(upper: number, index: number): number {
    const entry = this.#tables.read(upper, index);
    return (entry & Pte.Present) === 0 ? NONE : frameOf(entry);
  }

  /** Whether a walk from a root reaches a shadow. */
  isBelow(shadow: number, root: number): boolean {
    let at = shadow;
    while (at !== NONE && at !== root) at = this.#parent[at];
    return at === root && root !== NONE;
  }
}
