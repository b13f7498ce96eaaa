/**
 * Linux's completely fair scheduler (Linux 2.6.23 to 6.5; here as in 6.1, kernel/sched/fair.c), to which the vCPUs of KVM are
 * threads. On each pCPU whoever has the least virtual time runs, until a tick of the clock finds that it has had its part of
 * a period, or until somebody wakes up who has had so much less that it may take the place.
 *
 * Each VM is a control group of its own, as libvirt has it, so that there are no "last buddies", which are threads outside of
 * groups.
 */
import { SECOND_US } from "../../core/time.ts";
import { KERNEL_VERSIONS } from "../../guest/kernel-version.ts";
import { type MachineProfile, microsecondsToCycles, primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { HostContext, Scheduler, VcpuSettings } from "../host-contract.ts";
import { LoadBalance, type Move } from "./load-balance.ts";
import { Placement } from "./placement.ts";
import { ReadyList } from "./ready-list.ts";

export const TICK_US = SECOND_US / KERNEL_VERSIONS["linux-6.1"].hz;
/** sysctl_sched_latency, _min_granularity and _wakeup_granularity for one pCPU. */
export const LATENCY_US = 6_000;
export const MIN_GRANULARITY_US = 750;
export const WAKEUP_GRANULARITY_US = 1_000;
/** They are longer with more pCPUs, up to so many (get_update_sysctl_factor). */
const MOST_CPUS_SCALED = 8;
/** A period is the latency for up to so many threads that want to run (sched_nr_latency). */
const THREADS_IN_LATENCY = 8;
/** A group with a quota gets it anew in each period of 100 ms (default_cfs_period). */
const TICKS_TO_REFILL = 100_000 / TICK_US;
const NOBODY = -1;

/** Times in cycles. */
interface Times {
  readonly tick: number;
  readonly latency: number;
  readonly minGranularity: number;
  readonly wakeupGranularity: number;
}

class CompletelyFair implements Scheduler {
  readonly name = "cfs";
  readonly tickCycles: number;
  readonly switchCycles: number;
  readonly until = Infinity;
  readonly #times: Times;
  readonly #megahertz: number;
  readonly #cpus: number;
  readonly #place: Placement;
  /** By thread: weight, cycles run divided by it, cycles of its present turn, and what it may run until it is given more. */
  readonly #weight: number[] = [];
  readonly #virtualTime: number[] = [];
  readonly #turn: number[] = [];
  readonly #left: number[] = [];
  readonly #quota: number[] = [];
  /** Who would run, and has nothing left of its quota. */
  #throttled: number[] = [];
  /** By pCPU: who waits, who runs, who took another's place and is to be next, and the virtual time that newcomers begin with. */
  readonly #waiting: readonly ReadyList[];
  readonly #running: number[];
  readonly #next: number[];
  readonly #least: number[];
  readonly #balance: LoadBalance;
  #ticks = 0;

  constructor(times: Times, profile: MachineProfile) {
    this.#times = times;
    this.#megahertz = profile.megahertz;
    this.#cpus = profile.cores;
    this.tickCycles = times.tick;
    this.switchCycles = primitiveCost(profile, "hardware.tlb-flush");
    this.#place = new Placement(profile.cores);
    this.#waiting = Array.from({ length: profile.cores }, () => new ReadyList());
    this.#running = Array<number>(profile.cores).fill(NOBODY);
    this.#next = Array<number>(profile.cores).fill(NOBODY);
    this.#least = Array<number>(profile.cores).fill(0);
    this.#balance = new LoadBalance(TICK_US, this.#place, this.#waiting);
  }

  add({ shares, limitMhz }: VcpuSettings): void {
    this.#place.add();
    const quota =
      limitMhz >= this.#megahertz ? Infinity : (limitMhz / this.#megahertz) * TICKS_TO_REFILL * this.tickCycles;
    this.#weight.push(shares);
    // What is placed on a pCPU is its group, as one that wakes up: the start debit is the thread's within it (enqueue_task_fair).
    this.#virtualTime.push(-Infinity);
    this.#turn.push(0);
    this.#quota.push(quota);
    this.#left.push(quota);
    this.#balance.add(shares);
  }

  ready(thread: number, woken: boolean): void {
    if (this.#left[thread] <= 0) this.#throttled.push(thread);
    else if (woken) this.#wake(thread);
    else this.#waiting[this.#place.home[thread]].add(thread);
  }

  pick(cpu: number): number {
    const before = this.#running[cpu];
    this.#running[cpu] = NOBODY;
    if (this.#waiting[cpu].vcpus.length === 0) this.#takeOver(this.#balance.forIdle(cpu), cpu);
    const first = this.#waiting[cpu].least(this.#virtualTime);
    if (first < 0) return NOBODY;
    const next = this.#waiting[cpu].take(this.#favoured(cpu, first));
    // Who is picked again goes on with its turn (pick_next_task_fair).
    if (next !== before) this.#turn[next] = 0;
    this.#next[cpu] = NOBODY;
    this.#running[cpu] = next;
    return next;
  }

  ran(thread: number, cycles: number): void {
    this.#virtualTime[thread] += cycles / this.#weight[thread];
    this.#turn[thread] += cycles;
    this.#left[thread] -= cycles;
    this.#advance(this.#place.home[thread], this.#virtualTime[thread]);
  }

  /** check_preempt_wakeup */
  preemptsAt(ready: number, running: number, now: number): number {
    const cpu = this.#place.home[ready];
    if (this.#place.home[running] !== cpu || this.#left[ready] <= 0) return Infinity;
    if (!this.#isFarBehind(ready, running)) return Infinity;
    this.#next[cpu] = ready;
    return now;
  }

  tick(): void {}

  account(): void {
    this.#ticks++;
    if (this.#ticks % TICKS_TO_REFILL === 0) this.#refill();
    this.#balance.tick(this.#running, this.#weight);
    for (let cpu = 0; cpu < this.#cpus; cpu++) {
      if (this.#running[cpu] !== NOBODY) this.#takeOver(this.#balance.forBusy(cpu), cpu);
    }
  }

  /** check_preempt_tick, and the end of a quota. */
  mustYield(running: number): boolean {
    if (this.#left[running] <= 0) return true;
    const cpu = this.#place.home[running];
    const waiting = this.#waiting[cpu];
    const first = waiting.least(this.#virtualTime);
    if (first < 0) return false;
    const slice = this.#slice(running, cpu);
    if (this.#turn[running] > slice) return true;
    if (this.#turn[running] < this.#times.minGranularity) return false;
    return this.#virtualTime[running] - this.#virtualTime[waiting.vcpus[first]] > slice;
  }

  /** On an idle pCPU, best where it ran last; with no more credit for its sleep than half the latency (place_entity). */
  #wake(thread: number): void {
    const last = this.#place.home[thread];
    for (let i = 0; i < this.#cpus; i++) {
      const cpu = (last + i) % this.#cpus;
      if (this.#running[cpu] !== NOBODY || this.#waiting[cpu].vcpus.length > 0) continue;
      this.#move(thread, cpu);
      break;
    }
    const home = this.#place.home[thread];
    this.#virtualTime[thread] = Math.max(this.#virtualTime[thread], this.#least[home] - this.#times.latency / 2);
    this.#waiting[home].add(thread);
  }

  /** Virtual times are those of a pCPU: what counts is how far one is from the least there. */
  #move(thread: number, cpu: number): void {
    this.#virtualTime[thread] += this.#least[cpu] - this.#least[this.#place.home[thread]];
    this.#place.home[thread] = cpu;
  }

  /** Who has taken another's place goes before whoever has less virtual time, unless that is too much less (pick_next_entity). */
  #favoured(cpu: number, first: number): number {
    const { vcpus } = this.#waiting[cpu];
    const place = vcpus.indexOf(this.#next[cpu]);
    return place < 0 || this.#isFarBehind(vcpus[first], vcpus[place]) ? first : place;
  }

  /** wakeup_preempt_entity */
  #isFarBehind(thread: number, other: number): boolean {
    const behind = this.#virtualTime[other] - this.#virtualTime[thread];
    return behind > this.#times.wakeupGranularity / this.#weight[thread];
  }

  /** Cycles of a turn (sched_slice). */
  #slice(thread: number, cpu: number): number {
    const { latency, minGranularity } = this.#times;
    const threads = this.#waiting[cpu].vcpus.length + 1;
    const period = threads > THREADS_IN_LATENCY ? threads * minGranularity : latency;
    return Math.max(minGranularity, (period * this.#weight[thread]) / this.#load(cpu));
  }

  #load(cpu: number): number {
    let load = this.#running[cpu] === NOBODY ? 0 : this.#weight[this.#running[cpu]];
    for (const thread of this.#waiting[cpu].vcpus) load += this.#weight[thread];
    return load;
  }

  /** The virtual time of a pCPU follows the least of all there, and never goes back (update_min_vruntime). */
  #advance(cpu: number, running: number): void {
    let least = running;
    for (const thread of this.#waiting[cpu].vcpus) least = Math.min(least, this.#virtualTime[thread]);
    this.#least[cpu] = Math.max(this.#least[cpu], least);
  }

  /** What was run beyond a quota is taken off the next one; what is left is not saved up. Who waited for it wakes up. */
  #refill(): void {
    for (let thread = 0; thread < this.#left.length; thread++) {
      this.#left[thread] = Math.min(this.#quota[thread], this.#left[thread] + this.#quota[thread]);
    }
    const throttled = this.#throttled;
    this.#throttled = [];
    for (const thread of throttled) this.ready(thread, true);
  }

  #takeOver(move: Move | undefined, cpu: number): void {
    if (move === undefined) return;
    const thread = this.#waiting[move.from].take(move.place);
    this.#move(thread, cpu);
    this.#waiting[cpu].add(thread);
  }
}

export const cfs = definePart({
  slot: "scheduler",
  name: "cfs",
  summary: "Linux's completely fair scheduler: least virtual time first, in turns that ticks of the clock end.",
  needs: ["hardware.tlb-flush"],
  honoursCpuSettings: ["limit"],
  parameters: {},
  create: (_, { profile }: HostContext) => {
    const scale = 1 + Math.floor(Math.log2(Math.min(profile.cores, MOST_CPUS_SCALED)));
    const cycles = (us: number): number => microsecondsToCycles(profile, us);
    const times: Times = {
      tick: cycles(TICK_US),
      latency: cycles(scale * LATENCY_US),
      minGranularity: cycles(scale * MIN_GRANULARITY_US),
      wakeupGranularity: cycles(scale * WAKEUP_GRANULARITY_US),
    };
    return new CompletelyFair(times, profile);
  },
});
