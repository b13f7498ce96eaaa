/**
 * Keeping the vCPUs of a VM together (VMware 2008, "Co-scheduling SMP VMs in VMware ESX Server"). A guest expects its processors to
 * advance alike: what one holds, others wait for. The skew of a vCPU is how much more it has run than a sibling that waits for a
 * pCPU; a sibling with nothing to do keeps up by definition.
 *
 * Strict (ESX 2): when the skew reaches its limit, or a vCPU is taken off its pCPU, all stop, and start again only all at once.
 * Relaxed (ESX 3): only who is ahead by that much stops, until those behind have caught up. */
const NOBODY = -1;
const State = { Asleep: 0, Waiting: 1, Running: 2 } as const;

export class CoScheduling {
  readonly isStrict: boolean;
  readonly #limit: number;
  /** By vCPU: its siblings, itself included; empty where it is the only one of its VM. */
  readonly #siblings: number[][] = [];
  readonly #byVm = new Map<number, number[]>();
  readonly #state: number[] = [];
  /** By vCPU: cycles run, counting those of siblings while it had nothing to do. */
  readonly #progress: number[] = [];
  /** By vCPU: whether it runs only if all siblings that have something to do start with it. */
  readonly #stopped: boolean[] = [];
  /** By pCPU. */
  readonly #running: number[];

  /** `limit` of the skew in cycles. */
  constructor(strict: boolean, limit: number, cpus: number) {
    this.isStrict = strict;
    this.#limit = limit;
    this.#running = Array<number>(cpus).fill(NOBODY);
  }

  add(vm: number | undefined): void {
    const vcpu = this.#siblings.length;
    const siblings = vm === undefined ? [] : (this.#byVm.get(vm) ?? []);
    if (vm !== undefined) {
      siblings.push(vcpu);
      this.#byVm.set(vm, siblings);
    }
    this.#siblings.push(siblings);
    this.#state.push(State.Asleep);
    this.#progress.push(0);
    this.#stopped.push(true);
  }

  /** A vCPU waits for a pCPU; one that was asleep has missed nothing, one that ran stops the others of a strict VM. */
  ready(vcpu: number): void {
    const siblings = this.#siblings[vcpu];
    if (this.#state[vcpu] === State.Asleep) {
      for (const other of siblings) this.#progress[vcpu] = Math.max(this.#progress[vcpu], this.#progress[other]);
      this.#stopped[vcpu] = !this.#someRun(siblings);
    } else {
      for (const other of siblings) this.#stopped[other] = true;
    }
    this.#state[vcpu] = State.Waiting;
  }

  /** Whether one of some vCPUs runs and may go on. */
  #someRun(vcpus: readonly number[]): boolean {
    for (const vcpu of vcpus) if (this.#state[vcpu] === State.Running && !this.#stopped[vcpu]) return true;
    return false;
  }

  /** A pCPU is about to get another vCPU: who ran there last, and does not wait, has nothing to do. */
  leave(cpu: number): void {
    const last = this.#running[cpu];
    this.#running[cpu] = NOBODY;
    if (last !== NOBODY && this.#state[last] === State.Running) this.#state[last] = State.Asleep;
  }

  /** A vCPU that waits has been given a pCPU. */
  start(vcpu: number, cpu: number): void {
    this.#running[cpu] = vcpu;
    this.#state[vcpu] = State.Running;
    for (const other of this.#siblings[vcpu]) this.#stopped[other] = false;
  }

  ran(vcpu: number, cycles: number): void {
    this.#progress[vcpu] += cycles;
  }

  /** Whether a vCPU may be given a pCPU. */
  mayStart(vcpu: number): boolean {
    const siblings = this.#siblings[vcpu];
    if (siblings.length === 0) return true;
    if (!this.isStrict) return this.#left(vcpu) > 0;
    if (!this.#stopped[vcpu]) return true;
    // Those that have been told to stop leave their pCPUs first.
    if (siblings.some((other) => this.#state[other] === State.Running)) return false;
    const needed = siblings.filter((other) => this.#state[other] === State.Waiting).length;
    return needed <= this.#running.filter((running) => running === NOBODY).length;
  }

  /** Strict: the other vCPUs of its VM run, and it should, too. */
  belongsToRunning(vcpu: number): boolean {
    return this.isStrict && this.#siblings[vcpu].length > 0 && !this.#stopped[vcpu];
  }

  /** How much longer a vCPU may run while those of its siblings wait that do so now, in cycles. */
  left(vcpu: number): number {
    return this.isStrict && this.#stopped[vcpu] && this.#siblings[vcpu].length > 0 ? 0 : this.#left(vcpu);
  }

  #left(vcpu: number): number {
    let left = Infinity;
    for (const other of this.#siblings[vcpu]) {
      if (other === vcpu || this.#state[other] !== State.Waiting) continue;
      left = Math.min(left, this.#limit - (this.#progress[vcpu] - this.#progress[other]));
    }
    return Math.max(0, left);
  }
}
