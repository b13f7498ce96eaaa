/** Physical CPUs, and the vCPUs that a scheduler puts on them. */
import { cause, type Ledger } from "../core/ledger.ts";
import { PendingCharges } from "../core/pending-charges.ts";
import type { Scheduler } from "../vmm/host-contract.ts";
import type { EventQueue } from "./event-queue.ts";

const IDLE = cause("idle");
const NOBODY = -1;

/** What runs on a vCPU. */
export interface VcpuWork {
  /** All cycles owed have been run: carry out their consequences and incur more. False: nothing to do until woken. */
  advance(now: number): boolean;
}

export class Vcpu {
  readonly index: number;
  readonly work: VcpuWork;
  readonly pending = new PendingCharges();
  /** Cycles of `pending` that have been run. */
  executed = 0;
  asleep = true;

  constructor(index: number, work: VcpuWork) {
    this.index = index;
    this.work = work;
  }

  get owed(): number {
    return this.pending.total - this.executed;
  }
}

export class Processors {
  readonly vcpus: Vcpu[] = [];
  readonly #scheduler: Scheduler;
  readonly #events: EventQueue;
  readonly #eventKind: number;
  readonly #ledger: Ledger;
  readonly #cpus: number;
  /** By pCPU: the vCPU on it, since when its time is not accounted yet, end of its slice, number of its latest event. */
  readonly #running: Int32Array;
  readonly #since: Float64Array;
  readonly #sliceEnd: Float64Array;
  readonly #latest: Float64Array;
  #woken: number[] = [];

  constructor(cpus: number, scheduler: Scheduler, ledger: Ledger, events: EventQueue, eventKind: number) {
    this.#cpus = cpus;
    this.#scheduler = scheduler;
    this.#ledger = ledger;
    this.#events = events;
    this.#eventKind = eventKind;
    this.#running = new Int32Array(cpus).fill(NOBODY);
    this.#since = new Float64Array(cpus);
    this.#sliceEnd = new Float64Array(cpus);
    this.#latest = new Float64Array(cpus);
  }

  addVcpu(work: VcpuWork, share: number): Vcpu {
    const vcpu = new Vcpu(this.vcpus.length, work);
    this.vcpus.push(vcpu);
    this.#scheduler.add(share);
    return vcpu;
  }

  /** There is something to do for a vCPU. Takes effect with {@link placeWoken}, when the current event is over. */
  wake(vcpu: Vcpu): void {
    if (!vcpu.asleep) return;
    vcpu.asleep = false;
    this.#woken.push(vcpu.index);
  }

  /** Find a place for the vCPUs woken since the last call. */
  placeWoken(now: number): void {
    while (this.#woken.length > 0) {
      const woken = this.#woken;
      this.#woken = [];
      for (const vcpu of woken) {
        this.#scheduler.ready(vcpu, true);
        this.#place(vcpu, now);
      }
    }
  }

  /** The event of a pCPU has come; `number` tells whether it is still the one that counts. */
  onEvent(cpu: number, number: number, now: number): void {
    if (number !== this.#latest[cpu]) return;
    this.#account(cpu, now);
    if (now >= this.#sliceEnd[cpu]) this.#yield(cpu, now);
    else this.#run(cpu, now);
  }

  /** The scheduler's tick, on every pCPU. */
  tick(now: number): void {
    for (let cpu = 0; cpu < this.#cpus; cpu++) {
      this.#account(cpu, now);
      const vcpu = this.#running[cpu];
      if (vcpu !== NOBODY && this.#scheduler.tick(vcpu)) this.#yield(cpu, now);
    }
    this.#scheduler.account();
  }

  /** Bring the ledger up to date: afterwards it holds exactly (number of pCPUs) x `now` cycles. */
  settle(now: number): void {
    for (let cpu = 0; cpu < this.#cpus; cpu++) this.#account(cpu, now);
    for (const vcpu of this.vcpus) {
      vcpu.pending.settlePart(this.#ledger, vcpu.executed);
      vcpu.executed = 0;
    }
  }

  #place(vcpu: number, now: number): void {
    for (let cpu = 0; cpu < this.#cpus; cpu++) {
      if (this.#running[cpu] === NOBODY) {
        this.#account(cpu, now);
        this.#dispatch(cpu, now);
        return;
      }
    }
    for (let cpu = 0; cpu < this.#cpus; cpu++) {
      this.#account(cpu, now);
      if (this.#scheduler.preempts(vcpu, this.#running[cpu])) {
        this.#yield(cpu, now);
        return;
      }
    }
  }

  /** The running vCPU goes back to the queue, and the next one runs. */
  #yield(cpu: number, now: number): void {
    const vcpu = this.#running[cpu];
    this.#running[cpu] = NOBODY;
    this.#scheduler.ready(vcpu, false);
    this.#dispatch(cpu, now);
  }

  #dispatch(cpu: number, now: number): void {
    const vcpu = this.#scheduler.pick();
    this.#running[cpu] = vcpu;
    this.#latest[cpu]++;
    if (vcpu === NOBODY) return;
    this.#sliceEnd[cpu] = now + this.#scheduler.sliceCycles;
    this.#run(cpu, now);
  }

  /** Let the vCPU on a pCPU go on until it has run what it owes or its slice is over. */
  #run(cpu: number, now: number): void {
    const vcpu = this.vcpus[this.#running[cpu]];
    while (vcpu.owed === 0) {
      vcpu.pending.settle(this.#ledger);
      vcpu.executed = 0;
      if (!vcpu.work.advance(now) && vcpu.owed === 0) {
        vcpu.asleep = true;
        this.#dispatch(cpu, now);
        return;
      }
    }
    const end = Math.min(now + vcpu.owed, this.#sliceEnd[cpu]);
    this.#events.add(end, this.#eventKind, cpu, ++this.#latest[cpu]);
  }

  /** Account for the time up to `now`: to the vCPU, or as idle. */
  #account(cpu: number, now: number): void {
    const elapsed = now - this.#since[cpu];
    this.#since[cpu] = now;
    if (elapsed === 0) return;
    const index = this.#running[cpu];
    if (index === NOBODY) {
      this.#ledger.charge(IDLE, elapsed);
      return;
    }
    this.vcpus[index].executed += elapsed;
    this.#scheduler.ran(index, elapsed);
  }
}
