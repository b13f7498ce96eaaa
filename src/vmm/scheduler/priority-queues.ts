/** First-in-first-out queues of vCPUs, one for each priority; the best priority is 0. */

const NONE = -1;

export class PriorityQueues {
  /** By priority: who is first and last. */
  readonly #first: number[];
  readonly #last: number[];
  /** By vCPU: who is behind it. */
  readonly #next: number[] = [];

  constructor(priorities: number) {
    this.#first = Array<number>(priorities).fill(NONE);
    this.#last = Array<number>(priorities).fill(NONE);
  }

  add(vcpu: number, priority: number): void {
    this.#next[vcpu] = NONE;
    if (this.#first[priority] === NONE) this.#first[priority] = vcpu;
    else this.#next[this.#last[priority]] = vcpu;
    this.#last[priority] = vcpu;
  }

  /** The best priority that somebody waits with; worse than all when nobody does. */
  best(): number {
    let priority = 0;
    while (priority < this.#first.length && this.#first[priority] === NONE) priority++;
    return priority;
  }

  /** Remove the first of a queue that is not empty. */
  take(priority: number): number {
    const vcpu = this.#first[priority];
    this.#first[priority] = this.#next[vcpu];
    return vcpu;
  }

  /** Priorities have changed: everybody moves to the queue it belongs to, in the present order. */
  sort(priorityOf: readonly number[]): void {
    let chain = NONE;
    let end = NONE;
    for (let priority = 0; priority < this.#first.length; priority++) {
      const first = this.#first[priority];
      if (first === NONE) continue;
      if (end === NONE) chain = first;
      else this.#next[end] = first;
      end = this.#last[priority];
      this.#first[priority] = NONE;
    }
    while (chain !== NONE) {
      const next = chain === end ? NONE : this.#next[chain];
      this.add(chain, priorityOf[chain]);
      chain = next;
    }
  }
}
