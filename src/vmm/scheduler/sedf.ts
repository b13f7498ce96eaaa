/**
 * Simple earliest deadline first (sEDF), the scheduler of Xen 3.0 to 3.0.2 (RELEASE-3.0.0, sched_sedf.c): a vCPU gets its
 * slice in every period, the earliest deadline first. What is left is extra time, handed out in small quanta: first to
 * those that have slept through a part of their slice, then by weight. Every pCPU has queues of its own. Weights can stand
 * for slices instead, of what is left of a pCPU by those that have slices of their own and by a safety margin.
 *
 * Xen leaves a pCPU idle when less than a quantum is left until the next period begins; here the rest is used.
 */
import { microsecondsToCycles, primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { HostContext, Scheduler, VcpuSettings } from "../host-contract.ts";
import { Placement } from "./placement.ts";
import { ReadyList } from "./ready-list.ts";

const NOBODY = -1;
/** Period of slices that follow from weights, and how much of it they leave (WEIGHT_PERIOD and WEIGHT_SAFETY, sched_sedf.c). */
const WEIGHT_PERIOD_MS = 100;
const WEIGHT_SAFETY_MS = 5;
/** What a vCPU runs on. */
const SLICE = 0;
const COMPENSATION = 1;
const EXTRA = 2;

export interface SedfParameters extends Record<string, number | boolean> {
  periodMs: number;
  sliceMs: number;
  extraTime: boolean;
  weightDriven: boolean;
  driverPeriodMs: number;
  driverSliceMs: number;
  extraQuantumUs: number;
}

/** The parameters in cycles. */
interface Times {
  readonly period: number;
  readonly slice: number;
  readonly driverPeriod: number;
  readonly driverSlice: number;
  readonly quantum: number;
  readonly weightPeriod: number;
  readonly weightSafety: number;
}

class Sedf implements Scheduler {
  readonly name = "sedf";
  readonly tickCycles = 0;
  readonly switchCycles: number;
  until = Infinity;
  readonly #megahertz: number;
  readonly #times: Times;
  readonly #extraTime: boolean;
  readonly #isWeightDriven: boolean;
  readonly #place: Placement;
  readonly #weight: number[] = [];
  readonly #period: number[] = [];
  readonly #slice: number[] = [];
  /** Those whose slices follow from their weights. */
  readonly #weighted: number[] = [];
  /** By pCPU: the part of it that is given to all other slices, from 0 to 1. */
  readonly #given: number[];
  /** End of the present period; before its beginning, a vCPU waits for it or runs in extra time. */
  readonly #deadline: number[] = [];
  /** Cycles of the present slice that have been run. */
  readonly #used: number[] = [];
  /** Cycles of a slice that it slept through and may make up for in extra time. */
  readonly #lost: number[] = [];
  /** Extra time divided by weight: who has had least is next. */
  readonly #extra: number[] = [];
  readonly #runsOn: number[] = [];
  /** Keys of those that wait, Infinity where it does not apply: deadline, period over what was lost, extra time. */
  readonly #deadlineKey: number[] = [];
  readonly #lostKey: number[] = [];
  readonly #extraKey: number[] = [];
  /** By pCPU: who waits, and the extra time of whoever ran in it last. */
  readonly #waiting: readonly ReadyList[];
  readonly #extraNow: number[];

  constructor({ extraTime, weightDriven }: SedfParameters, times: Times, { profile }: HostContext) {
    this.#megahertz = profile.megahertz;
    this.#times = times;
    this.#extraTime = extraTime;
    this.#isWeightDriven = weightDriven;
    this.switchCycles = primitiveCost(profile, "xen.domain-switch");
    this.#place = new Placement(profile.cores);
    this.#waiting = Array.from({ length: profile.cores }, () => new ReadyList());
    this.#extraNow = Array<number>(profile.cores).fill(0);
    this.#given = Array<number>(profile.cores).fill(0);
  }

  add({ shares, reservationMhz, drivers }: VcpuSettings): void {
    const { period, slice, driverPeriod, driverSlice, weightPeriod } = this.#times;
    const home = this.#place.add();
    const isWeighted = this.#isWeightDriven && !drivers && reservationMhz === 0;
    if (isWeighted) this.#weighted.push(this.#weight.length);
    const ownPeriod = drivers ? driverPeriod : isWeighted ? weightPeriod : period;
    const reserved = Math.round((reservationMhz / this.#megahertz) * period);
    const ownSlice = drivers ? driverSlice : isWeighted ? 0 : Math.max(slice, reserved);
    this.#weight.push(shares);
    this.#period.push(ownPeriod);
    this.#slice.push(ownSlice);
    this.#given[home] += ownSlice / ownPeriod;
    for (const state of [this.#deadline, this.#used, this.#lost, this.#extra]) state.push(0);
    this.#runsOn.push(EXTRA);
    for (const key of [this.#deadlineKey, this.#lostKey, this.#extraKey]) key.push(Infinity);
    if (this.#isWeightDriven) this.#divide(home);
  }

  /** Give those whose slices follow from their weights what the other slices of a pCPU leave (sedf_adjust_weights). */
  #divide(home: number): void {
    const { weightPeriod, weightSafety } = this.#times;
    const here = this.#weighted.filter((vcpu) => this.#place.home[vcpu] === home);
    const weights = here.reduce((sum, vcpu) => sum + this.#weight[vcpu], 0);
    const left = Math.max(0, weightPeriod * (1 - this.#given[home]) - weightSafety);
    for (const vcpu of here) this.#slice[vcpu] = Math.floor((this.#weight[vcpu] * left) / weights);
  }

  ready(vcpu: number, woken: boolean, now: number): void {
    const home = this.#place.home[vcpu];
    if (woken) this.#wake(vcpu, home, now);
    else if (this.#slice[vcpu] > 0 && this.#used[vcpu] >= this.#slice[vcpu]) this.#nextPeriod(vcpu);
    this.#waiting[home].add(vcpu);
  }

  pick(cpu: number, now: number): number {
    const waiting = this.#waiting[cpu];
    const nextPeriod = this.#setKeys(waiting, now);
    let runsOn = SLICE;
    let place = waiting.least(this.#deadlineKey);
    if (place < 0) {
      runsOn = COMPENSATION;
      place = waiting.least(this.#lostKey);
    }
    if (place < 0) {
      runsOn = EXTRA;
      place = waiting.least(this.#extraKey);
    }
    this.until = nextPeriod;
    if (place < 0) return NOBODY;
    const vcpu = waiting.take(place);
    this.#runsOn[vcpu] = runsOn;
    const turn = runsOn === SLICE ? this.#slice[vcpu] - this.#used[vcpu] : this.#times.quantum;
    // Its own period may begin while it runs in extra time.
    const ownPeriod = runsOn === SLICE || this.#slice[vcpu] === 0 ? Infinity : this.#begin(vcpu);
    this.until = Math.min(nextPeriod, ownPeriod, now + turn);
    if (runsOn === EXTRA) this.#extraNow[cpu] = Math.max(this.#extraNow[cpu], this.#extra[vcpu]);
    return vcpu;
  }

  ran(vcpu: number, cycles: number): void {
    if (this.#runsOn[vcpu] === SLICE) this.#used[vcpu] += cycles;
    else if (this.#runsOn[vcpu] === COMPENSATION) this.#lost[vcpu] = Math.max(0, this.#lost[vcpu] - cycles);
    else this.#extra[vcpu] += cycles / this.#weight[vcpu];
  }

  /** Who may run on its slice goes before extra time, and before a later deadline; compensation goes before extra time. */
  preemptsAt(ready: number, running: number, now: number): number {
    if (this.#place.home[ready] !== this.#place.home[running]) return Infinity;
    const runsOn = this.#runsOn[running];
    if (this.#slice[ready] > 0 && this.#begin(ready) <= now) {
      return runsOn !== SLICE || this.#deadline[ready] < this.#deadline[running] ? now : Infinity;
    }
    if (this.#lost[ready] > 0 && runsOn === EXTRA) return now;
    return this.#slice[ready] > 0 ? this.#begin(ready) : Infinity;
  }

  tick(): void {}

  account(): void {}

  mustYield(): boolean {
    return false;
  }

  #begin(vcpu: number): number {
    return this.#deadline[vcpu] - this.#period[vcpu];
  }

  #nextPeriod(vcpu: number): void {
    this.#deadline[vcpu] += this.#period[vcpu];
    this.#used[vcpu] = 0;
  }

  /**
   * Who sleeps within its period has no claim to the rest of its slice, which others may have been promised, but is
   * compensated for it in extra time; who sleeps longer begins a period when it wakes up.
   */
  #wake(vcpu: number, home: number, now: number): void {
    this.#extra[vcpu] = Math.max(this.#extra[vcpu], this.#extraNow[home]);
    if (this.#slice[vcpu] === 0 || now < this.#begin(vcpu)) return;
    if (now < this.#deadline[vcpu]) {
      this.#lost[vcpu] = Math.max(0, this.#slice[vcpu] - this.#used[vcpu]);
      this.#nextPeriod(vcpu);
      return;
    }
    this.#deadline[vcpu] = now + this.#period[vcpu];
    this.#used[vcpu] = 0;
  }

  /** Set the keys of all that wait. Returns when the first of their periods begins that has not begun. */
  #setKeys(waiting: ReadyList, now: number): number {
    let next = Infinity;
    for (const vcpu of waiting.vcpus) {
      const slice = this.#slice[vcpu];
      if (slice > 0 && this.#deadline[vcpu] <= now) this.#catchUp(vcpu, now);
      const begun = slice > 0 && this.#begin(vcpu) <= now;
      if (slice > 0 && !begun) next = Math.min(next, this.#begin(vcpu));
      this.#deadlineKey[vcpu] = begun ? this.#deadline[vcpu] : Infinity;
      const extra = !begun && this.#takesExtraTime(vcpu);
      this.#lostKey[vcpu] = extra && this.#lost[vcpu] > 0 ? this.#period[vcpu] / this.#lost[vcpu] : Infinity;
      this.#extraKey[vcpu] = extra ? this.#extra[vcpu] : Infinity;
    }
    return next;
  }

  /** A vCPU without a slice lives on extra time alone. */
  #takesExtraTime(vcpu: number): boolean {
    return this.#extraTime || this.#slice[vcpu] === 0;
  }

  /** A deadline has been missed: the next one that is still to come, with a new slice. */
  #catchUp(vcpu: number, now: number): void {
    const missed = Math.floor((now - this.#deadline[vcpu]) / this.#period[vcpu]) + 1;
    this.#deadline[vcpu] += missed * this.#period[vcpu];
    this.#used[vcpu] = 0;
  }
}

export const sedf = definePart<"scheduler", SedfParameters>({
  slot: "scheduler",
  name: "sedf",
  summary: "Simple earliest deadline first: a slice in every period, and extra time by weight.",
  needs: ["xen.domain-switch"],
  honoursCpuSettings: ["reservation"],
  parameters: {
    periodMs: { summary: "Period of a vCPU", default: 100, unit: "ms", min: 1, source: "Xen 3.0.0, sched_sedf.c" },
    sliceMs: {
      summary: "Slice of a vCPU that reserves nothing (0: it lives on extra time)",
      default: 0,
      unit: "ms",
      min: 0,
      source: "Xen 3.0.0, sched_sedf.c",
    },
    extraTime: {
      summary: "Whether vCPUs with a slice get extra time on top",
      default: true,
      source: "Xen 3.0.0, sched_sedf.c",
    },
    weightDriven: {
      summary: "Shares give slices, of 100 ms less 5 and less the slices of others, not extra time alone",
      default: false,
      source: "Xen 3.0.0, sched_sedf.c (sedf_adjust_weights); off unless a domain is given a weight",
    },
    driverPeriodMs: { summary: "Period of dom0", default: 20, unit: "ms", min: 1, source: "Xen 3.0.0, sched_sedf.c" },
    driverSliceMs: { summary: "Slice of dom0", default: 15, unit: "ms", min: 0, source: "Xen 3.0.0, sched_sedf.c" },
    extraQuantumUs: {
      summary: "Extra time is handed out in turns as long as this",
      default: 500,
      unit: "us",
      min: 10,
      source: "Xen 3.0.0, sched_sedf.c",
    },
  },
  create: (parameters, context: HostContext) => {
    const cycles = (us: number): number => microsecondsToCycles(context.profile, us);
    const times: Times = {
      period: cycles(1000 * parameters.periodMs),
      slice: cycles(1000 * parameters.sliceMs),
      driverPeriod: cycles(1000 * parameters.driverPeriodMs),
      driverSlice: cycles(1000 * parameters.driverSliceMs),
      quantum: cycles(parameters.extraQuantumUs),
      weightPeriod: cycles(1000 * WEIGHT_PERIOD_MS),
      weightSafety: cycles(1000 * WEIGHT_SAFETY_MS),
    };
    return new Sedf(parameters, times, context);
  },
});
