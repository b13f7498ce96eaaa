/** A machine with nothing but CPUs: who runs when, under a scheduler, with every decision checked. */
import { cause, Ledger } from "../../src/core/ledger.ts";
import { EventQueue } from "../../src/sim/event-queue.ts";
import { HeldBack } from "../../src/sim/held-back.ts";
import { Processors } from "../../src/sim/processors.ts";
import type { Vcpu, VcpuWork } from "../../src/sim/vcpu.ts";
import { VcpuSwitches } from "../../src/sim/vcpu-switches.ts";
import type { Part } from "../../src/vmm/contract.ts";
import { esx } from "../../src/vmm/esx.ts";
import type { Scheduler, VcpuSettings } from "../../src/vmm/host-contract.ts";
import { USUAL_ENTITLEMENT } from "../../src/workload/compiled-workload.ts";
import { buildHost, profile } from "./fixtures.ts";

export const MS = profile.megahertz * 1000;
const USER = cause("guest.user");
const PROCESSOR = 0;
const TICK = 1;
const WAKE = 2;
const SAMPLE = 3;

export function settings(changes: Partial<VcpuSettings> = {}): VcpuSettings {
  return { ...USUAL_ENTITLEMENT, drivers: false, ...changes };
}

export interface TestVcpu extends Partial<VcpuSettings> {
  /** Cycles that it runs each time it is woken; absent: it computes all the time. */
  readonly runs?: number;
  /** Cycles between two wake-ups. */
  readonly every?: number;
}

/** Hands every call on, sums up who has run how long, and looks on when a pCPU is left idle or somebody wants another's. */
class Observed implements Scheduler {
  readonly name: string;
  readonly tickCycles: number;
  readonly switchCycles = 0;
  readonly used: number[] = [];
  readonly displaced: number[] = [];
  readonly waiting = new Set<number>();
  #stopped = -1;
  readonly #scheduler: Scheduler;
  readonly #onIdle: NonNullable<CpuHost["onIdle"]>;
  readonly #onAsk: NonNullable<CpuHost["onAsk"]>;

  constructor(scheduler: Scheduler, { onIdle = () => {}, onAsk = () => {} }: CpuHost) {
    this.#scheduler = scheduler;
    this.#onIdle = onIdle;
    this.#onAsk = onAsk;
    this.name = scheduler.name;
    this.tickCycles = scheduler.tickCycles;
  }

  get until(): number {
    return this.#scheduler.until;
  }

  get runsUntil(): Scheduler["runsUntil"] {
    return this.#scheduler.runsUntil;
  }

  add(vcpu: VcpuSettings): void {
    this.used.push(0);
    this.displaced.push(0);
    this.#scheduler.add(vcpu);
  }

  ready(vcpu: number, woken: boolean, now: number): void {
    this.waiting.add(vcpu);
    this.#scheduler.ready(vcpu, woken, now);
    if (!woken) this.#stopped = vcpu;
  }

  pick(cpu: number, now: number): number {
    const vcpu = this.#scheduler.pick(cpu, now);
    if (this.#stopped >= 0 && vcpu !== this.#stopped) this.displaced[this.#stopped]++;
    this.#stopped = -1;
    if (vcpu < 0) this.#onIdle(cpu, this.waiting);
    else if (!this.waiting.delete(vcpu)) throw new Error(`${this.name} picks vCPU ${vcpu}, which is not waiting`);
    if (!(this.until > now)) throw new Error(`${this.name} decides until ${this.until} at ${now}`);
    return vcpu;
  }

  ran(vcpu: number, cycles: number): void {
    this.used[vcpu] += cycles;
    this.#scheduler.ran(vcpu, cycles);
  }

  preemptsAt(ready: number, running: number, now: number): number {
    this.#onAsk(ready, running);
    return this.#scheduler.preemptsAt(ready, running, now);
  }

  tick(running: number): void {
    this.#scheduler.tick(running);
  }

  account(): void {
    this.#scheduler.account();
  }

  mustYield(running: number): boolean {
    return this.#scheduler.mustYield(running);
  }
}

export interface CpuRun {
  /** Cycles that each vCPU has run up to each sample. */
  readonly used: readonly (readonly number[])[];
  /** Cycles for which each has been ready while others ran, up to each sample. */
  readonly heldBack: readonly (readonly number[])[];
  readonly idle: number;
  /** How often each had to stop, and another one, or none, ran in its place. */
  readonly displaced: readonly number[];
  /** By vCPU: cycles from each wake-up to the end of the work that it was woken for. */
  readonly delays: readonly (readonly number[])[];
}

export interface CpuHost {
  readonly part: Part<"scheduler">;
  readonly cpus: number;
  readonly vcpus: readonly TestVcpu[];
  readonly cycles: number;
  readonly sampleEvery?: number;
  /** A pCPU is left idle while these vCPUs wait. */
  readonly onIdle?: (cpu: number, waiting: ReadonlySet<number>) => void;
  /** A vCPU would take the place of one that runs. */
  readonly onAsk?: (ready: number, running: number) => void;
}

export function runCpus(host: CpuHost): CpuRun {
  const { part, cpus, vcpus, cycles, sampleEvery = cycles } = host;
  const machine = { ...profile, cores: cpus };
  const built = buildHost({ ...esx, memory: [], scheduler: part }, 1, machine);
  const scheduler = new Observed(built.scheduler, host);
  const events = new EventQueue();
  const ledger = new Ledger();
  const processors = new Processors(cpus, scheduler, new VcpuSwitches(machine, 0), ledger, events, PROCESSOR);
  const delays: number[][] = vcpus.map(() => []);
  const added: Vcpu[] = [];
  let now = 0;
  const clocks = vcpus.map(() => new HeldBack(() => now, 1));
  const sleepers = vcpus.map(({ runs = 0 }, i) => new Sleeper(runs, delays[i], clocks[i]));
  vcpus.forEach((vcpu, i) => {
    const { runs, every } = vcpu;
    const hog: VcpuWork = { advance: () => (added[i].pending.add(USER, MS), true), heldBack: clocks[i] };
    added.push(processors.addVcpu(runs === undefined ? hog : sleepers[i], settings(vcpu)));
    sleepers[i].vcpu = added[i];
    if (runs === undefined) processors.wake(added[i]);
    else events.add(every ?? 0, WAKE, i);
  });
  if (scheduler.tickCycles > 0) events.add(scheduler.tickCycles, TICK);
  events.add(sampleEvery, SAMPLE);
  processors.placeWoken(0);
  const used: number[][] = [];
  const heldBack: number[][] = [];
  while (events.take() && events.time <= cycles) {
    now = events.time;
    if (events.kind === PROCESSOR) processors.onEvent(events.subject, events.detail, now);
    else if (events.kind === TICK) {
      processors.tick(now);
      events.add(now + scheduler.tickCycles, TICK);
    } else if (events.kind === WAKE) {
      const vcpu = events.subject;
      sleepers[vcpu].ask(now);
      processors.wake(added[vcpu]);
      events.add(now + (vcpus[vcpu].every ?? 0), WAKE, vcpu);
    } else {
      processors.settle(now);
      used.push([...scheduler.used]);
      heldBack.push(clocks.map(({ us }) => us));
      events.add(now + sampleEvery, SAMPLE);
    }
    processors.placeWoken(now);
  }
  return { used, heldBack, idle: ledger.cyclesByCause().idle ?? 0, displaced: scheduler.displaced, delays };
}

/** Works off what it has been asked for, in order. */
class Sleeper implements VcpuWork {
  vcpu: Vcpu | undefined;
  readonly heldBack: HeldBack;
  readonly #runs: number;
  readonly #delays: number[];
  readonly #asked: number[] = [];
  #working = false;

  constructor(runs: number, delays: number[], heldBack: HeldBack) {
    this.heldBack = heldBack;
    this.#runs = runs;
    this.#delays = delays;
  }

  ask(now: number): void {
    this.#asked.push(now);
  }

  advance(now: number): boolean {
    if (this.#working) this.#delays.push(now - (this.#asked.shift() ?? now));
    this.#working = this.#asked.length > 0;
    if (this.#working) this.vcpu?.pending.add(USER, this.#runs);
    return this.#working;
  }
}

/**
 * What vCPUs that always compute get of `capacity` pCPUs, in pCPUs: in proportion to weight, nobody more than `most` (of
 * at most one), the rest divided among the others (generalized processor sharing, Parekh and Gallager 1993).
 */
export function fluidRates(weights: readonly number[], most: readonly number[], capacity: number): number[] {
  const rates = weights.map(() => 0);
  // The rates as functions of the water level: filled one vCPU after the other, in the order in which they are full.
  const order = weights.map((_, i) => i).sort((a, b) => most[a] / weights[a] - most[b] / weights[b]);
  let left = capacity;
  let weight = weights.reduce((sum, one) => sum + one, 0);
  for (const i of order) {
    rates[i] = Math.min(most[i], (left * weights[i]) / weight);
    left -= rates[i];
    weight -= weights[i];
  }
  return rates;
}
