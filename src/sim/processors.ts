/** Physical CPUs, and the vCPUs that a scheduler puts on them. */
import { cause, type Ledger } from "../core/ledger.ts";
import { type CostVector, PendingCharges } from "../core/pending-charges.ts";
import type { Scheduler, VcpuSettings } from "../vmm/host-contract.ts";
import type { EventQueue } from "./event-queue.ts";
import { NOBODY, requireEnd, requirePick, requireTime } from "./scheduler-answers.ts";
import { Vcpu, type VcpuWork } from "./vcpu.ts";
import type { VcpuSwitches } from "./vcpu-switches.ts";

const IDLE = cause("idle");
const SPIN = cause("guest.kernel.spin");

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
  readonly #switches: VcpuSwitches;
  /** By pCPU: work of interrupts that came while it was idle, and is not done. */
  readonly #interrupts: readonly PendingCharges[];
  /** The first so many: to empty an array is to give its room back. */
  readonly #woken: number[] = [];
  #wokenCount = 0;
  /** vCPUs that may spin no longer. */
  readonly #released: Vcpu[] = [];

  constructor(
    cpus: number,
    scheduler: Scheduler,
    switches: VcpuSwitches,
    ledger: Ledger,
    events: EventQueue,
    eventKind: number,
  ) {
    this.#cpus = cpus;
    this.#scheduler = scheduler;
    this.#switches = switches;
    this.#ledger = ledger;
    this.#events = events;
    this.#eventKind = eventKind;
    this.#running = new Int32Array(cpus).fill(NOBODY);
    this.#since = new Float64Array(cpus);
    this.#sliceEnd = new Float64Array(cpus);
    this.#latest = new Float64Array(cpus);
    this.#interrupts = Array.from({ length: cpus }, () => new PendingCharges());
  }

  addVcpu(work: VcpuWork, settings: VcpuSettings): Vcpu {
    const vcpu = new Vcpu(this.vcpus.length, work, settings.pinnedTo);
    this.vcpus.push(vcpu);
    this.#scheduler.add(settings);
    return vcpu;
  }

  /** Number of pCPUs. */
  get count(): number {
    return this.#cpus;
  }

  /** Period of {@link tick} in cycles; 0: the scheduler wants no ticks. */
  get tickCycles(): number {
    return this.#scheduler.tickCycles;
  }

  /** Cycles that a vCPU has run in all, up to `now`. */
  cyclesRun(vcpu: Vcpu, now: number): number {
    const { cpu } = vcpu;
    return vcpu.cyclesRun + (this.#running[cpu] === vcpu.index ? now - this.#since[cpu] : 0);
  }

  /** There is something to do for a vCPU. Takes effect with {@link placeWoken}, when the current event is over. */
  wake(vcpu: Vcpu): void {
    if (!vcpu.asleep) return;
    vcpu.asleep = false;
    this.#woken[this.#wokenCount++] = vcpu.index;
  }

  /** A pCPU is interrupted for work that whoever runs there has to wait for, and pays. */
  interrupt(cpu: number, cost: CostVector, times: number, now: number): void {
    this.#account(cpu, now);
    const running = this.#running[cpu];
    const pending = running === NOBODY ? this.#interrupts[cpu] : this.vcpus[running].pending;
    pending.addVector(cost, times);
  }

  /** What a vCPU spins for may be free. Takes effect with {@link placeWoken}, if it has a pCPU then. */
  release(vcpu: Vcpu): void {
    this.#released.push(vcpu);
  }

  /** Find a place for the vCPUs woken since the last call, and let go on who need not spin. */
  placeWoken(now: number): void {
    const woken = this.#woken;
    const released = this.#released;
    // Placing one may wake up others, which come behind it.
    for (let i = 0; i < this.#wokenCount; i++) {
      this.#ready(woken[i], true, now);
      this.#place(woken[i], now);
    }
    this.#wokenCount = 0;
    if (released.length > 0) for (const vcpu of released.splice(0)) this.#goOn(vcpu, now);
    if (this.#scheduler.runsUntil !== undefined) this.#keepTogether(now);
    if (this.#wokenCount + released.length > 0) this.placeWoken(now);
  }

  #goOn(vcpu: Vcpu, now: number): void {
    if (this.#running[vcpu.cpu] !== vcpu.index) return;
    this.#account(vcpu.cpu, now);
    this.#run(vcpu.cpu, now);
  }

  /** Stop who may not go on without the other vCPUs of its VM, and start on idle pCPUs who may now. */
  #keepTogether(now: number): void {
    for (let rounds = 1, changed = true; changed; rounds++) {
      requireEnd(this.#scheduler, rounds);
      for (let cpu = 0; cpu < this.#cpus; cpu++) this.#account(cpu, now);
      // First who can start: those who run are not stopped for a sibling that has only just been allowed to.
      changed = this.#dispatchIdle(now);
      for (let cpu = 0; cpu < this.#cpus; cpu++) {
        const running = this.#running[cpu];
        if (running === NOBODY) continue;
        const until = this.#scheduler.runsUntil?.(running, now) ?? Infinity;
        requireTime(this.#scheduler, "runsUntil", until);
        if (until <= now) this.#yield(cpu, now);
        else if (until < this.#sliceEnd[cpu]) this.#shorten(cpu, until, now);
        changed ||= this.#running[cpu] !== running;
      }
    }
  }

  /** The event of a pCPU has come; `number` tells whether it is still the one that counts. */
  onEvent(cpu: number, number: number, now: number): void {
    if (number !== this.#latest[cpu]) return;
    this.#account(cpu, now);
    if (this.#running[cpu] === NOBODY) this.#dispatch(cpu, now);
    else if (now >= this.#sliceEnd[cpu]) this.#yield(cpu, now);
    else this.#run(cpu, now);
  }

  /** The scheduler's tick, on every pCPU. */
  tick(now: number): void {
    for (let cpu = 0; cpu < this.#cpus; cpu++) {
      this.#account(cpu, now);
      if (this.#running[cpu] !== NOBODY) this.#scheduler.tick(this.#running[cpu]);
    }
    this.#scheduler.account();
    for (let cpu = 0; cpu < this.#cpus; cpu++) {
      if (this.#running[cpu] === NOBODY) this.#dispatch(cpu, now);
      else if (this.#scheduler.mustYield(this.#running[cpu])) this.#yield(cpu, now);
    }
  }

  /** Bring the ledger up to date: afterwards it holds exactly (number of pCPUs) x `now` cycles. */
  settle(now: number): void {
    for (let cpu = 0; cpu < this.#cpus; cpu++) this.#account(cpu, now);
    for (const vcpu of this.vcpus) {
      vcpu.pending.settlePart(this.#ledger, vcpu.executed);
      vcpu.milestone -= vcpu.executed;
      vcpu.executed = 0;
    }
  }

  /** On an idle pCPU, if it may run on one, best where it ran last; else where it takes another's place. */
  #place(index: number, now: number): void {
    const { cpu: last, pinnedTo } = this.vcpus[index];
    const first = pinnedTo ?? last;
    const end = first + (pinnedTo === undefined ? this.#cpus : 1);
    for (let i = first; i < end; i++) {
      const cpu = i % this.#cpus;
      if (this.#running[cpu] !== NOBODY) continue;
      this.#account(cpu, now);
      this.#dispatch(cpu, now);
      // It may have run already, and have nothing to do.
      if (this.#running[cpu] !== NOBODY || this.vcpus[index].asleep) return;
    }
    for (let i = first; i < end; i++) {
      const cpu = i % this.#cpus;
      if (this.#running[cpu] === NOBODY || !this.#takesPlace(index, cpu, now)) continue;
      // Who has to give way there may go elsewhere.
      if (pinnedTo !== undefined) this.#dispatchIdle(now);
      return;
    }
  }

  /** Idle pCPUs look who waits. Returns whether one of them found somebody. */
  #dispatchIdle(now: number): boolean {
    let found = false;
    for (let cpu = 0; cpu < this.#cpus; cpu++) {
      if (this.#running[cpu] !== NOBODY) continue;
      this.#account(cpu, now);
      this.#dispatch(cpu, now);
      found ||= this.#running[cpu] !== NOBODY;
    }
    return found;
  }

  /** Whether a ready vCPU takes the place of one that runs, now or before its slice is over. */
  #takesPlace(index: number, cpu: number, now: number): boolean {
    this.#account(cpu, now);
    const at = this.#scheduler.preemptsAt(index, this.#running[cpu], now);
    requireTime(this.#scheduler, "preemptsAt", at);
    if (at === Infinity) return false;
    if (at <= now) this.#yield(cpu, now);
    else if (at < this.#sliceEnd[cpu]) this.#shorten(cpu, at, now);
    return true;
  }

  /** The running vCPU gives way earlier than was said when it was put there. */
  #shorten(cpu: number, end: number, now: number): void {
    this.#sliceEnd[cpu] = end;
    this.#run(cpu, now);
  }

  /** The running vCPU goes back to the queue, and the next one runs. */
  #yield(cpu: number, now: number): void {
    const vcpu = this.#running[cpu];
    this.#running[cpu] = NOBODY;
    this.#sliceEnd[cpu] = now;
    this.#ready(vcpu, false, now);
    this.#dispatch(cpu, now);
  }

  #ready(vcpu: number, woken: boolean, now: number): void {
    this.vcpus[vcpu].work.heldBack?.begin();
    this.#scheduler.ready(vcpu, woken, now);
  }

  #dispatch(cpu: number, now: number): void {
    const index = this.#scheduler.pick(cpu, now);
    const { until } = this.#scheduler;
    requirePick(this.#scheduler, index, this.vcpus[index], this.#running, now);
    // It stays idle as long as it was to be: its event is on the way, and one more each time would never end.
    if (index === NOBODY && this.#running[cpu] === NOBODY && until === this.#sliceEnd[cpu]) return;
    this.#running[cpu] = index;
    this.#latest[cpu]++;
    this.#sliceEnd[cpu] = until;
    if (index === NOBODY) {
      if (until < Infinity) this.#events.add(until, this.#eventKind, cpu, this.#latest[cpu]);
      return;
    }
    const vcpu = this.vcpus[index];
    vcpu.cpu = cpu;
    if (this.#interrupts[cpu].total > 0) this.#interrupts[cpu].moveTo(vcpu.pending);
    vcpu.work.heldBack?.end();
    this.#switches.switchTo(vcpu);
    this.#run(cpu, now);
  }

  /** Let the vCPU on a pCPU go on until it has run what it owes or its slice is over. */
  #run(cpu: number, now: number): void {
    const vcpu = this.vcpus[this.#running[cpu]];
    if (vcpu.spinning && vcpu.work.endsSpinning?.() === true) vcpu.spinning = false;
    if (vcpu.executed >= vcpu.milestone) {
      vcpu.milestone = Infinity;
      vcpu.work.passed?.(now);
    }
    while (vcpu.owed === 0) {
      vcpu.pending.settle(this.#ledger);
      vcpu.executed = 0;
      if (!vcpu.work.advance(now) && vcpu.owed === 0) {
        vcpu.asleep = true;
        this.#dispatch(cpu, now);
        return;
      }
      this.#switches.refill(vcpu);
    }
    const next = vcpu.spinning ? Infinity : now + Math.min(vcpu.owed, vcpu.milestone - vcpu.executed);
    const end = Math.min(next, this.#sliceEnd[cpu]);
    this.#latest[cpu]++;
    if (end < Infinity) this.#events.add(end, this.#eventKind, cpu, this.#latest[cpu]);
  }

  /** Account for the time up to `now`: to the vCPU, or as idle. */
  #account(cpu: number, now: number): void {
    const elapsed = now - this.#since[cpu];
    this.#since[cpu] = now;
    if (elapsed === 0) return;
    const index = this.#running[cpu];
    if (index === NOBODY) {
      const interrupts = this.#interrupts[cpu];
      const handled = Math.min(elapsed, interrupts.total);
      if (handled > 0) interrupts.settlePart(this.#ledger, handled);
      if (handled < elapsed) this.#ledger.charge(IDLE, elapsed - handled);
      return;
    }
    const vcpu = this.vcpus[index];
    if (vcpu.spinning) vcpu.pending.add(SPIN, elapsed);
    vcpu.executed += elapsed;
    vcpu.cyclesRun += elapsed;
    this.#scheduler.ran(index, elapsed);
  }
}
