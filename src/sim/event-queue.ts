/**
 * Pending events of a discrete-event simulation: a binary heap on typed arrays; events of equal time leave in order of entry.
 * Only keys and slots move in the heap. What is taken is replaced bottom-up (Wegener 1993): the hole goes down to a leaf before
 * anything is compared with the last entry, which nearly always belongs there.
 */
import { copyInto } from "../core/copy-into.ts";

const FIRST_ROOM = 256;

export class EventQueue {
  /** The event taken last by {@link take}. */
  time = 0;
  kind = 0;
  subject = 0;
  detail = 0;
  #length = 0;
  #entered = 0;
  /** By place in the heap: time and number of entry, side by side. */
  #keys = new Float64Array(2 * FIRST_ROOM);
  /** By place in the heap: where the event's fields are; beyond the heap: slots that are free. */
  #slots = Int32Array.from({ length: FIRST_ROOM }, (_, slot) => slot);
  /** By slot. */
  #kind = new Uint8Array(FIRST_ROOM);
  #subject = new Int32Array(FIRST_ROOM);
  #detail = new Float64Array(FIRST_ROOM);

  get length(): number {
    return this.#length;
  }

  /** Add an event at `time`; `subject` and `detail` mean what its kind says. */
  add(time: number, kind: number, subject = 0, detail = 0): void {
    if (this.#length === this.#slots.length) this.#grow();
    const slot = this.#slots[this.#length];
    this.#kind[slot] = kind;
    this.#subject[slot] = subject;
    this.#detail[slot] = detail;
    this.#rise(this.#length++, time, this.#entered++, slot);
  }

  /** Take the earliest event: its fields are in this object afterwards. False: there is none. */
  take(): boolean {
    if (this.#length === 0) return false;
    const keys = this.#keys;
    const slots = this.#slots;
    const slot = slots[0];
    this.time = keys[0];
    this.kind = this.#kind[slot];
    this.subject = this.#subject[slot];
    this.detail = this.#detail[slot];
    const last = --this.#length;
    const moved = slots[last];
    slots[last] = slot;
    if (last > 0) this.#rise(this.#sink(last), keys[2 * last], keys[2 * last + 1], moved);
    return true;
  }

  /** Fill the hole at the top from below, among the first `length` places. Returns where there is one then. */
  #sink(length: number): number {
    const keys = this.#keys;
    const slots = this.#slots;
    let hole = 0;
    for (let child = 1; child < length; child = 2 * hole + 1) {
      if (child + 1 < length && this.#before(child + 1, child)) child++;
      keys[2 * hole] = keys[2 * child];
      keys[2 * hole + 1] = keys[2 * child + 1];
      slots[hole] = slots[child];
      hole = child;
    }
    return hole;
  }

  /** Put an event where there is a hole, or above it. */
  #rise(from: number, time: number, entered: number, slot: number): void {
    const keys = this.#keys;
    const slots = this.#slots;
    let hole = from;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      const above = keys[2 * parent];
      if (above < time || (above === time && keys[2 * parent + 1] < entered)) break;
      keys[2 * hole] = above;
      keys[2 * hole + 1] = keys[2 * parent + 1];
      slots[hole] = slots[parent];
      hole = parent;
    }
    keys[2 * hole] = time;
    keys[2 * hole + 1] = entered;
    slots[hole] = slot;
  }

  #before(one: number, other: number): boolean {
    const keys = this.#keys;
    const difference = keys[2 * one] - keys[2 * other];
    return difference < 0 || (difference === 0 && keys[2 * one + 1] < keys[2 * other + 1]);
  }

  #grow(): void {
    const room = 2 * this.#length;
    this.#keys = copyInto(this.#keys, new Float64Array(2 * room));
    this.#slots = copyInto(
      this.#slots,
      Int32Array.from({ length: room }, (_, slot) => slot),
    );
    this.#kind = copyInto(this.#kind, new Uint8Array(room));
    this.#subject = copyInto(this.#subject, new Int32Array(room));
    this.#detail = copyInto(this.#detail, new Float64Array(room));
  }
}
