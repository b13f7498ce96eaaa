/**
 * vCPUs that wait, in no order: whoever is next is found by a scan, which for some hundred vCPUs is as fast as keeping them
 * sorted by keys that change while they wait. Among equals the one that has waited longest is next.
 */
export class ReadyList {
  readonly vcpus: number[] = [];
  /** By vCPU: when it came, counted; one that is to be next among equals comes before all. */
  readonly #arrival: number[] = [];
  #last = 0;
  #first = 0;

  add(vcpu: number): void {
    this.#arrival[vcpu] = ++this.#last;
    this.vcpus.push(vcpu);
  }

  addFirst(vcpu: number): void {
    this.#arrival[vcpu] = --this.#first;
    this.vcpus.push(vcpu);
  }

  /** Place of the vCPU with the least key; -1: nobody waits, or nobody who waits has a key below Infinity. */
  least(keys: readonly number[]): number {
    const { vcpus } = this;
    const arrival = this.#arrival;
    let best = -1;
    let least = Infinity;
    for (let place = 0; place < vcpus.length; place++) {
      const vcpu = vcpus[place];
      const key = keys[vcpu];
      if (key > least || (key === least && (best < 0 || arrival[vcpu] > arrival[vcpus[best]]))) continue;
      if (key === Infinity) continue;
      best = place;
      least = key;
    }
    return best;
  }

  /** Remove the vCPU at a place. */
  take(place: number): number {
    const { vcpus } = this;
    const vcpu = vcpus[place];
    const last = vcpus.pop() as number;
    if (place < vcpus.length) vcpus[place] = last;
    return vcpu;
  }
}
