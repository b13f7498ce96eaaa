/**
 * Borrowed virtual time (Duda and Cheriton 1999), the scheduler of Xen 1.x and 2.0: whoever has the least effective virtual
 * time runs for the context switch allowance, and on if it still has the least then. A vCPU that wakes up may borrow from its
 * future (warp). Every pCPU has a queue of its own, and vCPUs stay where they are put.
 *
 * In the paper a turn lasts until its vCPU is ahead of the next one by the allowance. In all versions of Xen that have this
 * scheduler, until 2006, it lasts for the allowance only: what it is behind is added in charging units to a time in nanoseconds
 * (schedule.c and sched_bvt.c, r_time).
 */
import { microsecondsToCycles, primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { HostContext, Scheduler, VcpuSettings } from "../host-contract.ts";
import { Placement } from "./placement.ts";
import { ReadyList } from "./ready-list.ts";

/** Xen 2.0: how many allowances a vCPU runs when nobody else on its pCPU is ready. */
const ALLOWANCES_ALONE = 10;
/** Xen 1.x: a timer that goes off so little later is not set again. */
const TIMER_SLOP_US = 50;
/** Virtual times are sums of fractions. */
const ROUNDING = 1e-6;
const NOBODY = -1;

export interface BvtParameters extends Record<string, number | boolean> {
  mcuUs: number;
  mcuAdvance: number;
  allowanceMs: number;
  warpMs: number;
  warpLimitMs: number;
  unwarpMs: number;
}

/** The parameters in cycles. */
interface Times {
  readonly mcu: number;
  readonly allowance: number;
  readonly slop: number;
  readonly warp: number;
  readonly warpLimit: number;
  readonly unwarp: number;
}

class BorrowedVirtualTime implements Scheduler {
  readonly name = "bvt";
  readonly tickCycles = 0;
  readonly switchCycles: number;
  until = Infinity;
  readonly #times: Times;
  readonly #unitAdvance: number;
  /** Virtual time that a warped vCPU is ahead by. */
  readonly #borrowed: number;
  readonly #place: Placement;
  /** By vCPU: virtual time that an mcu of CPU time takes, the inverse of the weight; actual and effective virtual time. */
  readonly #advance: number[] = [];
  readonly #actual: number[] = [];
  readonly #effective: number[] = [];
  /** Cycles of the present turn that are not in the virtual time yet. */
  readonly #unpaid: number[] = [];
  /** Cycles that it has run warped, -1: it is not warped; and from when on it may be again. */
  readonly #warped: number[] = [];
  readonly #mayWarp: number[] = [];
  /** By pCPU: who waits, who runs, since when, until when, and the scheduler's virtual time. */
  readonly #waiting: readonly ReadyList[];
  readonly #running: number[];
  readonly #since: number[];
  readonly #end: number[];
  readonly #virtualTime: number[];

  constructor(times: Times, mcuAdvance: number, cpus: number, switchCycles: number) {
    this.#times = times;
    this.#unitAdvance = mcuAdvance;
    this.#borrowed = (times.warp / times.mcu) * mcuAdvance;
    this.switchCycles = switchCycles;
    this.#place = new Placement(cpus);
    this.#waiting = Array.from({ length: cpus }, () => new ReadyList());
    this.#running = Array<number>(cpus).fill(NOBODY);
    this.#since = Array<number>(cpus).fill(0);
    this.#end = Array<number>(cpus).fill(Infinity);
    this.#virtualTime = Array<number>(cpus).fill(0);
  }

  add({ shares }: VcpuSettings): void {
    const virtualTime = this.#virtualTime[this.#place.add()];
    this.#advance.push(this.#unitAdvance / shares);
    this.#actual.push(virtualTime);
    this.#effective.push(virtualTime);
    this.#unpaid.push(0);
    this.#warped.push(-1);
    this.#mayWarp.push(0);
  }

  /** Time spent asleep is not saved up. */
  ready(vcpu: number, woken: boolean, now: number): void {
    const home = this.#place.home[vcpu];
    this.#pay(vcpu);
    if (woken) {
      this.#actual[vcpu] = Math.max(this.#actual[vcpu], this.#virtualTime[home]);
      this.#warped[vcpu] = this.#times.warp > 0 && now >= this.#mayWarp[vcpu] ? 0 : -1;
    } else if (this.#warped[vcpu] >= this.#times.warpLimit) {
      this.#warped[vcpu] = -1;
      this.#mayWarp[vcpu] = now + this.#times.unwarp;
    }
    this.#effective[vcpu] = this.#actual[vcpu] - (this.#warped[vcpu] < 0 ? 0 : this.#borrowed);
    if (woken) this.#waiting[home].addFirst(vcpu);
    else this.#waiting[home].add(vcpu);
  }

  pick(cpu: number, now: number): number {
    const waiting = this.#waiting[cpu];
    if (this.#running[cpu] !== NOBODY) this.#pay(this.#running[cpu]);
    const place = waiting.least(this.#effective);
    const next = place < 0 ? NOBODY : waiting.take(place);
    this.#running[cpu] = next;
    this.until = next === NOBODY ? Infinity : now + this.#turn(next, waiting);
    this.#since[cpu] = now;
    this.#end[cpu] = this.until;
    return next;
  }

  ran(vcpu: number, cycles: number): void {
    this.#unpaid[vcpu] += cycles;
    if (this.#warped[vcpu] >= 0) this.#warped[vcpu] += cycles;
  }

  /**
   * When the running vCPU has run for the allowance (Xen 1.x, reschedule), or will be ahead of the one that is ready by it, if
   * that is earlier: then the one that is ready warps, as without it nobody has less than who runs.
   */
  preemptsAt(ready: number, running: number, now: number): number {
    const cpu = this.#place.home[ready];
    if (this.#place.home[running] !== cpu) return Infinity;
    const at = this.#since[cpu] + this.#times.allowance - this.#ahead(running, ready);
    if (at <= now) return now;
    if (at + this.#times.slop >= this.#end[cpu]) return Infinity;
    this.#end[cpu] = at;
    return at;
  }

  tick(): void {}

  account(): void {}

  mustYield(): boolean {
    return false;
  }

  /** Cycles, in whole charging units, that a vCPU has run more for its weight than another one. */
  #ahead(vcpu: number, other: number): number {
    const units = (this.#effective[vcpu] - this.#effective[other]) / this.#advance[vcpu];
    return Math.max(0, Math.floor(units + ROUNDING)) * this.#times.mcu;
  }

  #turn(next: number, waiting: ReadyList): number {
    const { warpLimit, allowance } = this.#times;
    // The scheduler's virtual time is the least actual one of those that want to run.
    let least = this.#actual[next];
    for (const vcpu of waiting.vcpus) least = Math.min(least, this.#actual[vcpu]);
    const home = this.#place.home[next];
    this.#virtualTime[home] = Math.max(this.#virtualTime[home], least);
    const turn = waiting.vcpus.length === 0 ? ALLOWANCES_ALONE * allowance : allowance;
    return this.#warped[next] < 0 ? turn : Math.min(turn, warpLimit - this.#warped[next]);
  }

  /** A turn is over: its time is charged in whole minimum charging units. */
  #pay(vcpu: number): void {
    const { mcu } = this.#times;
    this.#actual[vcpu] += Math.ceil(this.#unpaid[vcpu] / mcu) * this.#advance[vcpu];
    this.#unpaid[vcpu] = 0;
  }
}

export const bvt = definePart<"scheduler", BvtParameters>({
  slot: "scheduler",
  name: "bvt",
  summary:
    "Borrowed virtual time: who has run least for its weight goes first; who wakes up may borrow from its future.",
  needs: ["xen.domain-switch"],
  parameters: {
    mcuUs: {
      summary: "Minimum charging unit: turns are charged in whole ones",
      default: 100,
      unit: "us",
      min: 1,
      source: "Xen 1.x to 3.0, sched_bvt.c",
    },
    mcuAdvance: {
      summary: "Virtual time that a vCPU with one share is charged for a minimum charging unit",
      default: 10,
      unit: "1",
      min: 1,
      source: "Xen 1.x to 3.0, sched_bvt.c",
    },
    allowanceMs: {
      summary: "Context switch allowance: how long a vCPU runs before another one may",
      default: 5,
      unit: "ms",
      min: 0.1,
      source: "Xen 1.x to 3.0, sched_bvt.c; Barham et al. 2003, section 4.5",
    },
    warpMs: {
      summary: "What a vCPU that wakes up borrows (0: nothing), as CPU time of one with one share",
      default: 0,
      unit: "ms",
      min: 0,
      source: "Xen 2.0, sched_bvt.c: off until a domain is given one",
    },
    warpLimitMs: {
      summary: "Longest that a vCPU runs on borrowed time",
      default: 2000,
      unit: "ms",
      min: 1,
      source: "Xen 2.0, sched_bvt.c",
    },
    unwarpMs: {
      summary: "How long a vCPU that has reached this limit may not borrow again",
      default: 1000,
      unit: "ms",
      min: 0,
      source: "Xen 2.0, sched_bvt.c",
    },
  },
  create: (parameters, { profile }: HostContext) => {
    const cycles = (ms: number): number => microsecondsToCycles(profile, 1000 * ms);
    const times: Times = {
      mcu: microsecondsToCycles(profile, parameters.mcuUs),
      allowance: cycles(parameters.allowanceMs),
      slop: microsecondsToCycles(profile, TIMER_SLOP_US),
      warp: cycles(parameters.warpMs),
      warpLimit: cycles(parameters.warpLimitMs),
      unwarp: cycles(parameters.unwarpMs),
    };
    return new BorrowedVirtualTime(
      times,
      parameters.mcuAdvance,
      profile.cores,
      primitiveCost(profile, "xen.domain-switch"),
    );
  },
});
