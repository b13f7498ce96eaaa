/**
 * The scheduler of Linux 2.4 (2.4.22, kernel/sched.c), for guests that are processes of one kernel, or whose VMMs are: each has
 * a counter of ticks left, and whoever is worth most runs, on any CPU. When nobody who waits has ticks left, all counters are
 * filled again; those that sleep keep half of what they had.
 */
import { InputError } from "../../core/input-error.ts";
import { SECOND_US } from "../../core/time.ts";
import { FLAG_WRITE_COSTS } from "../../guest/kernel-paths.ts";
import { KERNEL_VERSIONS } from "../../guest/kernel-version.ts";
import { type MachineProfile, microsecondsToCycles } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import { hostSwitch } from "../cpu/host-calls.ts";
import type { HostContext, Scheduler, VcpuSettings } from "../host-contract.ts";

const TICK_US = SECOND_US / KERNEL_VERSIONS["linux-2.4"].hz;
/** NICE_TO_TICKS of nice 0, 19 and -20. */
const USUAL_TICKS = 6;
const LEAST_TICKS = 1;
const MOST_TICKS = 11;
/** A tick is worth four steps of the nice value (TICK_SCALE). */
const NICE_PER_TICK = 4;
/** PROC_CHANGE_PENALTY (include/asm-i386/smp.h): what staying on a CPU is worth. */
const SAME_CPU = 15;
/** What it is worth that its page tables are loaded; here it is taken that no two share them. */
const LOADED = 1;
const NOBODY = -1;

class Goodness implements Scheduler {
  readonly name = "goodness";
  readonly tickCycles: number;
  readonly switchCycles: number;
  readonly until = Infinity;
  /** By process: ticks of a full counter, ticks left, the CPU it ran on last. */
  readonly #ticks: number[] = [];
  readonly #counter: number[] = [];
  readonly #cpu: number[] = [];
  /** By CPU: who ran there last. */
  readonly #latest: number[] = [];
  /** Place in the run queue; who has just woken up comes first. */
  readonly #order: number[] = [];
  #first = 0;
  readonly #waiting: number[] = [];

  constructor(tickCycles: number, switchCycles: number) {
    this.tickCycles = tickCycles;
    this.switchCycles = switchCycles;
  }

  /** Shares stand for the nice value whose counter is nearest to so many times the usual one. */
  add({ shares }: VcpuSettings): void {
    const ticks = Math.min(MOST_TICKS, Math.max(LEAST_TICKS, Math.round(USUAL_TICKS * shares)));
    this.#ticks.push(ticks);
    this.#counter.push(ticks);
    this.#cpu.push(NOBODY);
    this.#order.push(0);
  }

  ready(process: number, woken: boolean): void {
    if (woken) this.#order[process] = --this.#first;
    this.#waiting.push(process);
  }

  pick(cpu: number): number {
    const waiting = this.#waiting;
    if (waiting.length === 0) return NOBODY;
    let place = this.#best(cpu);
    if (this.#counter[waiting[place]] === 0) {
      this.#refill();
      place = this.#best(cpu);
    }
    const process = waiting[place];
    const last = waiting.pop() as number;
    if (place < waiting.length) waiting[place] = last;
    this.#cpu[process] = cpu;
    this.#latest[cpu] = process;
    return process;
  }

  ran(): void {}

  /** preemption_goodness */
  preemptsAt(ready: number, running: number, now: number): number {
    const cpu = this.#cpu[running];
    return this.#goodness(ready, cpu) > this.#goodness(running, cpu) ? now : Infinity;
  }

  tick(running: number): void {
    this.#counter[running] = Math.max(0, this.#counter[running] - 1);
  }

  account(): void {}

  mustYield(running: number): boolean {
    return this.#counter[running] === 0;
  }

  #best(cpu: number): number {
    const waiting = this.#waiting;
    let best = 0;
    let most = -1;
    for (let place = 0; place < waiting.length; place++) {
      const goodness = this.#goodness(waiting[place], cpu);
      const isEarlier = this.#order[waiting[place]] < this.#order[waiting[best]];
      if (goodness < most || (goodness === most && !isEarlier)) continue;
      best = place;
      most = goodness;
    }
    return best;
  }

  #goodness(process: number, cpu: number): number {
    const counter = this.#counter[process];
    if (counter === 0) return 0;
    const stays = (this.#cpu[process] === cpu ? SAME_CPU : 0) + (this.#latest[cpu] === process ? LOADED : 0);
    return counter + NICE_PER_TICK * (this.#ticks[process] - 1) + stays;
  }

  #refill(): void {
    for (let process = 0; process < this.#counter.length; process++) {
      this.#counter[process] = (this.#counter[process] >> 1) + this.#ticks[process];
    }
  }
}

function switchCyclesOf(profile: MachineProfile): number {
  const cycles = hostSwitch(profile);
  if (!Number.isNaN(cycles)) return cycles;
  throw new InputError(
    `machine "${profile.name}" gives no kernel-paths.context-switch, which the scheduler goodness needs`,
  );
}

export const goodness = definePart({
  slot: "scheduler",
  name: "goodness",
  summary: "The scheduler of a host's Linux 2.4: whoever has most ticks left runs, best where it ran last.",
  ofKernel: "linux-2.4",
  needs: ["hardware.call-return", ...FLAG_WRITE_COSTS, "hardware.tlb-flush"],
  parameters: {},
  create: (_, { profile }: HostContext) =>
    new Goodness(microsecondsToCycles(profile, TICK_US), switchCyclesOf(profile)),
});
