/**
 * When threads move from one pCPU to another under Linux (6.1, load_balance in kernel/sched/fair.c), for pCPUs that share a
 * cache. A load is what has wanted to run lately, by weight, an average that decays; here it is taken at ticks.
 */
import type { Placement } from "./placement.ts";
import type { ReadyList } from "./ready-list.ts";

/** A load decays to half in so long (PELT). */
const HALF_LIFE_US = 32_000;
/**
 * A pCPU that computes looks for threads elsewhere every so many milliseconds a pCPU (busy_factor, sd_init), and half as often
 * when it found loads even the last time.
 */
const LOOK_MS_PER_CPU = 16;
/** A pCPU is left alone that has not more than so much of one's own load, percent (imbalance_pct, sd_init). */
const IMBALANCE_PERCENT = 117;

/** A thread that waits on a pCPU, by its place in the list there, and is to be moved. */
export interface Move {
  readonly from: number;
  readonly place: number;
}

export class LoadBalance {
  readonly #cpus: number;
  readonly #home: readonly number[];
  readonly #waiting: readonly ReadyList[];
  readonly #decay: number;
  /** From one look for threads elsewhere to the next, in ticks: after one that found loads uneven, and even ones. */
  readonly #ticksUneven: number;
  readonly #ticksEven: number;
  /** By thread: its load. For a choice among those that wait: 0 for whoever it is between, Infinity for the others. */
  readonly #load: number[] = [];
  readonly #key: number[] = [];
  /** By pCPU: its load, the tick of its next look, and how often in a row nobody was light enough to be moved. */
  readonly #loadOf: number[];
  readonly #looksAt: number[];
  readonly #failures: number[];
  #ticks = 0;

  constructor(tickUs: number, { home }: Placement, waiting: readonly ReadyList[]) {
    this.#cpus = waiting.length;
    this.#home = home;
    this.#waiting = waiting;
    this.#decay = 2 ** (-tickUs / HALF_LIFE_US);
    const ticks = (1000 * LOOK_MS_PER_CPU * waiting.length) / tickUs;
    // One less, so that pCPUs fall out of step (get_sd_balance_interval).
    this.#ticksUneven = ticks - 1;
    this.#ticksEven = 2 * ticks - 1;
    this.#loadOf = waiting.map(() => 0);
    this.#looksAt = waiting.map(() => this.#ticksUneven);
    this.#failures = waiting.map(() => 0);
  }

  /** A new thread counts as one that has always wanted to run (init_entity_runnable_average). */
  add(weight: number): void {
    this.#load.push(weight);
    this.#key.push(Infinity);
  }

  /** A tick has come; `running`, by pCPU: who runs there, -1: nobody. `weight`: by thread. */
  tick(running: readonly number[], weight: readonly number[]): void {
    this.#ticks++;
    const lately = 1 - this.#decay;
    for (let thread = 0; thread < weight.length; thread++) this.#load[thread] *= this.#decay;
    for (let cpu = 0; cpu < this.#cpus; cpu++) {
      if (running[cpu] >= 0) this.#load[running[cpu]] += lately * weight[running[cpu]];
      for (const thread of this.#waiting[cpu].vcpus) this.#load[thread] += lately * weight[thread];
    }
  }

  /** What a pCPU without work takes over: who has waited longest where most is to be done (newidle_balance). */
  forIdle(cpu: number): Move | undefined {
    const from = this.#busiest(cpu);
    return from < 0 ? undefined : this.#longestWaiting(from, Infinity);
  }

  /** What a pCPU takes over that computes, if it is time to look: whatever brings neither beyond the mean (calculate_imbalance). */
  forBusy(cpu: number): Move | undefined {
    if (this.#ticks < this.#looksAt[cpu]) return undefined;
    const from = this.#busiest(cpu);
    const imbalance = from < 0 ? 0 : this.#imbalance(cpu, from);
    this.#looksAt[cpu] = this.#ticks + (imbalance > 0 ? this.#ticksUneven : this.#ticksEven);
    // Whoever is heavier may come after all when that has failed for some time (detach_tasks).
    const move = imbalance > 0 ? this.#longestWaiting(from, imbalance * 2 ** this.#failures[cpu]) : undefined;
    this.#failures[cpu] = imbalance > 0 && move === undefined ? this.#failures[cpu] + 1 : 0;
    return move;
  }

  #sum(): void {
    this.#loadOf.fill(0);
    for (let thread = 0; thread < this.#load.length; thread++) this.#loadOf[this.#home[thread]] += this.#load[thread];
  }

  /** The pCPU with the highest load where somebody waits; -1: there is none, and no load was added up. */
  #busiest(cpu: number): number {
    let busiest = -1;
    for (let other = 0; other < this.#cpus; other++) {
      if (other === cpu || this.#waiting[other].vcpus.length === 0) continue;
      if (busiest < 0) this.#sum();
      if (busiest < 0 || this.#loadOf[other] > this.#loadOf[busiest]) busiest = other;
    }
    return busiest;
  }

  #imbalance(cpu: number, busiest: number): number {
    const own = this.#loadOf[cpu];
    const most = this.#loadOf[busiest];
    if (100 * most <= IMBALANCE_PERCENT * own) return 0;
    let all = 0;
    for (const load of this.#loadOf) all += load;
    const mean = all / this.#cpus;
    return Math.min(most - mean, mean - own);
  }

  /** Of those that wait on a pCPU and are not too heavy. */
  #longestWaiting(from: number, heaviest: number): Move | undefined {
    const waiting = this.#waiting[from];
    for (const thread of waiting.vcpus) this.#key[thread] = this.#load[thread] <= heaviest ? 0 : Infinity;
    const place = waiting.least(this.#key);
    return place < 0 ? undefined : { from, place };
  }
}
