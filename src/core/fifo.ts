/** What comes first leaves first. A place that is left is given back now and then, so that a long queue costs no more than a short one. */
const PLACES_AT_ONCE = 1024;

export class Fifo<T> {
  readonly #items: T[] = [];
  #first = 0;

  get length(): number {
    return this.#items.length - this.#first;
  }

  /** The oldest; undefined: there is none. */
  get head(): T | undefined {
    return this.#items[this.#first];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** Take the oldest out; undefined: there is none. */
  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#first++];
    if (this.#first === PLACES_AT_ONCE) {
      this.#items.splice(0, this.#first);
      this.#first = 0;
    }
    return item;
  }
}
