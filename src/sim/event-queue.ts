/** Pending events of a discrete-event simulation: a binary heap on typed arrays; events of equal time leave in order of entry. */

export class EventQueue {
  /** The event taken last by {@link take}. */
  time = 0;
  kind = 0;
  subject = 0;
  detail = 0;
  #length = 0;
  #entered = 0;
  #time = new Float64Array(256);
  #order = new Float64Array(256);
  #kind = new Uint8Array(256);
  #subject = new Int32Array(256);
  #detail = new Float64Array(256);

  get length(): number {
    return this.#length;
  }

  /** Add an event at `time`; `subject` and `detail` mean what its kind says. */
  add(time: number, kind: number, subject = 0, detail = 0): void {
    if (this.#length === this.#time.length) this.#grow();
    let hole = this.#length++;
    const order = this.#entered++;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      // A new event is never before an older one of the same time.
      if (this.#time[parent] <= time) break;
      this.#move(parent, hole);
      hole = parent;
    }
    this.#time[hole] = time;
    this.#order[hole] = order;
    this.#kind[hole] = kind;
    this.#subject[hole] = subject;
    this.#detail[hole] = detail;
  }

  /** Take the earliest event: its fields are in this object afterwards. False: there is none. */
  take(): boolean {
    if (this.#length === 0) return false;
    this.time = this.#time[0];
    this.kind = this.#kind[0];
    this.subject = this.#subject[0];
    this.detail = this.#detail[0];
    const last = --this.#length;
    let hole = 0;
    for (let child = 1; child < last; child = 2 * hole + 1) {
      if (child + 1 < last && this.#before(child + 1, child)) child++;
      if (!this.#before(child, last)) break;
      this.#move(child, hole);
      hole = child;
    }
    this.#move(last, hole);
    return true;
  }

  #before(one: number, other: number): boolean {
    const difference = this.#time[one] - this.#time[other];
    return difference < 0 || (difference === 0 && this.#order[one] < this.#order[other]);
  }

  #move(from: number, to: number): void {
    this.#time[to] = this.#time[from];
    this.#order[to] = this.#order[from];
    this.#kind[to] = this.#kind[from];
    this.#subject[to] = this.#subject[from];
    this.#detail[to] = this.#detail[from];
  }

  #grow(): void {
    const size = this.#length * 2;
    const [time, order, kind, subject, detail] = [this.#time, this.#order, this.#kind, this.#subject, this.#detail];
    this.#time = new Float64Array(size);
    this.#order = new Float64Array(size);
    this.#kind = new Uint8Array(size);
    this.#subject = new Int32Array(size);
    this.#detail = new Float64Array(size);
    this.#time.set(time);
    this.#order.set(order);
    this.#kind.set(kind);
    this.#subject.set(subject);
    this.#detail.set(detail);
  }
}
