/** What is in the host's swap space, page by page. */
import { copyInto } from "../core/copy-into.ts";

export class SwapSlots {
  #content = new Uint32Array(1024);
  #used = 0;
  /** Free slots below #used: a stack. */
  readonly #free: number[] = [];

  /** Slots in use. */
  get length(): number {
    return this.#used - this.#free.length;
  }

  content(slot: number): number {
    return this.#content[slot];
  }

  /** A free slot for a page of this content: the one freed last, else a new one. */
  take(content: number): number {
    const slot = this.#free.pop() ?? this.#newSlot();
    this.#content[slot] = content;
    return slot;
  }

  release(slot: number): void {
    this.#free.push(slot);
  }

  #newSlot(): number {
    if (this.#used === this.#content.length) this.#content = copyInto(this.#content, new Uint32Array(this.#used * 2));
    return this.#used++;
  }
}
